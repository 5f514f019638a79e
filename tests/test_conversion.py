"""Voice conversion: one waveform out for each in, the same whatever else is converted."""

import numpy as np
import pytest
import soundfile
import torch
from tiny import MODEL, SPEAKERS, save_codec

from vqspeech.audio.pitch import track
from vqspeech.codec import chunks, finish
from vqspeech.codec.speech import SpeechCodec, stream_number
from vqspeech.config import parse_model
from vqspeech.conversion import Conversion, convert, convert_file
from vqspeech.encoding import decode_table, encode_files
from vqspeech.errors import AudioError, UnknownNameError
from vqspeech.model import build
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.testing.speech import vowel

HARMONIC = {"channels": 24, "frame_channels": 16, "dilations": [1, 2], "pitch_channels": 16, "pitch_dilations": [1]}


@pytest.fixture
def checkpoint(tmp_path):
    return save_codec(tmp_path / "run")


def item(key, time=700, speaker="p226", seed=0):
    waveform = 0.3 * np.random.default_rng(seed).normal(size=time).astype(np.float32)
    return Conversion(waveform=waveform, speaker=speaker, key=key)


def test_each_waveform_gives_one_of_its_length(checkpoint):
    items = [item("a", 700), item("b", 1), item("c", 64), item("d", 65)]
    result = convert(checkpoint, items)
    assert [len(waveform) for waveform in result.waveforms] == [700, 1, 64, 65]
    assert all(np.isfinite(waveform).all() and np.abs(waveform).max() <= 1 for waveform in result.waveforms)
    assert convert(checkpoint, []).waveforms == ()


def test_a_file_sounds_the_same_alone_and_among_others(checkpoint):
    items = [item("a", 700), item("b", 900, seed=1), item("c", 300, seed=2)]
    together = convert(checkpoint, items, SpeakOptions(seed=4)).waveforms
    for one, waveform in zip(items, together, strict=True):
        assert np.array_equal(convert(checkpoint, [one], SpeakOptions(seed=4)).waveforms[0], waveform)


def test_speaker_key_and_seed_each_make_a_difference(checkpoint):
    def first(seed=0, **facts):
        return convert(checkpoint, [item(**{"key": "a", **facts})], SpeakOptions(seed=seed)).waveforms[0]

    plain = first()
    assert np.array_equal(first(), plain)
    for other in (first(speaker="p225"), first(key="b"), first(seed=1)):
        assert not np.array_equal(other, plain)


def test_the_waveform_given_is_not_touched(checkpoint):
    one = item("a")
    one.waveform.setflags(write=False)
    before = one.waveform.copy()
    convert(checkpoint, [one])
    assert np.array_equal(one.waveform, before)


def test_an_unknown_speaker_is_refused(checkpoint):
    with pytest.raises(UnknownNameError, match=r"unknown speaker 'p228'; known: p225, p226"):
        convert(checkpoint, [item("a"), item("b", speaker="p228")])


def test_streams_are_63_bits_of_the_name():
    numbers = {stream_number(f"p225_{number:03}") for number in range(1000)}
    assert len(numbers) == 1000
    assert all(0 <= number < 2**63 for number in numbers)
    # Or every file would sound different after an upgrade.
    assert stream_number("p225_001") == 1390085698424355796


def test_a_file_of_another_rate_becomes_a_file_of_the_models_rate(checkpoint, tmp_path):
    samples = 0.3 * np.sin(np.arange(2205) / 10)
    soundfile.write(tmp_path / "in.wav", np.stack([samples, samples], 1), 22050)
    convert_file(tmp_path / "run", tmp_path / "in.wav", "p226", tmp_path / "out.flac", seed=1)
    found, rate = soundfile.read(tmp_path / "out.flac")
    assert rate == 16000
    assert found.shape == (1600,)


