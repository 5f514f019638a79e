"""Speech: pieces in order, exactly as long as asked for, a function of the latents, the seed and the stream."""

from __future__ import annotations

import numpy as np
import pytest

from vqspeech.testing.decoders.subject import DecoderSubject
from vqspeech.testing.modules import global_randomness_untouched, unchanged


def pieces(subject: DecoderSubject) -> None:
    """`speak` yields float32 pieces (time,) in [-1, 1], exactly `lengths` samples, the last piece of each marked.

    It does so for latents far from those of training, which it reads by stretches.
    """
    decoder = subject.started().eval()
    waveforms, yielded = subject.speak(decoder)
    ended: set[int] = set()
    for piece in yielded:
        assert piece.utterance in range(3), f"a piece of utterance {piece.utterance}, of three that were asked for"
        assert isinstance(piece.waveform, np.ndarray) and piece.waveform.dtype == np.float32, (
            f"a piece is {getattr(piece.waveform, 'dtype', type(piece.waveform))}, not a float32 array"
        )
        assert piece.waveform.ndim == 1, f"a piece has shape {piece.waveform.shape}, not (time,)"
        assert np.isfinite(piece.waveform).all(), "samples are not finite"
        loudest = np.abs(piece.waveform).max(initial=0)
        assert loudest <= 1, f"a sample of {loudest:.4g} is outside [-1, 1]"
        assert piece.utterance not in ended, f"a piece of utterance {piece.utterance} after its last one"
        if piece.last:
            ended.add(piece.utterance)
    for number, waveform in enumerate(waveforms):
        wanted = subject.samples(decoder, number)
        assert len(waveform) == wanted, f"utterance {number} has {len(waveform)} samples; asked for {wanted}"
        assert number in ended, f"no piece of utterance {number} is marked as its last"


def alone_and_among_others(subject: DecoderSubject) -> None:
    """An utterance is the same alone and among others: it depends on its latents, speaker, stream and the seed."""
    decoder = subject.started().eval()
    together, _ = subject.speak(decoder)
    for number in (0, 1, 2):
        (alone,), _ = subject.speak(decoder, (number,))
        assert len(alone) == len(together[number]), f"utterance {number} alone is {len(alone)} samples long"
        error = np.abs(alone - together[number]).max(initial=0)
        assert error <= 1e-4, f"utterance {number} alone differs by up to {error:.3g} from itself among others"


def seeds(subject: DecoderSubject) -> None:
    """Speech is a function of the seed, bit for bit; at temperature 0 it does not depend on it."""
    decoder = subject.started().eval()
    first, second = subject.speak(decoder, seed=5)[0], subject.speak(decoder, seed=5)[0]
    for one, two in zip(first, second, strict=True):
        assert np.array_equal(one, two), "the same seed gives other speech"
    first, second = (subject.speak(decoder, seed=seed, temperature=0.0)[0] for seed in (5, 6))
    for one, two in zip(first, second, strict=True):
        assert np.array_equal(one, two), "at temperature 0 speech depends on the seed"


def speaking_changes_nothing(subject: DecoderSubject) -> None:
    """`speak` changes no state and no mode, leaves no gradients, and does not use the global random state."""
    decoder = subject.started()
    for training in (False, True):
        decoder.train(training)
        with unchanged(decoder, "speak"), global_randomness_untouched("speak"):
            waveforms, _ = subject.speak(decoder)
    assert waveforms


def progress(subject: DecoderSubject) -> None:
    """`progress` is called with rising numbers and always the same total, which the last call reaches."""
    decoder = subject.started().eval()
    calls: list[tuple[int, int]] = []
    subject.speak(decoder, progress=lambda done, every: calls.append((done, every)))
    assert calls, "progress is never called"
    assert len({every for _, every in calls}) == 1, f"progress is called with several totals: {calls[:3]} ..."
    done, (last, every) = [number for number, _ in calls], calls[-1]
    assert done == sorted(done) and last == every, f"progress goes through {done[:5]} ... {last} of {every}"


def without_speakers(subject: DecoderSubject) -> None:
    """A decoder built for latents without speakers speaks, given None for each speaker."""
    alone = subject.without_speakers()
    decoder = alone.started().eval()
    try:
        waveforms, _ = alone.speak(decoder, (0, 1))
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise AssertionError(f"speaking without speakers fails: {error}") from error
    assert [len(one) for one in waveforms] == [alone.samples(decoder, number) for number in (0, 1)]


def stream(subject: DecoderSubject) -> None:
    """What `stream` generates, stretch by stretch, are the samples of `speak`, however long the stretches are.

    Skipped for a decoder whose `stream` is None.
    """
    decoder = subject.started().eval()
    begun = subject.stream(decoder)
    if begun is None:
        pytest.skip("has no stream")
    margin = begun.margin
    assert isinstance(margin, int) and margin >= 0, f"margin is {margin!r}, not a number of latents"
    frames = 2 * margin + 24
    for pitch in subject.contours(frames):
        whole = subject.speak_at_once(decoder, frames, pitch)
        for size in (1, 5, frames):
            with unchanged(decoder, "a stream"), global_randomness_untouched("a stream"):
                stretches = subject.stretches(decoder, frames, size, pitch)
            for number, one in enumerate(stretches):
                wanted = (min(frames, (number + 1) * size) - number * size) * decoder.hop_samples
                assert isinstance(one, np.ndarray) and one.dtype == np.float32 and one.shape == (wanted,), (
                    f"a stretch of {size} latents is {getattr(one, 'dtype', type(one))} of shape {np.shape(one)}, "
                    f"not float32 of shape ({wanted},)"
                )
            streamed = np.concatenate(stretches)
            assert streamed.shape == whole.shape, f"a stream has {len(streamed)} samples, speech at once {len(whole)}"
            error = np.abs(streamed - whole).max(initial=0)
            assert error <= 1e-3, (
                f"in stretches of {size} latents speech differs by up to {error:.3g} from that at once"
            )


CHECKS = (
    pieces,
    alone_and_among_others,
    seeds,
    speaking_changes_nothing,
    progress,
    without_speakers,
    stream,
)
