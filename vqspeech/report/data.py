"""Convert sections to JSON values and back, between stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqspeech.report.assets import Assets
from vqspeech.report.elements import Clip, CodeStrip, Picture, PlayerRow, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def section_to_data(section: Section, folder: Path) -> dict[str, Any]:
    """Return a section as JSON values.

    Figures are saved below `folder`, and files elsewhere are copied there; the values name all of them relative to it.

    Raises
    ------
    InputError : when the section refers to a missing file
    """
    assets = Assets(folder)

    def image(source: Path | Figure, name: str) -> str:
        return _inside(source, folder) or assets.image(source, name)

    def clip(item: Clip, title: str) -> dict[str, Any]:
        name = f"{title}-{item.label}-{item.speaker}"
        return {
            "label": item.label,
            "audio": _inside(item.audio, folder) or assets.audio(item.audio),
            "speaker": item.speaker,
            "spectrogram": None if item.spectrogram is None else image(item.spectrogram, name),
            "measures": [list(pair) for pair in item.measures],
            "codes": None if item.codes is None else asdict(item.codes),
        }

    folder.mkdir(parents=True, exist_ok=True)
    return {
        "title": section.title,
        "text": section.text,
        "tables": [asdict(table) for table in section.tables],
        "figures": [
            {"source": image(item.source, section.title), "caption": item.caption, "alt": item.alt}
            for item in section.figures
        ],
        "players": [
            {"title": row.title, "text": row.text, "clips": [clip(item, row.title) for item in row.clips]}
            for row in section.players
        ],
    }


def section_from_data(data: Mapping[str, Any], folder: Path) -> Section:
    """Return the section that `section_to_data` wrote into `folder`."""
    return Section(
        title=data["title"],
        text=data["text"],
        tables=tuple(
            Table(**{**table, "columns": tuple(table["columns"]), "rows": tuple(tuple(row) for row in table["rows"])})
            for table in data["tables"]
        ),
        figures=tuple(Picture(**{**item, "source": folder / item["source"]}) for item in data["figures"]),
        players=tuple(
            PlayerRow(title=row["title"], text=row["text"], clips=tuple(_clip(item, folder) for item in row["clips"]))
            for row in data["players"]
        ),
    )


def _clip(item: Mapping[str, Any], folder: Path) -> Clip:
    strip, codes = item["spectrogram"], item.get("codes")
    return Clip(
        label=item["label"],
        audio=folder / item["audio"],
        speaker=item["speaker"],
        spectrogram=None if strip is None else folder / strip,
        measures=tuple((name, value) for name, value in item["measures"]),
        codes=None if codes is None else CodeStrip.of(**codes),
    )


def _inside(source: Path | Figure, folder: Path) -> str:
    """Return the relative path of a file below `folder`, else empty."""
    if isinstance(source, Path) and source.is_file() and source.absolute().is_relative_to(folder.absolute()):
        return source.absolute().relative_to(folder.absolute()).as_posix()
    return ""
