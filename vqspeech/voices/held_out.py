"""Clips of a new voice that are held out from its fitting."""

from __future__ import annotations

from collections.abc import Sequence

from vqspeech.training.draws import VALID, generator
from vqspeech.voices.recordings import Clip

HELD_OUT = 0.15
"""Share of the clips that is held out, at least one and at most `MOST_HELD_S`."""

MOST_HELD_S = 9.0


def split(clips: Sequence[Clip], rate: int, seed: int) -> tuple[list[int], list[int]]:
    """Divide clips, drawn by the seed, into held-out ones and the others."""
    order = generator(seed, VALID, 0).permutation(len(clips)).tolist()
    left = min(HELD_OUT * sum(len(clip.waveform) for clip in clips), MOST_HELD_S * rate)
    held = []
    for clip in order:
        if len(clips[clip].waveform) <= left:
            held.append(clip)
            left -= len(clips[clip].waveform)
    held = held or [min(order, key=lambda clip: len(clips[clip].waveform))]
    return sorted(held), sorted(set(order) - set(held))
