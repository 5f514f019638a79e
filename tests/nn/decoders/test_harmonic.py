from __future__ import annotations

import numpy as np
import pytest
import torch

from vqspeech.errors import ConfigError, InputError
from vqspeech.nn.batch import SpeechBatch, cut_windows
from vqspeech.nn.decoders import harmonic
from vqspeech.nn.decoders.contour import continuous, on_frames
from vqspeech.nn.decoders.excitation import OVERLAP, NoiseStream, plain_shaped, pulses, shaped
from vqspeech.nn.decoders.harmonic_decoder import harmonic_decoder
from vqspeech.nn.decoders.mel_loss import MelDistance
from vqspeech.nn.decoders.protocol import Latents, SpeakOptions
from vqspeech.testing.decoders.subject import DecoderSubject, Frames

SMALL = {"channels": 24, "frame_channels": 16, "dilations": [1, 2], "pitch_channels": 16, "pitch_dilations": [1]}


def made(dim=8, hop=320, rate=16000, speakers=2, **options):
    torch.manual_seed(0)
    latents = Latents(dim=dim, hop_samples=hop, sample_rate=rate, speakers=speakers)
    return harmonic_decoder(latents, **{**SMALL, **options}).eval()


def spoken(decoder, frames, length, speaker=0, **options):
    pieces = list(decoder.speak([frames], [speaker], [length], SpeakOptions(**options)))
    return np.concatenate([piece.waveform for piece in pieces]), pieces


@pytest.mark.parametrize("given", [False, True])
def test_blocks_give_the_same_samples_as_one_piece(monkeypatch, given):
    decoder, frames = made(), Frames(8, 203, seed=1)
    f0 = 120 + 40 * np.sin(np.arange(406) / 20).astype(np.float32)
    f0[100:140] = 0
    pitch = (f0,) if given else None
    monkeypatch.setattr(harmonic, "BLOCK_S", 100.0)
    whole, pieces = spoken(decoder, frames, 203 * 320 - 50, pitch=pitch)
    assert len(pieces) == 1 and np.abs(whole).max() > 0.01
    for seconds in (0.5, 0.13):
        monkeypatch.setattr(harmonic, "BLOCK_S", seconds)
        parts, pieces = spoken(decoder, frames, 203 * 320 - 50, pitch=pitch)
        assert len(pieces) > 7
        np.testing.assert_allclose(parts, whole, atol=2e-5)


def test_only_the_latents_of_a_block_are_read(monkeypatch):
    monkeypatch.setattr(harmonic, "BLOCK_S", 0.5)
    decoder, frames, read = made(), Frames(8, 1000, seed=1), []

    class Watched(Frames):
        def __getitem__(self, part):
            read.append(part.stop - part.start)
            return super().__getitem__(part)

    spoken(decoder, Watched(8, 1000, seed=1), 320_000)
    assert max(read) == 25 + 2 * decoder.margin < len(frames) / 5


def test_it_sings_the_given_melody():
    """Pulses have the F0 that is given, to a hundredth, and none where it is unvoiced."""
    decoder = made()
    with torch.no_grad():
        decoder.spectra.output.weight.zero_()
        decoder.spectra.output.bias[: decoder.spectra.bins] = -3
        decoder.spectra.output.bias[decoder.spectra.bins :] = -14
    for hertz in (70.0, 200.0, 400.0):
        f0 = np.full(200, hertz, np.float32)
        f0[:50] = 0
        waveform, _ = spoken(decoder, Frames(8, 100, seed=1), 32000, pitch=(f0,))
        assert np.abs(waveform[:7600]).max() < 1e-4
        spectrum = np.abs(np.fft.rfft(waveform[-16000:] * np.hanning(16000)))
        power = np.square(spectrum[:4000])
        at_harmonics = sum(power[int(hertz) + offset :: int(hertz)].sum() for offset in (-2, -1, 0, 1, 2))
        assert at_harmonics > 0.999 * power.sum()


def test_pulses_have_every_harmonic_and_nothing_else():
    f0 = torch.full((1, 402), 130.0, dtype=torch.float64)
    made = pulses(f0, 80, 16000)
    assert made.waveform.square().mean() == pytest.approx(1, rel=0.02)
    spectrum = torch.fft.rfft(made.waveform[0, :16000]).abs() / 8000
    harmonics = spectrum[130:7800:130].clone()
    assert harmonics.std() < 1e-3 * harmonics.mean()
    spectrum[0:8001:130] = 0
    assert spectrum.max() < 1e-3 * harmonics.mean()


def test_a_sweep_has_no_steps():
    """The second difference of a smooth filter's output shows no click where a harmonic crosses half the rate."""
    f0 = torch.linspace(100, 300, 402, dtype=torch.float64)[None]
    waveform = pulses(f0, 80, 16000).waveform
    high = torch.fft.rfft(waveform.unfold(1, 400, 80) * torch.hann_window(400, dtype=torch.float64))[..., -10:].abs()
    ratio = high.amax(2)[:, 1:-1]
    assert ratio.max() < 6 * ratio.median()


