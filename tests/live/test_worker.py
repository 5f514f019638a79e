from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.live import files
from vqspeech.live.worker import LiveWorker

RATE = 1000


class Late:
    """Gives back what comes in, `ahead` samples later, `step` samples at a time."""

    def __init__(self, ahead=14, step=4):
        self.ahead, self.step = ahead, step
        self.step_s, self.delay_s = step / RATE, (ahead + step) / RATE
        self.held = np.zeros(0, np.float32)
        self.pushed = []

    def push(self, samples):
        self.pushed += samples.tolist()
        self.held = np.concatenate([self.held, samples])
        count = max(0, len(self.held) - self.ahead) // self.step * self.step
        made, self.held = self.held[:count], self.held[count:]
        return made


def worker(conversion=None, *, buffer_s=0.006, rate=RATE):
    return LiveWorker(conversion or Late(), rate=rate, input_rate=RATE, output_rate=RATE, buffer_s=buffer_s)


def played(live, samples, size=2, work=lambda turn: True):
    """What a device plays, which lets the worker work between its blocks where `work` says so."""
    found = []
    for turn, start in enumerate(range(0, len(samples), size)):
        found.append(live.exchange(samples[start : start + size]))
        while work(turn) and live.advance():
            pass
    return np.concatenate(found)


@pytest.mark.parametrize("size", [1, 2, 6, 13])
def test_what_is_spoken_is_played_after_the_delay(size):
    # A block is played when it is over, and takes as long as it took to come.
    live, samples = worker(buffer_s=2 * size / RATE), np.arange(1, 401, dtype=np.float32)
    delay = round(live.delay_s * RATE)
    assert delay == 14 + 4 + 2 * size
    found = played(live, samples, size)
    expected = np.concatenate([np.zeros(delay - size, np.float32), samples])[: len(samples)]
    np.testing.assert_array_equal(found, expected)
    figures = live.figures()
    assert (figures.drops, figures.dropped_s) == (0, 0) and figures.seconds == 0.4
    assert figures.delay_s == live.delay_s


def test_a_pause_of_the_worker_is_heard_and_the_delay_stays():
    live, samples = worker(), np.arange(1, 1001, dtype=np.float32)
    found = played(live, samples, 2, lambda turn: not 200 <= turn < 260)
    delay = round(live.delay_s * RATE) - 2
    expected = np.concatenate([np.zeros(delay, np.float32), samples])[: len(samples)]
    heard = found != 0
    # Everything that is heard is heard in its place; about as much is missing as the worker paused.
    np.testing.assert_array_equal(found[heard], expected[heard])
    assert 100 <= np.count_nonzero(~heard[delay:]) <= 150
    assert heard[delay:400].all() and heard[560:].all()
    figures = live.figures()
    assert figures.drops == 1 and figures.dropped_s * RATE == np.count_nonzero(~heard[delay:])


def test_what_waits_too_long_is_not_converted():
    conversion = Late()
    live, samples = worker(conversion), np.arange(1, 1001, dtype=np.float32)
    played(live, samples, 2, lambda turn: not 200 <= turn < 400)
    assert len(conversion.pushed) <= 1000 - 400 + 2 * 10


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 9), buffer=st.integers(1, 20), share=st.floats(0.05, 0.9))
def test_whatever_the_worker_does_nothing_is_heard_in_another_place(seed, size, buffer, share):
    live, samples = worker(buffer_s=buffer / RATE), np.arange(1, 601, dtype=np.float32)
    draws = np.random.default_rng(seed).random(600) < share
    found = played(live, samples, size, lambda turn: draws[turn])
    places = np.arange(len(samples)) - (round(live.delay_s * RATE) - size)
    heard = found != 0
    np.testing.assert_array_equal(found[heard], (places + 1)[heard])
    assert live.figures().dropped_s * RATE == pytest.approx(np.count_nonzero(~heard & (places >= 0)))


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_device_of_another_rate(rate):
    class Same(Late):
        step_s, delay_s = 0.04, 0.04

        def push(self, samples):
            # Of 24 kHz: every other sample twice.
            self.held = np.concatenate([self.held, samples])
            count = len(self.held) // 2 * 2
            made, self.held = self.held[:count], self.held[count:]
            return np.repeat(made, np.tile([1, 2], count // 2))

    live = LiveWorker(Same(), rate=rate, input_rate=16000, output_rate=24000, buffer_s=0.04)
    tone = np.sin(2 * np.pi * 300 * np.arange(rate) / rate).astype(np.float32)
    tone[: rate // 2] *= 0.5
    size = rate // 100
    found = played(live, tone, size)
    assert live.figures().drops == 0
    loud = np.abs(found) > 0.6
    assert np.flatnonzero(loud)[0] / rate == pytest.approx(0.5 + live.delay_s - 0.01, abs=0.01)


def test_an_error_of_the_conversion_is_kept_and_raised():
    class Broken(Late):
        def push(self, samples):
            raise RuntimeError("broken")

    with worker(Broken()) as live, pytest.raises(RuntimeError, match="broken"):
        files.paced(live, [np.ones(3000, np.float32)] * 10, lambda samples: None)


def test_a_file_is_played_at_the_pace_of_a_microphone():
    live, now, written, slept = worker(buffer_s=0.02), [0.0], [], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds
        while live.advance():
            pass

    samples = np.arange(1, 96, dtype=np.float32)
    blocks = [samples[:1], samples[1:70], samples[70:]]
    figures = files.paced(live, blocks, written.append, clock=lambda: now[0], sleep=sleep)
    delay = round(live.delay_s * RATE)
    assert now[0] == pytest.approx((95 + delay) / RATE) and figures.drops == 0
    assert {len(block) for block in written[:-1]} == {10}
    found = np.concatenate(written)
    assert found[delay - 10 :].tolist()[:80] == samples.tolist()[:80]


def test_the_thread_converts_and_ends():
    written = []
    with worker(buffer_s=0.5) as live:
        figures = files.paced(live, [np.ones(300, np.float32)], written.append)
    assert not live._thread.is_alive()
    assert figures.drops == 0 and np.concatenate(written).sum() > 200
