"""Encoders: how many codes a waveform gives, and which samples each code sees."""

import pytest
import torch

from vqspeech.nn.encoders.conv import ConvEncoder
from vqspeech.nn.encoders.spectral import SpectralFeatures

PAPER_VCTK = ((4, 2),) * 6
PAPER_PHONEME = ((4, 2),) * 5 + ((8, 4), (10, 5))


def make(strides, *, dilations=(), front_end=None):
    torch.manual_seed(0)
    encoder = ConvEncoder(strides=strides, channels=4, dim=3, residual_dilations=dilations, front_end=front_end)
    # No rectifier is ever shut, so that every sample that can matter does.
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            # Spectral features may be negative.
            if name.startswith("down") and front_end is not None:
                parameter.add_(50.0 if name.endswith("bias") else 0.0)
            elif not name.startswith(("norm", "head")) and front_end is None:
                parameter.abs_().add_(0.01)
    return encoder.double()


def measured(encoder, time, frame):
    """First sample that latent `frame` depends on, and the one after the last, by gradient."""
    waveform = (torch.rand(1, time, dtype=torch.float64) + 0.1).requires_grad_()
    latents = encoder(waveform)
    (latents[0, :, frame] * torch.tensor([1.0, 0.3, -0.7], dtype=torch.float64)).sum().backward()
    touched = waveform.grad[0].nonzero()[:, 0]
    return touched.min().item(), touched.max().item() + 1


CASES = {
    "paper-vctk": (PAPER_VCTK, (), 0),
    "paper-phoneme": (PAPER_PHONEME, (), -64),
    "residual blocks": (((4, 2), (4, 2)), (1, 3), 0),
    "odd surplus": (((5, 2),), (), -0.5),
    "odd surplus, second": (((4, 2), (5, 2)), (), -1),
    "kernel = stride": (((3, 3),), (), 0),
    "same convolution": (((3, 1), (6, 2)), (2,), 0),
}


