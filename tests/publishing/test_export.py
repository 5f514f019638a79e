"""A published model has the chosen voices and the codes of the trained one, and nothing of the machine that made it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import MODEL, save_codec

import vqspeech
from vqspeech.checkpoints.directory import damage
from vqspeech.checkpoints.store import save
from vqspeech.codec.load import load_speech
from vqspeech.config import parse_model
from vqspeech.errors import AudioError, InputError, UnknownNameError
from vqspeech.model import build, complete
from vqspeech.publishing.export import ExportOptions, export

SPEAKERS = ("ann", "bob", "cleo", "dan")
NOTES = {speaker: f"the voice {speaker}" for speaker in SPEAKERS}
FILES = {"config.json", "model.safetensors", "checksums.json", "README.md"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a spectral head, four voices, and paths of this machine in its description."""
    run = tmp_path_factory.mktemp("home") / "run"
    torch.manual_seed(0)
    config = parse_model({**MODEL, "spectral": {"weight": 1.0, "hop_samples": 64, "channels": 4}})
    model = build(config, SPEAKERS)
    model.quantizer.start(torch.randn(200, 3), torch.Generator().manual_seed(0))
    facts = {
        "run": {"modality": "audio", "seed": 3, "model": {"codes_from": "/home/ann/run"}, "train": {"steps": 7},
                "corpus": {"name": "mixture", "options": {"parts": [{"corpus": "vctk", "folder": "/data/vctk"}]}}},
        "corpus": {"name": "mixture", "variant": "two corpora", "synthetic": False},
        "data": "0" * 64,
        "heard_speakers": ["ann", "bob", "cleo", "dan", "eve"],
        "speaker_notes": NOTES,
        "codes_from": {"model": "/home/ann/run", "codebook": "1" * 64},
    }  # fmt: skip
    state = {"optimizer": torch.zeros(3)}
    path = run / "checkpoints" / "step-00000007"
    save(path, model.state_dict(), config=config, speakers=SPEAKERS, step=7, facts=facts, state=state)
    return run


@pytest.fixture
def codec(run):
    return load_speech(run)


def waveform(seed=0, seconds=1.0):
    return np.random.default_rng(seed).normal(0, 0.1, int(16000 * seconds)).astype(np.float32)


def test_it_holds_these_files_and_loads_strictly(codec, tmp_path):
    made = export(codec, tmp_path / "model")
    assert {path.name for path in made.path.iterdir()} == FILES
    assert damage(made.path) is None
    loaded = vqspeech.from_pretrained(made.path)
    assert loaded.speakers == SPEAKERS
    assert loaded.codec.step == 7
    assert loaded.codec.speaker_notes == NOTES
    assert loaded.codec.model.spectral_head is None


def test_the_codes_are_those_of_the_trained_model(codec, tmp_path):
    made = export(codec, tmp_path / "model")
    published = load_speech(made.path)
    assert published.codebook == codec.codebook
    x = torch.from_numpy(waveform())[None]
    assert torch.equal(published.encode(x), codec.encode(x))
    assert made.changes is not None and made.changes.changed == 0
    assert made.changes.codes == 30 * 16000 // 64
    assert "0 of 7,500 codes of 30 s of a synthetic signal change" in (made.path / "README.md").read_text()


def test_decoder_matrices_are_in_16_bit_and_vectors_and_codebooks_in_32(codec, tmp_path):
    weights = load_file(export(codec, tmp_path / "model").path / "model.safetensors")
    for name, tensor in weights.items():
        if name.startswith("quantizer.") or tensor.ndim < 2:
            assert tensor.dtype != torch.float16, name
        elif name.startswith("decoder."):
            assert tensor.dtype == torch.float16, name


def test_speech_is_nearly_that_of_the_trained_model(codec, tmp_path):
    """Weights differ by rounding to 11 bits; samples are drawn, so one step of a distribution is compared."""
    published = load_speech(export(codec, tmp_path / "model").path)
    for name, tensor in published.model.state_dict().items():
        torch.testing.assert_close(tensor, codec.model.state_dict()[name], rtol=1e-3, atol=1e-6)


def test_the_encoder_keeps_32_bit_where_16_change_codes(codec, tmp_path):
    noise = [str(write(tmp_path / f"{seed}.wav", waveform(seed, 20))) for seed in range(3)]
    kept = export(codec, tmp_path / "kept", ExportOptions(recordings=noise))
    small = export(codec, tmp_path / "small", ExportOptions(recordings=noise, allow_changed_codes=True))
    assert (kept.encoder_dtype, kept.changes.changed) == ("float32", 0)
    assert small.encoder_dtype == "float16"
    assert 0 < small.changes.changed < 0.02 * small.changes.codes
    assert kept.changes.codes == small.changes.codes == 3 * 20 * 16000 // 64
    assert f"{small.changes.changed} of 15,000 codes of 60 s of recordings" in (small.path / "README.md").read_text()
    facts = json.loads((small.path / "config.json").read_text())["weights"]
    assert facts == {
        "decoder": "float16", "encoder": "float16", "codes_changed": small.changes.changed, "codes_compared": 15000
    }  # fmt: skip


