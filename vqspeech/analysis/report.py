"""The report of a run: a tree of plain data in, one folder with a page, its sound and its figures out.

The page opens from disk, asks no network for anything, and holds whatever it shows; the folder can be zipped and sent.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vqspeech.analysis.figures import save
from vqspeech.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARK = '<meta name="generator" content="vqspeech">'
"""What a page of ours says of itself; a folder without it is never replaced."""

Cell = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A number that matters, with what it has to be held against.

    Parameters
    ----------
    name : what was measured
    value, unit : as they should be read, for example ``"49.3"`` and ``"%"``
    comparison : the baseline beside it, for example ``"k-means on MFCC 38.5 %, chance 7.2 %"``
    explanation : a sentence on what it means
    """

    name: str
    value: str
    unit: str = ""
    comparison: str = ""
    explanation: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; columns of numbers are set flush right, None is shown as a dash.

    Parameters
    ----------
    columns : headings
    rows : as many cells as headings each; floats are shown with three or four significant digits, strings as they are
    caption : what it shows, on which data
    emphasis : index of the row that holds the result, or None
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
    """A figure: an image file, or a matplotlib figure that becomes one; `alt` is what a reader who cannot see it is told."""

    source: Path | Figure
    caption: str = ""
    alt: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """Something to listen to.

    Parameters
    ----------
    label : what it is: ``"original"``, ``"reconstruction"``, ``"converted"``
    audio : a sound file, copied into the report
    speaker : whose voice it is, or should be
    spectrogram : image from edge to edge (`vqspeech.analysis.spectrograms.spectrogram_strip`); a play head runs over it
    measures : (name, value with unit) pairs shown under it
    """

    label: str
    audio: Path
    speaker: str = ""
    spectrogram: Path | Figure | None = None
    measures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class PlayerRow:
    """Versions of one utterance: its name, its words if known, and the clips."""

    title: str
    text: str = ""
    clips: tuple[Clip, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Section:
    """A part of the page, in this order: text, tables, figures, players.

    Blank lines in the text part paragraphs; words in backquotes are set as code.
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
    warning : a banner that cannot be overlooked, for example that the corpus is synthetic; empty for none
    facts : what was run, on which data: (name, value) pairs
    headlines : the numbers that matter
    sections : the body
    command : the exact command that repeats the run
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


class Assets:
    """The files of one report: copies each into its folder once, under a readable name that nothing else has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[object, str] = {}

    def audio(self, source: Path) -> str:
        """Copy a sound file; returns its address relative to the page."""
        return self._copy(source, "audio", source.stem)

    def image(self, source: Path | Figure, name: str, *, max_bytes: int = 120_000) -> str:
        """Copy an image, or save a figure under a name and of a size; returns its address relative to the page."""
        if isinstance(source, Path):
            return self._copy(source, "figures", source.stem)
        if source not in self._names:
            address = self._address("figures", name, ".png")
            save(source, self._folder / address, max_bytes=max_bytes)
            self._names[source] = address
        return self._names[source]

    def pixels(self, address: str) -> tuple[int, int] | None:
        """Width and height of an image of the report; None when it is not an image of pixels."""
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(self._folder / address) as image:
                return image.size
        except UnidentifiedImageError:
            return None

    def _copy(self, source: Path, kind: str, name: str) -> str:
        key = source.absolute()
        if key not in self._names:
            if not source.is_file():
                raise InputError(f"the report should show {source}, but there is no such file")
            address = self._address(kind, name, source.suffix.lower())
            (self._folder / address).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, self._folder / address)
            self._names[key] = address
        return self._names[key]

    def _address(self, kind: str, name: str, suffix: str) -> str:
        slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or kind
        suffix = re.sub(r"[^a-z0-9.]", "", suffix)
        taken = set(self._names.values())
        candidates = (f"{kind}/{slug}{f'-{number}' if number else ''}{suffix}" for number in range(len(taken) + 1))
        return next(address for address in candidates if address not in taken)


def write_report(directory: Path, report: Report) -> Path:
    """Write a report as a folder with ``index.html``, ``audio/`` and ``figures/``, whole or not at all; returns the page.

    An older report in its place is replaced, and what the new one shows may lie in the old one's folder.

    Parameters
    ----------
    directory : the folder to make

    Raises
    ------
    InputError : when a file to show is missing, `directory` holds something that is not a report, or it cannot be written
    """
    from vqspeech.analysis.page import render

    directory = Path(os.path.abspath(directory))
    _check_replaceable(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    except OSError as error:
        raise InputError(
            f"cannot write a report at {directory}: {error.strerror or error}; choose another folder or free some space"
        ) from error
    try:
        (fresh / "index.html").write_text(render(report, Assets(fresh)), encoding="utf-8")
        fresh.chmod(0o755)
        _swap(fresh, directory)
    except OSError as error:
        raise InputError(
            f"cannot write a report at {directory}: {error.strerror or error}; choose another folder or free some space"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return directory / "index.html"


def _check_replaceable(directory: Path) -> None:
    page = directory / "index.html"
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    if not page.is_file() or MARK not in page.read_text(encoding="utf-8", errors="replace")[:4000]:
        raise InputError(
            f"{directory} holds something that is not a report of vqspeech and would be lost; give another folder"
        )


def _swap(fresh: Path, directory: Path) -> None:
    """Put the new folder in place of the old one, which comes back when that fails."""
    old = fresh.with_name(fresh.name + "-old")
    if directory.exists():
        directory.rename(old)
    try:
        fresh.rename(directory)
    except OSError:
        if old.exists():
            old.rename(directory)
        raise
    shutil.rmtree(old, ignore_errors=True)