def test_a_file_that_is_no_audio_is_refused(checkpoint, tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    with pytest.raises(AudioError, match=r"text\.wav"):
        convert_file(tmp_path / "run", tmp_path / "text.wav", "p226", tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


# recordings of any length


@pytest.mark.parametrize(
    "encoder",
    [{}, {"residual_dilations": [1, 3]}, {"front_end": {"kind": "mfcc", "deltas": True, "mean_window_samples": 3200}}],
)
@pytest.mark.parametrize("cuts", [[], [1, 65, 999, 3936], [2560]])
def test_converting_is_encoding_and_then_decoding_bit_for_bit(encoder, cuts, tmp_path, monkeypatch):
    """A recording in blocks, longer than a chunk, through `convert`; the same in a file through tables of codes."""
    monkeypatch.setattr(chunks, "CHUNK_S", 0.05)
    strides = [[4, 2]] if "front_end" in encoder else [[16, 8], [16, 8]]
    config = parse_model({**MODEL, "encoder": {**MODEL["encoder"], "strides": strides, **encoder}})
    torch.manual_seed(0)
    model = build(config, SPEAKERS).eval().requires_grad_(False)
    waveform = (0.3 * np.random.default_rng(0).normal(size=12_001)).clip(-1, 1).astype(np.float32)
    waveform = np.round(waveform * 32767).astype(np.float32) / 32768
    model.quantizer.start(model.encoder(torch.from_numpy(waveform)[None])[0].T, torch.Generator().manual_seed(0))
    codec = SpeechCodec(model=model, config=config, speakers=SPEAKERS, step=3, path=tmp_path, facts={})
    soundfile.write(tmp_path / "a.wav", waveform, 16000, subtype="PCM_16")
    table, _ = encode_files(codec, [tmp_path / "a.wav"])
    codes = codec.encode(torch.from_numpy(waveform)[None])[0].numpy()
    assert len(np.unique(codes)) > 8
    np.testing.assert_array_equal(table.rows[0].codes, codes)
    blocks = Conversion(waveform=iter(np.split(waveform, cuts)), speaker="p226", key="a")
    (converted,) = convert(codec, [blocks], SpeakOptions(seed=2)).waveforms
    (decoded,) = decode_table(codec, table, "p226", SpeakOptions(seed=2)).waveforms
    np.testing.assert_array_equal(converted, decoded)
    assert len(converted) == 12_001


def test_what_is_delivered_is_what_is_returned(checkpoint, monkeypatch):
    monkeypatch.setattr(finish, "MEASURED_S", 0.05)
    items = [item("a", 3000), item("b", 64, seed=1)]
    whole = convert(checkpoint, items, keep_level=True).waveforms
    delivered = [[], []]

    def deliver(utterance, waveform, last):
        assert not (delivered[utterance] and delivered[utterance][-1][1])
        delivered[utterance].append((waveform, last))

    pieces = [
        Conversion(waveform=iter(np.split(one.waveform, [50])), speaker=one.speaker, key=one.key) for one in items
    ]
    result = convert(checkpoint, iter(pieces), deliver=deliver, keep_level=True)
    assert [len(waveform) for waveform in result.waveforms] == [0, 0]
    assert result.samples_per_second > 0
    for parts, waveform in zip(delivered, whole, strict=True):
        assert np.array_equal(np.concatenate([piece for piece, _ in parts]), waveform)
        assert [last for _, last in parts] == [False] * (len(parts) - 1) + [True]
    assert len(delivered[0]) > 1


# level, silence and melody


@pytest.fixture
def harmonic(tmp_path):
    """A codec with the decoder `harmonic`, its weights random, its voices two octaves apart."""
    config = parse_model({**MODEL, "decoder": {"name": "harmonic", **HARMONIC}})
    torch.manual_seed(0)
    model = build(config, SPEAKERS).eval().requires_grad_(False)
    model.decoder.fit_pitch(torch.tensor([100.0, 200.0]).log(), torch.tensor([0.2, 0.2]))
    return SpeechCodec(model=model, config=config, speakers=SPEAKERS, step=0, path=tmp_path, facts={})


def active_level(waveform):
    power = np.square(waveform[: len(waveform) // 160 * 160].reshape(-1, 160)).mean(1)
    return 10 * np.log10(power[power > power.max() / 1000].mean())


@pytest.mark.parametrize("gain", [0.02, 0.2, 2.0])
@pytest.mark.parametrize("decoder", ["wavenet", "harmonic"])
def test_a_conversion_is_as_loud_as_its_source(decoder, gain, checkpoint, harmonic):
    sound = np.concatenate([vowel(phone, 130, 0.4) for phone in "aiue"])
    source = np.clip(gain * sound, -1, 1).astype(np.float32)
    codec = checkpoint if decoder == "wavenet" else harmonic
    item = Conversion(waveform=source, speaker="p226", key="a")
    (made,) = convert(codec, [item], keep_level=True).waveforms
    assert np.abs(made).max() < 1
    assert active_level(made) == pytest.approx(active_level(source), abs=1.5)


def test_digital_silence_stays_silent_and_begins_without_a_click(harmonic):
    source = np.concatenate([vowel("a", 130, 0.5), np.zeros(8000, np.float32), vowel("i", 130, 0.5)])
    blocks = Conversion(waveform=iter(np.split(source, [777, 9000])), speaker="p226", key="a")
    (made,) = convert(harmonic, [blocks]).waveforms
    assert not made[8000:16000].any()
    assert np.abs(made[:7900]).max() > 0.05
    assert np.abs(made[7990:8000]).max() < 0.3 * np.abs(made[:7900]).max()
    silence = Conversion(waveform=np.zeros(5000, np.float32), speaker="p226", key="a")
    assert not convert(harmonic, [silence]).waveforms[0].any()


def melody(waveform):
    f0 = track(waveform, 16000)
    return f0[f0 > 0]


def test_intonation_moves_the_melody_to_the_targets_range(harmonic):
    time = np.arange(32000) / 16000
    hertz = 140 * 2 ** (0.25 * np.sin(2 * np.pi * time))
    phase = np.cumsum(hertz) / 16000
    sound = (0.05 * sum(np.cos(2 * np.pi * k * phase) / k for k in range(1, 20))).astype(np.float32)
    decoder = harmonic.model.decoder
    with torch.no_grad():
        decoder.spectra.output.weight.zero_()
        decoder.spectra.output.bias[:] = torch.tensor([-2.0, -8.0]).repeat_interleave(decoder.spectra.bins)

    def spread(intonation, speaker):
        item = Conversion(waveform=sound, speaker=speaker, key="a")
        found = melody(convert(harmonic, [item], intonation=intonation).waveforms[0])
        assert len(found) > 150
        return np.exp(np.log(found).mean()), 12 * np.log2(found.max() / found.min())

    for speaker, mean in (("p225", 100), ("p226", 200)):
        centre, range_semitones = spread(None, speaker)
        assert centre == pytest.approx(mean, rel=0.02)
        assert range_semitones == pytest.approx(6, abs=0.7)
        centre, range_semitones = spread("flat", speaker)
        assert centre == pytest.approx(mean, rel=0.02)
        assert range_semitones < 0.5


def test_a_predicted_intonation_does_not_depend_on_the_sources_pitch(harmonic, monkeypatch):
    monkeypatch.setattr("vqspeech.codec.source.PitchTracker", lambda *_: pytest.fail("F0 is measured"))
    (made,) = convert(harmonic, [item("a", 3000)], intonation="predicted").waveforms
    assert len(made) == 3000


def test_an_intonation_is_refused_or_said_to_have_no_effect(checkpoint, harmonic):
    with pytest.raises(UnknownNameError, match=r"sorce.*source"):
        convert(harmonic, [item("a")], intonation="sorce")
    with pytest.warns(UserWarning, match="'wavenet' takes no pitch"):
        convert(checkpoint, [item("a")], intonation="flat")


@pytest.mark.parametrize("time", [1, 64, 1600])
def test_recordings_too_short_for_a_melody(harmonic, time):
    (made,) = convert(harmonic, [item("a", time)]).waveforms
    assert len(made) == time and np.isfinite(made).all()