def test_weights_of_32_bit_are_those_of_the_trained_model(codec, tmp_path):
    made = export(codec, tmp_path / "model", ExportOptions(dtype="float32"))
    assert made.changes is None
    for name, tensor in load_file(made.path / "model.safetensors").items():
        assert torch.equal(tensor, codec.model.state_dict()[name]), name


def test_a_weight_beyond_the_range_of_16_bit_is_kept(codec, tmp_path):
    name = next(name for name in codec.model.state_dict() if name.startswith("decoder.") and name.endswith("weight"))
    with torch.no_grad():
        codec.model.state_dict()[name].view(-1)[0] = 1e5
    assert load_file(export(codec, tmp_path / "model").path / "model.safetensors")[name].dtype == torch.float32


def test_voices_keep_their_rows(codec, tmp_path):
    made = export(codec, tmp_path / "model", ExportOptions(speakers=["dan", "bob"], dtype="float32"))
    published = load_speech(made.path)
    assert published.speakers == ("bob", "dan")
    assert published.speaker_notes == {"bob": "the voice bob", "dan": "the voice dan"}
    table = codec.model.decoder.speaker_embedding.weight
    assert torch.equal(published.model.decoder.speaker_embedding.weight, table[[1, 3]])
    codes = codec.encode(torch.from_numpy(waveform())[None])[:, :, :20]
    for speaker in published.speakers:
        assert torch.equal(published.decode(codes, speaker), codec.decode(codes, speaker))
    with pytest.raises(UnknownNameError, match="'ann'"):
        published.decode(codes, "ann")


def test_voices_of_the_decoder_harmonic_keep_their_pitch(tmp_path):
    torch.manual_seed(0)
    decoder = {"name": "harmonic", "channels": 8, "frame_channels": 4, "speaker_channels": 3, "pitch_channels": 4,
               "adversary_weight": 1.0, "adversary_channels": 2}  # fmt: skip
    config = complete(parse_model({**MODEL, "decoder": decoder}))
    model = build(config, SPEAKERS)
    model.quantizer.start(torch.randn(200, 3), torch.Generator().manual_seed(0))
    pitch = torch.tensor([4.6, 4.8, 5.2, 5.4])
    model.decoder.fit_pitch(pitch, 0.1 * pitch)
    save(tmp_path / "run", model.state_dict(), config=config, speakers=SPEAKERS, step=1)
    codec = load_speech(tmp_path / "run")
    options = ExportOptions(speakers=["bob", "dan"], dtype="float32")
    published = load_speech(export(codec, tmp_path / "model", options).path)
    assert codec.model.decoder.adversaries is not None and published.model.decoder.adversaries is None
    assert torch.equal(published.model.decoder.pitch_mean, pitch[[1, 3]])
    codes = codec.encode(torch.from_numpy(waveform())[None])[:, :, :40]
    for speaker in published.speakers:
        assert torch.equal(published.decode(codes, speaker), codec.decode(codes, speaker))


def residual(path):
    torch.manual_seed(0)
    config = complete(parse_model({**MODEL, "quantizer": {"name": "rvq", "codebook_size": 8, "codebooks": 3}}))
    model = build(config, SPEAKERS)
    model.quantizer.start(torch.randn(200, 3), torch.Generator().manual_seed(0))
    save(path, model.state_dict(), config=config, speakers=SPEAKERS, step=1)
    return load_speech(path)


def test_the_first_codebooks_give_the_first_codes_and_what_they_decode_to(tmp_path):
    codec = residual(tmp_path / "run")
    made = export(codec, tmp_path / "model", ExportOptions(codebooks=2))
    published = load_speech(made.path)
    assert published.codebook_sizes == (8, 8)
    assert made.changes is not None and (made.changes.changed, made.changes.codes) == (0, 2 * 7500)
    x = torch.from_numpy(waveform())[None]
    codes = published.encode(x)
    assert torch.equal(codes, codec.encode(x)[:, :2])
    levels = codec.model.quantizer.levels
    wanted = sum(levels[book].decode(codes[:, book : book + 1]) for book in range(2))
    torch.testing.assert_close(published.model.quantizer.decode(codes), wanted)


