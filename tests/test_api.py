"""The front door for Python: arrays, tensors, batches and lists through a model; training and scoring by one call."""

import pydoc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import vqspeech
from vqspeech import audio
from vqspeech.checkpoints.store import save
from vqspeech.config import parse_model
from vqspeech.errors import AudioError, InputError, UnknownNameError
from vqspeech.model import build
from vqspeech.testing.speech import vowel, write_corpus

MODEL = {
    "encoder": {"strides": [[16, 8], [16, 8], [8, 4]], "channels": 4, "dim": 3},
    "quantizer": {"name": "rvq", "codebook_size": 8, "codebooks": 2},
    "decoder": {"cycles": 1, "layers_per_cycle": 2, "residual_channels": 4, "skip_channels": 4},
}
HOP = 256


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    config, path = parse_model(MODEL), tmp_path_factory.mktemp("run") / "step-1"
    network = build(config, ("ann", "bob"))
    network.quantizer.start(torch.randn(100, 3), torch.Generator().manual_seed(0))
    save(path, network.state_dict(), config=config, speakers=("ann", "bob"), step=1)
    return vqspeech.load(path)


@pytest.fixture
def waveforms():
    rng = np.random.default_rng(0)
    return [(0.3 * rng.normal(size=time)).astype(np.float32) for time in (1000, 2048, 300)]


def test_a_model_says_what_it_is(model):
    assert model.speakers == ("ann", "bob")
    assert (model.sample_rate, model.frame_rate_hz, model.codebook_sizes) == (16_000, 62.5, (8, 8))
    assert "8 x 8 codes at 62.5 Hz, 2 speakers" in repr(model)


def test_a_batch_without_rows_gives_none(model):
    assert model.encode(np.zeros((0, 100), np.float32)).shape == (0, 2, 0)
    assert model.encode(np.zeros((0, 100), np.float32)).dtype == np.int64
    assert model.decode(torch.zeros(0, 2, 5, dtype=torch.int64), "ann").shape == (0, 0)


def test_tensors_of_half_precision_are_audio(model, waveforms):
    x = torch.from_numpy(waveforms[0])
    for dtype in (torch.float16, torch.bfloat16):
        assert torch.equal(model.encode(x.to(dtype)), model.encode(x.to(dtype).float()))


def test_waveforms_are_at_the_rate_of_the_decoder(model, waveforms, monkeypatch):
    monkeypatch.setattr(model.codec.model.decoder, "sample_rate", 24_000)
    assert (vqspeech.api.Model(model.codec).sample_rate, vqspeech.api.Model(model.codec).output_rate) == (
        16_000,
        24_000,
    )


@pytest.mark.parametrize("device", ["nowhere", "cuda:99"])
def test_a_device_that_is_not_there_is_named(model, device):
    with pytest.raises(InputError, match=f"device '{device}'"):
        vqspeech.load(model.codec.path, device=device)


def test_results_have_the_form_of_what_is_given(model, waveforms):
    x = waveforms[1]
    codes = model.encode(x)
    assert codes.shape == (2, 8) and codes.dtype == np.int64
    batch = model.encode(np.stack([x, x]))
    assert isinstance(batch, np.ndarray) and np.array_equal(batch, np.stack([codes, codes]))
    tensor = model.encode(torch.from_numpy(x))
    assert isinstance(tensor, torch.Tensor) and np.array_equal(tensor.numpy(), codes)
    several = model.encode(waveforms)
    assert [found.shape for found in several] == [(2, 4), (2, 8), (2, 2)]
    assert np.array_equal(several[1], codes)

    y = model.decode(codes, speaker="bob")
    assert y.shape == (2048,) and y.dtype == np.float32 and np.abs(y).max() <= 1
    assert model.decode(batch, speaker="bob").shape == (2, 2048)
    assert isinstance(model.decode(tensor, speaker="bob"), torch.Tensor)
    assert [len(found) for found in model.decode(several, speaker="bob")] == [4 * HOP, 8 * HOP, 2 * HOP]


def test_converting_is_encoding_and_then_decoding(model, waveforms):
    x = waveforms[0]
    converted = model.convert(x, speaker="ann", seed=3)
    assert np.array_equal(converted, model.decode(model.encode(x), speaker="ann", seed=3))
    assert not np.array_equal(converted, model.convert(x, speaker="ann", seed=4))
    greedy = [model.convert(x, speaker="ann", seed=seed, temperature=0.0) for seed in (1, 2)]
    assert np.array_equal(*greedy)


