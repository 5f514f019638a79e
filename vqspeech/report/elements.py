"""Elements of a report: frozen dataclasses without HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vqspeech.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One main number of a report, with the baseline to compare it with.

    Parameters
    ----------
    name : name of the measure
    value, unit : formatted for reading, for example ``"49.3"`` and ``"%"``
    comparison : the baseline, for example ``"k-means on MFCC 38.5 %, chance 7.2 %"``
    explanation : one sentence on what the number means
    """

    name: str
    value: str
    unit: str = ""
    comparison: str = ""
    explanation: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; columns of numbers are right-aligned, None is shown as a dash.

    Parameters
    ----------
    columns : headings
    rows : one cell per heading; floats get three or four significant digits, strings are shown unchanged
    caption : contents and data of the table
    emphasis : index of the row to highlight, or None

    Raises
    ------
    InputError : when a row has more or fewer cells than there are headings
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    emphasis: int | None = None

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise InputError(f"a table with columns {self.columns} has a row of {len(row)} cells: {row}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A picture, an animation or a film with its caption.

    Parameters
    ----------
    source : an image (PNG, JPEG, SVG, GIF, WebP), a film (MP4, WebM), or a matplotlib figure, which is saved as PNG
    caption : shown below it
    alt : description for readers who cannot see it
    """

    source: Path | Figure
    caption: str = ""
    alt: str = ""


@dataclass(frozen=True, kw_only=True)
class CodeStrip:
    """Codes of a sound, drawn on its time axis.

    Parameters
    ----------
    codes : a row of codes for each codebook, all of the same length
    frames : duration of the sound in frames, which may end within the last frame

    Raises
    ------
    InputError : when the rows differ in length, or `frames` is not positive
    """

    codes: tuple[tuple[int, ...], ...]
    frames: float

    def __post_init__(self) -> None:
        if len({len(row) for row in self.codes}) != 1 or not self.frames > 0:
            lengths = [len(row) for row in self.codes]
            raise InputError(f"a strip of codes has rows of {lengths} codes over {self.frames} frames")

    @classmethod
    def of(cls, codes: Iterable[Iterable[int]], frames: float | None = None) -> CodeStrip:
        """Return the strip of codes (codebooks, frames); None for a sound that ends with its last frame."""
        rows = tuple(tuple(map(int, row)) for row in codes)
        return cls(codes=rows, frames=float(len(rows[0]) if frames is None else frames))


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """One sound with its player.

    Parameters
    ----------
    label : ``"original"``, ``"reconstruction"``, ``"converted"``, ...
    audio : a sound file, copied into the report
    speaker : the speaker, or the target speaker
    spectrogram : image without margins, under a moving play head (`vqspeech.analysis.spectrograms.spectrogram_strip`)
    measures : (name, value with unit) pairs, shown below the player
    codes : the codes of the sound, or those that it was decoded from, shown below the spectrogram
    """

    label: str
    audio: Path
    speaker: str = ""
    spectrogram: Path | Figure | None = None
    measures: tuple[tuple[str, str], ...] = ()
    codes: CodeStrip | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class PlayerRow:
    """Versions of one utterance side by side: its name, its text if known, and the clips."""

    title: str
    text: str = ""
    clips: tuple[Clip, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Section:
    """A section of the page, in this order: text, tables, figures, players.

    Blank lines in `text` separate paragraphs; words in backquotes are set as code.
    """

    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[Picture, ...] = ()
    players: tuple[PlayerRow, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """The whole page.

    Parameters
    ----------
    title, subtitle : the head
    warning : text of a banner, for example that the corpus is synthetic; empty for none
    facts : (name, value) pairs on the run and its data
    headlines : the main numbers
    sections : the body
    command : the command that repeats the run
    versions : package -> version
    """

    title: str
    subtitle: str = ""
    warning: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    headlines: tuple[Headline, ...] = ()
    sections: tuple[Section, ...] = ()
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