@pytest.mark.parametrize("strides, dilations, delay", CASES.values(), ids=CASES)
def test_the_span_of_a_code_is_the_one_that_gradients_show(strides, dilations, delay):
    encoder = make(strides, dilations=dilations)
    span, hop = encoder.span, encoder.hop_samples
    frame = span.before // hop + 2
    first, last = measured(encoder, (2 * frame + span.after // hop + 3) * hop, frame)
    assert (first, last) == (frame * hop - span.before, frame * hop + span.after)
    assert span.receptive_field == last - first
    assert span.hop == hop
    # even surpluses (kernel - stride) are symmetric; odd ones (kernel 10, stride 5) look one step of their input
    # further ahead than back
    assert span.delay_samples == frame * hop + hop / 2 - (first + last) / 2 == delay


def test_the_paper_encoder_for_vctk_is_64_times_shorter_and_centred():
    span = make(PAPER_VCTK).span
    assert (span.hop, span.receptive_field, span.delay_samples) == (64, 190, 0)


@pytest.mark.parametrize(
    "kind, deltas, mean_window",
    [("logmel", False, 0), ("logmel", False, 130), ("mfcc", False, 0), ("mfcc", True, 0), ("mfcc", True, 240)],
)
@pytest.mark.parametrize("strides, dilations", [(((4, 2), (4, 2)), (1,)), (((3, 1),), ())])
def test_the_span_holds_for_spectral_front_ends(kind, deltas, mean_window, strides, dilations):
    front_end = SpectralFeatures(
        kind,
        sample_rate=16000,
        hop_samples=20,
        window_samples=50,
        n_mels=6,
        n_mfcc=4,
        deltas=deltas,
        mean_window_samples=mean_window,
    )
    encoder = make(strides, dilations=dilations, front_end=front_end)
    span, hop = encoder.span, encoder.hop_samples
    frame = span.before // hop + 2
    time = (2 * frame + span.after // hop + 3) * hop
    base = torch.rand(1, time, dtype=torch.float64) - 0.5
    first, last = time, 0
    # The front end computes in float32, so by changed outputs and not by gradients.
    for sample in range(time):
        changed = base.clone()
        changed[0, sample] += 1.0
        if not torch.equal(encoder(changed)[..., frame], encoder(base)[..., frame]):
            first, last = min(first, sample), max(last, sample + 1)
    # The first weight of a periodic Hann window is zero.
    assert frame * hop - span.before in (first - 1, first)
    assert last == frame * hop + span.after
    assert span.delay_samples == 0


@pytest.mark.parametrize("strides", [PAPER_VCTK, PAPER_PHONEME, ((5, 3),)])
@pytest.mark.parametrize("extra", [0, 1, -1])
@pytest.mark.parametrize("codes", [1, 2, 7])
def test_any_length_gives_one_code_per_begun_hop(strides, codes, extra):
    encoder = make(strides)
    time = codes * encoder.hop_samples + extra
    assert encoder(torch.zeros(2, time).double()).shape == (2, 3, -(-time // encoder.hop_samples))


def test_one_sample_gives_one_code():
    assert make(PAPER_PHONEME)(torch.zeros(1, 1).double()).shape == (1, 3, 1)


def test_the_missing_end_counts_as_silence():
    encoder = make(((4, 2), (4, 2)))
    waveform = torch.rand(1, 10, dtype=torch.float64)
    silent = torch.cat([waveform, torch.zeros(1, 2, dtype=torch.float64)], 1)
    assert torch.equal(encoder(waveform), encoder(silent))


def test_rows_of_a_batch_do_not_touch_each_other():
    encoder = make(PAPER_VCTK, dilations=(1,))
    waveform = torch.randn(3, 640, dtype=torch.float64)
    alone = torch.cat([encoder(row[None]) for row in waveform])
    torch.testing.assert_close(encoder(waveform), alone, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind, mean_window", [(None, 0), ("logmel", 0), ("logmel", 200), ("mfcc", 0), ("mfcc", 200)])
@pytest.mark.parametrize("strides, dilations", [(PAPER_PHONEME, ()), (((4, 2), (5, 3)), (1, 3)), (((3, 1),), (2,))])
def test_what_lies_beyond_a_row_s_end_changes_nothing(kind, mean_window, strides, dilations):
    front_end = None
    if kind is not None:
        front_end = SpectralFeatures(
            kind,
            sample_rate=16000,
            hop_samples=20,
            window_samples=50,
            n_mels=6,
            n_mfcc=4,
            deltas=True,
            mean_window_samples=mean_window,
        )
        # Silence is not zero.
        front_end.mean += 1.0
        front_end.double()
    encoder = make(strides, dilations=dilations, front_end=front_end)
    hop = encoder.hop_samples
    lengths = torch.tensor([9 * hop, 7 * hop + 1, hop, 1, 12 * hop - 1])
    rows = [torch.randn(int(length), dtype=torch.float64) for length in lengths]
    batch = torch.nn.utils.rnn.pad_sequence([*rows, torch.zeros(13 * hop)], batch_first=True)[:-1].double()
    found = encoder(batch, lengths)
    for row, waveform in zip(found, rows, strict=True):
        alone = encoder(waveform[None])[0]
        tolerance = 1e-10 if kind is None else 1e-5
        torch.testing.assert_close(row[:, : alone.shape[1]], alone, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("mean_window", [0, 2400])
@pytest.mark.parametrize("strides", [((5, 1), (4, 2)), ((4, 2), (4, 2)), ((9, 4),)])
def test_the_last_latents_are_those_of_the_whole_waveform(strides, mean_window):
    front_end = SpectralFeatures("logmel", sample_rate=16000, n_mels=8, mean_window_samples=mean_window)
    encoder = make(strides, dilations=(1, 2), front_end=front_end)
    for time in (100, 30_000, 32_000):
        waveform = torch.randn(2, time, dtype=torch.float64)
        whole = encoder(waveform)
        for count in (1, 2, 7, 40, whole.shape[2]):
            torch.testing.assert_close(encoder.last(waveform, count), whole[..., -count:], rtol=1e-9, atol=1e-9)


def test_the_last_latents_of_an_encoder_of_waveforms():
    encoder, waveform = make(((4, 2), (4, 2)), dilations=(1,)), torch.randn(1, 500, dtype=torch.float64)
    torch.testing.assert_close(encoder.last(waveform, 3), encoder(waveform)[..., -3:])