def test_a_decoder_of_pitch_keeps_melody_level_and_silence(tmp_path):
    small = {"channels": 16, "frame_channels": 16, "dilations": [1], "pitch_channels": 8, "pitch_dilations": [1]}
    config = parse_model({**MODEL, "decoder": {"name": "harmonic", **small}})
    network = build(config, ("ann", "bob"))
    network.decoder.fit_pitch(torch.tensor([5.0, 5.3]), torch.tensor([0.2, 0.2]))
    save(tmp_path / "step-1", network.state_dict(), config=config, speakers=("ann", "bob"), step=1)
    model = vqspeech.load(tmp_path / "step-1")
    x = np.concatenate([vowel("a", 130, 0.5), np.zeros(4000, np.float32)])
    several = model.convert([x, x[:300]], speaker="bob", intonation="flat")
    assert [len(found) for found in several] == [12032, 512]
    assert not several[0][8000:].any() and several[0][:8000].any()
    assert isinstance(model.convert(torch.from_numpy(x), speaker="ann"), torch.Tensor)
    loud, quiet = model.convert(x, speaker="ann"), model.convert(0.1 * x, speaker="ann")
    assert np.linalg.norm(loud) > 5 * np.linalg.norm(quiet)
    with pytest.raises(UnknownNameError, match="intonation 'flatt'"):
        model.convert(x, speaker="ann", intonation="flatt")


def test_audio_of_another_rate_is_resampled(model, waveforms):
    x = waveforms[1]
    assert np.array_equal(model.encode(x, 16_000), model.encode(x))
    assert model.encode(x, 8_000).shape == (2, 16)
    assert np.array_equal(model.encode(x, 8_000), model.encode(audio.resample(x, 8_000, 16_000)))


@pytest.mark.parametrize(
    "given, error, message",
    [
        (np.zeros((2, 2, 2), np.float32), InputError, r"shape \(2, 2, 2\)"),
        (np.zeros(8, np.int16), AudioError, "int16"),
        (np.zeros(0, np.float32), AudioError, "0 samples"),
        (np.full(8, np.nan, np.float32), AudioError, "not finite"),
        ([np.zeros((2, 8), np.float32)], InputError, "1 dimensions"),
        ("hello.wav", InputError, "'hello.wav'.*not a path"),
    ],
)
def test_audio_that_cannot_be_encoded_is_named(model, given, error, message):
    with pytest.raises(error, match=message):
        model.encode(given)


@pytest.mark.parametrize(
    "codes, error, message",
    [
        (np.zeros((3, 5), np.int64), InputError, r"shape \(3, 5\)"),
        (np.full((2, 5), 8), InputError, "outside the codebooks"),
        (np.zeros((2, 5)), InputError, "float64"),
        (np.zeros(5, np.int64), InputError, r"shape \(5,\)"),
    ],
)
def test_codes_that_cannot_be_decoded_are_named(model, codes, error, message):
    with pytest.raises(error, match=message):
        model.decode(codes, speaker="bob")


def test_an_unknown_speaker_is_named(model, waveforms):
    with pytest.raises(UnknownNameError, match=r"'bobb'.*bob"):
        model.convert(waveforms[0], speaker="bobb")


def test_a_model_is_trained_and_scored_by_one_call_each(tmp_path):
    data = write_corpus(tmp_path / "data")
    config = {
        "corpus": {"name": "folder"},
        "model": MODEL,
        "train": {"steps": 2, "batch_size": 2, "crop_samples": 4096, "start_crops": 4, "accelerator": "cpu"},
    }
    result = vqspeech.train(config, tmp_path / "run", data_dir=data, overrides=["train.steps=1"])
    assert (result.step, result.checkpoint.name) == (1, "step-00000001")
    scores = vqspeech.score(tmp_path / "run", "folder", data_dir=data, include_silence=True)
    assert 0 < scores["prior"] <= scores["accuracy"] <= 1
    with pytest.raises(InputError, match="no_such_option"):
        vqspeech.score(tmp_path / "run", "folder", data_dir=data, no_such_option=1)


def test_help_is_short_and_types_are_known(tmp_path):
    assert len(pydoc.plain(pydoc.render_doc(vqspeech)).splitlines()) < 600
    (tmp_path / "use.py").write_text(
        "import vqspeech\nm = vqspeech.load('x')\nreveal_type(m.speakers)\nvqspeech.load_modell('x')\n"
    )
    pytest.importorskip("mypy")
    # With the cache that checking the repository leaves.
    command = [sys.executable, "-m", "mypy", str(tmp_path / "use.py")]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert 'Revealed type is "tuple[str, ...]"' in done.stdout
    assert 'has no attribute "load_modell"' in done.stdout
