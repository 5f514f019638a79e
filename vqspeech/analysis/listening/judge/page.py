"""The judged table for a page and for a terminal, and players of what was judged."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqspeech.analysis.figures.spectrograms import file_strip
from vqspeech.analysis.listening.judge.clips import (
    CONVERSION,
    MEASURES,
    ORIGINAL,
    PLAYED,
    RESYNTHESIS,
    UNCHANGED,
    Measure,
)
from vqspeech.analysis.summary import table_lines
from vqspeech.report import Clip, CodeStrip, PlayerRow, Section, Table

MAIN = ("wer", "cer", "wer_to_original", "similarity_target", "dnsmos")
"""Measures of the main table, the only ones with intervals on the page; WER to the original where there is no text."""

HOW = (
    "Words are those that a recogniser hears (WER, CER: errors per word and character, all clips of a row together); "
    "similarity is the cosine of speaker embeddings; DNSMOS is a predicted opinion from 1 to 5. The originals are the "
    "ceiling; the codes of another utterance, and the source without conversion, show what no model would score. "
    "Intervals are of 95 %, by bootstrap over utterances."
)


def judged_section(results: Mapping[str, Any], folder: Path, title: str = "Judged speech") -> Section:
    """Return the section of a page.

    Parameters
    ----------
    results : contents of the evaluation's ``results.json``
    folder : folder that the paths of its clips are relative to
    """
    notes = [*results["notes"], *dict.fromkeys(results["judge"]["unavailable"].values())]
    return Section(
        title=title,
        text="\n\n".join([HOW, *notes]),
        tables=judged_tables(results),
        players=tuple(_players(results["clips"], folder)),
    )


def judged_tables(results: Mapping[str, Any]) -> tuple[Table, ...]:
    """Return the main table, those of voices and of further measures, and the differences between runs."""
    rows = results["rows"]
    main = [row for place, row in enumerate(rows) if _key(row) not in [_key(one) for one in rows[:place]]]
    voices = [row for row in rows if row not in main]
    with_text = any(row["measures"]["wer"]["value"] is not None for row in rows)
    names = [name for name in MAIN if not (with_text and name == "wer_to_original")]
    first, further = ([one for one in MEASURES if (one.name in names) == is_main] for is_main in (True, False))
    tables = [judged_table(main, first, intervals=True, caption=_missing(rows))]
    if voices:
        tables.append(judged_table(voices, first, caption="Each voice"))
    if _shown((row["measures"] for row in main), further):
        tables.append(judged_table(main, further, caption="Further measures"))
    if results.get("differences"):
        tables.append(difference_table(results["differences"]))
    return tuple(tables)


def judged_table(
    rows: Sequence[Mapping[str, Any]],
    measures: Sequence[Measure] = MEASURES,
    *,
    intervals: bool = False,
    caption: str = "",
) -> Table:
    """Return rows of `vqspeech.analysis.listening.judge.table.judged_rows`; columns without values are omitted."""
    shown = _shown((row["measures"] for row in rows), measures)
    # An unconverted source has one measure, which needs recordings of the target.
    rows = [row for row in rows if row["kind"] != UNCHANGED or _shown([row["measures"]], shown)]
    several = len({row["run"] for row in rows if row["run"]}) > 1
    columns = (*(("run",) if several else ()), "speech", "voice", "clips", *(one.heading for one in shown))
    return Table(
        columns=columns,
        rows=tuple(
            (
                *((row["run"] or None,) if several else ()),
                row["kind"],
                row["voice"] or ("all" if row["kind"] not in (ORIGINAL, RESYNTHESIS) else None),
                row["clips"],
                *(_cell(row["measures"][one.name], one, intervals) for one in shown),
            )
            for row in rows
        ),
        caption=caption,
    )


def difference_table(differences: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of `vqspeech.analysis.listening.judge.table.differences`."""
    shown = _shown((one["measures"] for one in differences), [one for one in MEASURES if one.name in MAIN])
    return Table(
        columns=("run", "less that of", "speech", *(one.heading for one in shown)),
        rows=tuple(
            (one["run"], one["against"], one["kind"], *(_cell(one["measures"][m.name], m, True) for m in shown))
            for one in differences
        ),
        caption="Differences on the same utterances, with paired intervals",
    )


def table_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return all rows and columns for a terminal, and why columns are missing."""
    return "\n".join([*table_lines(judged_table(rows)), *textwrap.wrap(_missing(rows), 120)])


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["run"], row["kind"]


def _shown(measured: Iterable[Mapping[str, Any]], measures: Sequence[Measure]) -> list[Measure]:
    """Return the measures that have a value in any row."""
    given = list(measured)
    return [one for one in measures if any((m[one.name] or {}).get("value") is not None for m in given)]


def _cell(value: Mapping[str, Any] | None, measure: Measure, intervals: bool) -> str | None:
    """Format a value, with its interval."""
    if value is None or value["value"] is None:
        return None
    text = f"{value['value']:.{measure.decimals}f}"
    if not intervals or value["ci95"] is None:
        return text
    low, high = (f"{bound:.{measure.decimals}f}" for bound in value["ci95"])
    return f"{text} ({low} to {high})"


def _missing(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say why columns have no value in any row."""
    whys = []
    for measure in MEASURES:
        cells = [row["measures"][measure.name] for row in rows if row["kind"] != UNCHANGED]
        if cells and all(cell["value"] is None for cell in cells):
            reasons = [cell["reason"] for cell, row in zip(cells, rows, strict=False) if row["kind"] != ORIGINAL]
            why = (reasons or [cells[0]["reason"]])[0]
            whys.append(f"{measure.heading}: {why}.")
    return f"Not measured: {' '.join(whys)}" if whys else ""


def _players(clips: Sequence[Mapping[str, Any]], folder: Path) -> list[PlayerRow]:
    rows = []
    for original in [clip for clip in clips if clip["kind"] == ORIGINAL][:PLAYED]:
        same = [
            clip
            for clip in clips
            if clip["utterance"] == original["utterance"] and clip["kind"] in (RESYNTHESIS, CONVERSION)
        ]
        players = [_player(clip, folder) for clip in (original, *same)]
        rows.append(PlayerRow(title=original["utterance"], text=original["text"] or "", clips=tuple(players)))
    return rows


def _player(clip: Mapping[str, Any], folder: Path) -> Clip:
    label = f"{clip['run']}: {clip['kind']}" if clip["run"] else clip["kind"]
    path = folder / clip["path"]
    return Clip(
        label=label,
        audio=path,
        speaker=clip["voice"] or clip["speaker"],
        spectrogram=file_strip(path) if path.is_file() else None,
        measures=tuple(_clip_measures(clip)),
        codes=CodeStrip.of(**clip["codes"]) if "codes" in clip else None,
    )


def _clip_measures(clip: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what was heard in a clip, and its scores."""
    if clip["heard"] is not None:
        yield "heard", clip["heard"] or "nothing"
    for key, name in (("wer", "wrong words"), ("wer_to_original", "words unlike the original's")):
        if clip.get(key):
            yield name, f"{clip[key][0]} of {clip[key][1]}"
            break
    for measure in MEASURES:
        value = clip.get(measure.name)
        if measure.name in MAIN and isinstance(value, float):
            yield measure.heading, f"{value:.{measure.decimals}f}"
