"""A voice is added to a copy of a model, and removed from one."""

import json

import pytest
import torch
from safetensors.torch import load_file
from stores import contents
from tiny import MODEL

from vqspeech.checkpoints.store import save
from vqspeech.codec.load import load_speech
from vqspeech.config import parse_model
from vqspeech.conversion import Conversion, convert
from vqspeech.errors import AudioError, CheckpointError, InputError, UnknownNameError
from vqspeech.model import build
from vqspeech.nn.speakers import speaker_tensors
from vqspeech.sampling.decoder import WaveNetDecoder
from vqspeech.voices.models import add_voice, remove_voice


@pytest.fixture(scope="module")
def added(model, recordings, tmp_path_factory):
    """The model with a third voice."""
    before = contents(model)
    done = add_voice(model, "me", [recordings], tmp_path_factory.mktemp("added") / "out", steps=20)
    assert contents(model) == before
    return done


def test_the_new_model_has_one_more_row_and_is_the_same_otherwise(model, added):
    old, new = load_file(model / "model.safetensors"), load_file(added.path / "model.safetensors")
    tables = speaker_tensors(load_speech(model).model)
    assert old.keys() == new.keys()
    for name, tensor in old.items():
        assert torch.equal(new[name][: len(tensor)], tensor)
        assert len(new[name]) == len(tensor) + (name in tables)
    codec = load_speech(added.path)
    assert codec.speakers == ("p225", "p226", "me")
    assert codec.heard_speakers == ("me", "p225", "p226", "p999")
    assert codec.speaker_notes == {"p225": "a note", "me": "added from 12 s of speech"}
    assert codec.codebook == load_speech(model).codebook


def test_fitting_lowers_the_loss_on_held_out_clips(added):
    assert added.voice.after < added.voice.before
    assert added.voice.steps > 0


def test_the_pitch_of_a_voice_is_that_of_its_recordings(added):
    decoder = load_speech(added.path).model.decoder
    if decoder.speaker_buffers():
        assert decoder.pitch_mean[2].exp().item() == pytest.approx(180, rel=0.02)
        assert decoder.pitch_std[2] == pytest.approx(0.02)


def test_it_speaks_with_the_new_voice(added, recordings):
    codec = load_speech(added.path)
    item = {"waveform": torch.randn(1600).numpy(), "key": "a"}
    mine, other = (convert(codec, [Conversion(speaker=name, **item)]).waveforms[0] for name in ("me", "p225"))
    assert len(mine) == 1600
    assert not torch.equal(torch.from_numpy(mine), torch.from_numpy(other))


def test_the_same_seed_gives_the_same_voice(model, recordings, tmp_path):
    weights = []
    for number, seed in enumerate((1, 1, 2)):
        add_voice(model, "me", [recordings], tmp_path / str(number), steps=3, seed=seed)
        weights.append((tmp_path / str(number) / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_a_removed_voice_leaves_the_model_as_it_was(model, added, tmp_path):
    path = remove_voice(added.path, "me", tmp_path / "out")
    assert (path / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    codec = load_speech(path)
    assert codec.speakers == ("p225", "p226")
    assert "me" in codec.heard_speakers
    without = load_speech(remove_voice(model, "p225", tmp_path / "other"))
    assert without.speakers == ("p226",)
    assert without.speaker_notes == {}
    old = load_speech(model).model.decoder.speaker_embedding.weight
    assert torch.equal(without.model.decoder.speaker_embedding.weight, old[1:])


def test_unusable_names_places_and_voices(model, recordings, tmp_path):
    with pytest.raises(InputError, match="has a voice 'p225' already"):
        add_voice(model, "p225", [recordings], tmp_path / "out")
    with pytest.raises(InputError, match=r"the name 'a/b' is not allowed"):
        add_voice(model, "a/b", [recordings], tmp_path / "out")
    with pytest.raises(UnknownNameError, match=r"unknown speaker 'p227'.*p226"):
        remove_voice(model, "p227", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="full exists already"):
        add_voice(model, "me", [recordings], tmp_path / "full")
    alone = remove_voice(model, "p226", tmp_path / "alone")
    with pytest.raises(InputError, match="'p225' is the only voice"):
        remove_voice(alone, "p225", tmp_path / "out")


def test_unusable_recordings_leave_nothing_behind(model, tmp_path):
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(AudioError, match="not audio"):
        add_voice(model, "me", [tmp_path / "a.wav"], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_models_without_voices_to_add_to_are_refused(model, recordings, tmp_path, monkeypatch):
    config = parse_model(MODEL)
    save(tmp_path / "none", build(config, ()).state_dict(), config=config, speakers=(), step=0)
    with pytest.raises(InputError, match="has no speakers"):
        add_voice(tmp_path / "none", "me", [recordings], tmp_path / "out")
    with pytest.raises(CheckpointError, match="there is no run directory"):
        add_voice(tmp_path / "missing", "me", [recordings], tmp_path / "out")
    save(tmp_path / "plugin", build(config, ("a",)).state_dict(), config=config, speakers=("a",), step=0)
    monkeypatch.setattr(WaveNetDecoder, "speaker_embedding", None)
    with pytest.raises(InputError, match="WaveNetDecoder, has no speaker_embedding"):
        add_voice(tmp_path / "plugin", "me", [recordings], tmp_path / "out")


def test_weights_on_disk_keep_their_precision(model, recordings, tmp_path):
    from safetensors.torch import save_file

    half = tmp_path / "half"
    half.mkdir()
    save_file(
        {name: t.half() if t.is_floating_point() else t for name, t in load_file(model / "model.safetensors").items()},
        half / "model.safetensors",
    )
    (half / "config.json").write_text((model / "config.json").read_text())
    path = add_voice(half, "me", [recordings], tmp_path / "out", steps=1).path
    assert all(t.dtype != torch.float32 for t in load_file(path / "model.safetensors").values())
    assert json.loads((path / "config.json").read_text())["added_voices"][0]["name"] == "me"
