"""Sounds of a studio, in memory only: recordings, and what was made of them."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.conversion import Encoded
from vqspeech.errors import InputError

MOST_BYTES = 1 << 29
"""Memory of all sounds; the one that was not used for the longest time is deleted first."""

MOST_CLIPS = 500
"""Most sounds, as many short ones take memory beside their samples; deleted in the same order."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """A sound.

    Parameters
    ----------
    kind : ``"recording"``, ``"conversion"``, ``"edit"`` or ``"sample"``
    name : name for people, and of the file to download
    waveform : (time,), float32 of a recording and int16 of what was made
    sample_rate : in Hz
    model, speaker : the model and voice that it was made with
    encoded : the codes that it was spoken from
    note : figures, such as speed
    source : id of the recording that it was made of
    id, made_at : chosen here; its name in requests, and a number that is higher for later ones
    """

    kind: str
    name: str
    waveform: npt.NDArray[np.float32] | npt.NDArray[np.int16]
    sample_rate: int
    model: str = ""
    speaker: str = ""
    encoded: Encoded | None = None
    note: str = ""
    source: str = ""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    made_at: int = field(default_factory=time.monotonic_ns)

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.waveform) / self.sample_rate

    def samples(self) -> npt.NDArray[np.float32]:
        """Return the waveform (time,) as float32."""
        if self.waveform.dtype == np.int16:
            return (self.waveform / np.float32(32768)).astype(np.float32)
        return self.waveform.astype(np.float32, copy=False)

    def plain(self) -> dict[str, Any]:
        """Return JSON values, without the sound and the codes."""
        names = ("id", "kind", "name", "model", "speaker", "note", "source", "seconds")
        return {**{name: getattr(self, name) for name in names}, "has_codes": self.encoded is not None}


class Clips:
    """The sounds of a studio, of at most `MOST_BYTES` and `MOST_CLIPS`; for several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._lock = most_bytes, threading.Lock()
        self._clips: OrderedDict[str, Clip] = OrderedDict()

    def add(self, clip: Clip) -> Clip:
        """Keep a sound; delete those that were not used for the longest time when there are too many."""
        with self._lock:
            self._clips[clip.id] = clip
            while len(self._clips) > 1 and self._too_many():
                self._clips.popitem(last=False)
        return clip

    def _too_many(self) -> bool:
        return len(self._clips) > MOST_CLIPS or sum(one.waveform.nbytes for one in self._clips.values()) > self._most

    def get(self, identity: str) -> Clip:
        """Return a sound.

        Raises
        ------
        InputError : for one that there is not, or no more
        """
        with self._lock:
            if identity not in self._clips:
                raise InputError("this sound is not there any more; record or choose the file again")
            self._clips.move_to_end(identity)
            return self._clips[identity]

    def __contains__(self, identity: object) -> bool:
        """Return whether a sound is there."""
        with self._lock:
            return identity in self._clips

    def remove(self, identity: str) -> None:
        """Delete a sound, if it is there."""
        with self._lock:
            self._clips.pop(identity, None)

    def plain(self) -> list[dict[str, Any]]:
        """Return all sounds as JSON values, the earliest first."""
        with self._lock:
            return [clip.plain() for clip in sorted(self._clips.values(), key=lambda clip: clip.made_at)]