@pytest.mark.parametrize(("codebooks", "message"), [(0, "0 codebooks"), (4, "4 codebooks cannot be kept; .* has 3")])
def test_a_number_of_codebooks_that_there_is_not_is_refused(codec, tmp_path, codebooks, message):
    with pytest.raises(InputError, match=message):
        export(residual(tmp_path / "run"), tmp_path / "model", ExportOptions(codebooks=codebooks))
    with pytest.raises(InputError, match=r"'vq' of .* is not residual"):
        export(codec, tmp_path / "model", ExportOptions(codebooks=1))
    assert not (tmp_path / "model").exists()


def test_no_path_and_no_fingerprint_leaves_the_machine(run, codec, tmp_path):
    text = (export(codec, tmp_path / "model").path / "config.json").read_text()
    for private in ("/home/ann", "/data/vctk", str(run), "0" * 64, "1" * 64):
        assert private not in text
    facts = json.loads(text)
    assert facts["run"]["train"] == {"steps": 7}
    assert facts["run"]["corpus"] == {"name": "mixture", "options": {"parts": [{"corpus": "vctk"}]}}
    assert facts["heard_speakers"] == ["ann", "bob", "cleo", "dan", "eve"]
    assert facts["model"]["codes_from"] is None


def test_a_model_that_needs_a_file_of_the_machine_is_refused(codec, tmp_path):
    config = replace(codec.config, encoder={**codec.config.encoder, "weights": "/home/ann/hubert.safetensors"})
    with pytest.raises(InputError, match=r"model\.encoder\.weights = '/home/ann/hubert\.safetensors'"):
        export(replace(codec, config=config), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_earlier_export_is_replaced_and_anything_else_kept(codec, tmp_path, run):
    made = export(codec, tmp_path / "model")
    assert export(codec, tmp_path / "model", ExportOptions(speakers=["ann"])).path == made.path
    assert load_speech(made.path).speakers == ("ann",)
    (made.path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match=r"holds other files \(thesis\.tex\)"):
        export(codec, tmp_path / "model")
    with pytest.raises(InputError, match=r"holds other files \(train_state\.pt\)"):
        export(replace(codec, path=tmp_path), codec.path)
    with pytest.raises(InputError, match="is the model itself"):
        export(codec, codec.path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        export(codec, tmp_path / "file")


def test_a_full_disk_leaves_the_earlier_export(codec, tmp_path, monkeypatch):
    made = export(codec, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in made.path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        export(codec, tmp_path / "model", ExportOptions(speakers=["ann"]))
    assert {path.name: path.read_bytes() for path in made.path.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"speakers": ["dann"]}, UnknownNameError, "Did you mean 'dan'"),
        ({"speakers": []}, InputError, "no speaker is chosen"),
        ({"dtype": "int8"}, InputError, "give float16 or float32"),
        ({"recordings": ["/nowhere.wav"]}, InputError, "nowhere"),
    ],
)
def test_options_that_cannot_be_used_write_nothing(codec, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        export(codec, tmp_path / "model", ExportOptions(**options))
    assert list(tmp_path.iterdir()) == []


def test_recordings_that_cannot_be_read_write_nothing(codec, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"text\.wav"):
        export(codec, tmp_path / "model", ExportOptions(recordings=[str(tmp_path / "text.wav")]))
    assert not (tmp_path / "model").exists()


def test_speaker_embeddings_of_the_published_voices_come_along(codec, tmp_path):
    voices = {speaker: {"embedding": [0.5] * 256} for speaker in ("ann", "bob", "zoe")}
    (tmp_path / "voices.json").write_text(json.dumps({"format": 1, "embedding": "resemblyzer", "voices": voices}))
    options = ExportOptions(speakers=["ann", "cleo"], voices=tmp_path / "voices.json")
    made = export(codec, tmp_path / "model", options)
    written = json.loads((made.path / "voices.json").read_text())
    assert (written["embedding"], list(written["voices"])) == ("resemblyzer", ["ann"])
    assert damage(made.path) is None
    again = export(load_speech(made.path), tmp_path / "again")
    assert (again.path / "voices.json").read_text() == (made.path / "voices.json").read_text()
    (tmp_path / "voices.json").write_text("[]")
    with pytest.raises(InputError, match=r"is no voices\.json"):
        export(codec, tmp_path / "third", options)


def test_a_model_saves_itself(tmp_path):
    save_codec(tmp_path / "run")
    model = vqspeech.load(tmp_path / "run")
    path = model.save_pretrained(tmp_path / "model", speakers=["p226"], dtype="float32")
    again = vqspeech.from_pretrained(path)
    assert again.speakers == ("p226",)
    x = waveform()
    assert np.array_equal(again.encode(x), model.encode(x))
    with pytest.raises(UnknownNameError, match="Did you mean 'speakers'"):
        model.save_pretrained(tmp_path / "other", speaker=["p226"])


def write(path, samples):
    from vqspeech import audio

    audio.write(path, samples, 16000)
    return path