def test_unit_spectra_give_back_their_source():
    noise = torch.randn(2, (30 + OVERLAP - 1) * 80)
    ones = torch.ones(2, 30, 201)
    window = torch.hann_window(400)
    returned = shaped((noise, noise), (ones, torch.zeros_like(ones)), window)
    torch.testing.assert_close(returned, noise[:, (OVERLAP - 1) * 80 : -(OVERLAP - 1) * 80], atol=1e-5, rtol=0)


@pytest.mark.parametrize("hop", [16, 7])
def test_the_written_gradient_of_the_filter_is_that_of_automatic_differentiation(hop):
    generator = torch.Generator().manual_seed(0)
    sources = torch.randn(2, 3, (9 + OVERLAP - 1) * hop, generator=generator, dtype=torch.float64)
    window = torch.hann_window(OVERLAP * hop, dtype=torch.float64)
    gains = torch.rand(2, 3, 9, OVERLAP * hop // 2 + 1, generator=generator, dtype=torch.float64)
    outer = torch.randn(3, (9 - OVERLAP + 1) * hop, generator=generator, dtype=torch.float64)
    found = []
    for function in (shaped, plain_shaped):
        leaf = gains.clone().requires_grad_()
        waveform = function(tuple(sources), tuple(leaf), window)
        (waveform * outer).sum().backward()
        found.append((waveform.detach(), leaf.grad))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)


def test_noise_is_the_same_however_it_is_read():
    def stream():
        return NoiseStream(torch.Generator().manual_seed(3))

    whole = stream().read(0, 50_000)
    parts = stream()
    for start in range(0, 49_000, 777):
        torch.testing.assert_close(parts.read(start, start + 1000), whole[start : start + 1000], rtol=0, atol=0)


def test_a_contour_is_continuous_through_what_is_unvoiced():
    f0 = torch.tensor([[0.0, 100, 0, 0, 0, 100 * np.e, 0], [0.0] * 7])
    contour = continuous(f0, torch.tensor([5.0, 4.5]))
    low = float(np.log(100))
    expected = torch.tensor([low, low, low + 0.25, low + 0.5, low + 0.75, low + 1, low + 1])
    torch.testing.assert_close(contour.log_f0[0], expected)
    assert (contour.log_f0[1] == 4.5).all()
    assert contour.voiced.tolist() == [[False, True, False, False, False, True, False], [False] * 7]


def test_contours_are_read_at_the_centres_of_frames():
    contour = continuous(torch.exp(torch.arange(5.0, 6.0, 0.1))[None], torch.zeros(1))
    same = on_frames(contour, 0.01, 10)
    torch.testing.assert_close(same.log_f0, contour.log_f0)
    half = on_frames(contour, 0.005, 4, first=2)
    torch.testing.assert_close(half.log_f0[0], torch.tensor([5.075, 5.125, 5.175, 5.225]))
    assert on_frames(contour, 0.01, 3, first=30).log_f0[0].tolist() == pytest.approx([5.9] * 3)


def test_statistics_of_pitch_follow_the_speakers():
    decoder = made()
    _, batch = DecoderSubject("harmonic", hop_samples=320, speakers=2, options=SMALL).batch()
    decoder.start(batch, torch.Generator())
    voiced = batch.f0[batch.speaker == 1]
    assert decoder.pitch_mean[1] == pytest.approx(float(voiced[voiced > 0].log().mean()), abs=1e-4)
    decoder.fit_pitch(torch.tensor([4.0, 5.0]), torch.tensor([0.1, 0.2]))
    decoder.start(batch, torch.Generator())
    assert decoder.pitch_mean.tolist() == [4.0, 5.0]
    for name in decoder.speaker_buffers():
        assert len(decoder.get_buffer(name)) == 2


def test_codes_are_not_spent_on_pitch():
    """The losses of predicted F0 do not reach the latents."""
    decoder = made()
    z_q, batch = DecoderSubject("harmonic", hop_samples=320, speakers=2, options=SMALL).batch()
    z_q.requires_grad_()
    named = decoder.losses(z_q, batch)
    (named["pitch"] + named["voicing"]).backward()
    assert z_q.grad is None
    named = decoder.losses(z_q, batch)
    named["spectral"].backward()
    assert z_q.grad is not None


