"""Phone alignments: intervals on a time axis in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

SILENCE = "sil"
"""The label into which readers fold pauses, silent closures and non-speech."""

SILENCE_LABELS = frozenset({"", "sil", "sp", "pau", "pause", "h#", "#", "#h", "epi", "<eps>", "<sil>", "<p>", "_", "-"})
"""Labels that aligners write for silence, lower case."""


def silence_folded(label: str) -> str:
    """Return the label, or `SILENCE` for any of `SILENCE_LABELS`."""
    label = label.strip()
    return SILENCE if label.lower() in SILENCE_LABELS else label


@dataclass(frozen=True)
class Interval:
    """A label that holds from ``start_s`` (inclusive) to ``end_s`` (exclusive), in seconds."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True)
class Alignment:
    """Phones of one utterance: intervals sorted by start, without overlap; gaps mean "not covered".

    Parameters
    ----------
    phones : the phones, with silence
    words : the words, where an aligner tells them; equal alignments may differ in them
    """

    phones: tuple[Interval, ...]
    words: tuple[Interval, ...] = field(default=(), compare=False)

    def labels_at(self, times_s: Sequence[float]) -> list[str | None]:
        """Return the label at each time in seconds (ascending), or None where no interval covers it."""
        labels: list[str | None] = []
        position = 0
        for time_s in times_s:
            while position < len(self.phones) and self.phones[position].end_s <= time_s:
                position += 1
            covered = position < len(self.phones) and self.phones[position].start_s <= time_s
            labels.append(self.phones[position].label if covered else None)
        return labels