def test_the_distance_of_log_mel_frames_counts_changes_and_loud_frames():
    generator = torch.Generator().manual_seed(0)
    envelope = (torch.arange(8000) // 800 % 2 * 0.9 + 0.1) * torch.linspace(0.02, 1, 8000)
    wanted = envelope * torch.randn(2, 8000, generator=generator)
    steady = envelope.mean() * torch.randn(2, 8000, generator=generator)
    lengths = torch.tensor([8000, 5001])
    plain, changes = MelDistance(16000, 0.0), MelDistance(16000, 2.0)
    for distance in (plain, changes):
        distance.fit(wanted, lengths)
    assert (plain(wanted, wanted, lengths) == 0).all()
    assert (changes(steady, wanted, lengths) > 1.5 * plain(steady, wanted, lengths)).all()
    louder, quieter = wanted.clone(), wanted.clone()
    louder[:, 4160:4640] *= 2
    quieter[:, 160:640] *= 2
    assert (plain(louder, wanted, lengths) > 1.5 * plain(quieter, wanted, lengths)).all()
    beyond = wanted.clone()
    beyond[1, 5440:] = 1
    assert plain(beyond, wanted, lengths)[1] == 0
    steady.requires_grad_()
    changes(steady, wanted, lengths).sum().backward()
    assert steady.grad.abs().sum() > 0 and steady.grad.isfinite().all()


def test_a_weight_of_log_mel_frames_adds_their_distance():
    z_q, batch = DecoderSubject("harmonic", hop_samples=320, speakers=2, options=SMALL).batch()
    without, once, twice = (made(mel_weight=weight) for weight in (0.0, 1.0, 2.0))
    for decoder in (without, once, twice):
        decoder.start(batch, torch.Generator())
    terms = [decoder.losses(z_q, batch) for decoder in (without, once, twice)]
    assert set(terms[1]) - set(terms[0]) == {"mel"}
    torch.testing.assert_close(terms[2]["mel"], 2 * terms[1]["mel"])
    assert "mel.features.mean" in once.state_dict() and "mel.features.mean" not in without.state_dict()


def test_a_batch_without_f0_is_refused():
    z_q, batch = DecoderSubject("harmonic", hop_samples=320, speakers=2).batch()
    with pytest.raises(InputError, match="F0"):
        made().losses(z_q, batch._replace(f0=None))


@pytest.mark.parametrize("options", [{"channels": 0}, {"kernel": 4}, {"dilations": []}, {"loss_windows": [0]}])
def test_options_are_checked(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        made(**options)


@pytest.mark.parametrize(
    ("hop", "rate"), [(64, 16000), (160, 16000), (640, 16000), (441, 22050), (960, 48000), (7, 16000)]
)
def test_every_hop_has_frames(hop, rate):
    decoder = made(hop=hop, rate=rate)
    assert decoder.frames * decoder.frame_samples == hop
    waveform, _ = spoken(decoder, Frames(8, 30, seed=1), 30 * hop - 3)
    assert len(waveform) == 30 * hop - 3 and np.isfinite(waveform).all()


@pytest.mark.parametrize("output_rate", [24000, 48000])
def test_speech_can_have_a_higher_rate_than_the_codes(output_rate):
    decoder = made(hop=320, output_rate=output_rate)
    assert (decoder.sample_rate, decoder.hop_samples) == (output_rate, 320 * output_rate // 16000)
    z_q, batch = DecoderSubject("harmonic", hop_samples=320, speakers=2, options=SMALL).batch()
    with pytest.raises(InputError, match=f"{output_rate} Hz"):
        decoder.losses(z_q, batch)
    higher = torch.nn.functional.interpolate(batch.waveform[:, None], scale_factor=output_rate / 16000)[:, 0]
    batch = batch._replace(target=higher)
    decoder.start(batch, torch.Generator())
    sum(decoder.losses(z_q, batch).values()).backward()
    f0 = np.full(60, 150, np.float32)
    waveform, _ = spoken(decoder, Frames(8, 30, seed=1), 30 * decoder.hop_samples, pitch=(f0,))
    assert len(waveform) == 0.6 * output_rate


@pytest.mark.parametrize(("output_rate", "message"), [(8000, "at least"), (22050, "whole number")])
def test_rates_that_cannot_be(output_rate, message):
    with pytest.raises(ConfigError, match=message):
        made(hop=64, output_rate=output_rate)


def test_a_window_counts_as_a_crop_of_its_own():
    decoder = made()
    z_q, waveform = torch.randn(2, 8, 20), 0.1 * torch.randn(2, 6400)
    f0 = torch.full((2, 40), 120.0) + torch.arange(40)
    whole = SpeechBatch(waveform, torch.tensor([6400, 4000]), torch.tensor([0, 1]), torch.tensor([4, 9]), 8, None, f0)
    # 12 latents and a half are real in the second row, three and a half of them in its window.
    starts, rows = (4, 9), []
    for row, start in enumerate(starts):
        rows.append(
            SpeechBatch(
                waveform[row : row + 1, start * 320 : (start + 8) * 320],
                torch.tensor([2560 if row == 0 else 4000 - 9 * 320]),
                torch.tensor([row]),
                torch.tensor([0]),
                8,
                None,
                f0[row : row + 1, start * 2 : (start + 8) * 2],
            )
        )
    cut, batch = cut_windows(z_q, whole, 320, 16000)
    for row, (one, start) in enumerate(zip(rows, starts, strict=True)):
        assert torch.equal(cut[row], z_q[row, :, start : start + 8])
        assert torch.equal(batch.waveform[row], one.waveform[0]) and torch.equal(batch.f0[row], one.f0[0])
        assert batch.lengths[row] == one.lengths[0]
    pitch = decoder.losses(z_q, whole)["pitch"]
    pairs = enumerate(zip(starts, rows, strict=True))
    alone = [decoder.losses(z_q[n : n + 1, :, s : s + 8], one)["pitch"] for n, (s, one) in pairs]
    torch.testing.assert_close(pitch, (2560 * alone[0] + 1120 * alone[1]) / 3680)
