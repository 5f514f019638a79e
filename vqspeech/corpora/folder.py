"""Recordings of your own: one folder per speaker, or a table of files and speakers.

A table (``metadata.csv`` in the folder, or any ``.csv`` given as root) has a header with the columns ``path`` and
``speaker``, and optionally ``text``, ``split`` (train, valid, test), ``id`` and ``alignment``; other columns are
ignored. Paths are relative to the table. Both forms use phone alignments beside the audio under the same stem
(.TextGrid, .phn, .lab, .ctm).
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from vqspeech.audio import AUDIO_SUFFIXES, audio_below
from vqspeech.corpora.alignments import beside
from vqspeech.corpora.base import SPLITS, Corpus
from vqspeech.corpora.selection import Recording, Speakers, SplitBy, assemble, count_and_name, existing_root, safe_id
from vqspeech.errors import CorpusError

_REQUIRED = ("path", "speaker")


def read(
    root: Path | str | None,
    *,
    split_by: SplitBy = "utterance",
    speakers: Speakers = None,
    max_utterances: int | None = None,
) -> Corpus:
    """Read a folder per speaker, or a CSV table.

    Parameters
    ----------
    root : a folder of speaker folders, a folder with ``metadata.csv``, or a ``.csv`` file
    split_by, speakers, max_utterances : see `vqspeech.corpora.selection.assemble`; a ``split`` column has priority

    Raises
    ------
    CorpusError : no audio, a table without a needed column or with an unknown split, or two rows of one id
    """
    table = Path(root).expanduser().absolute() if root is not None else None
    if table is not None and table.suffix.lower() == ".csv" and not table.is_dir():
        if not table.is_file():
            raise CorpusError(f"{table}: no such file")
        folder = table.parent
    else:
        folder = existing_root(root, "folder")
        table = folder / "metadata.csv"
    notes: list[str] = []
    if table.is_file():
        recordings = read_table(table)
        variant = f"table {table.name}"
    else:
        recordings, notes = _from_folders(folder)
        variant = "one folder per speaker"
    corpus = Corpus(name="folder", root=folder, variant=variant, utterances=(), notes=tuple(notes))
    return assemble(corpus, _unique(recordings), split_by=split_by, speakers=speakers, max_utterances=max_utterances)


def _from_folders(folder: Path) -> tuple[list[Recording], list[str]]:
    files = audio_below(folder)
    if not files:
        raise CorpusError(
            f"no audio in {folder}: looked for *{', *'.join(AUDIO_SUFFIXES)} in one folder per speaker, "
            "and for a table metadata.csv with the columns path and speaker"
        )
    loose = [path for path in files if path.parent == folder]
    notes: list[str] = []
    if loose and len(loose) < len(files):
        notes.append(
            f"Audio files outside the speaker folders, ignored, {count_and_name([path.name for path in loose])}."
        )
        files = [path for path in files if path.parent != folder]
    elif loose:
        notes.append(f"There are no speaker folders; all recordings count as one speaker, {safe_id(folder.name)!r}.")
    alignments = beside(files)
    recordings: list[Recording] = []
    for path in files:
        inner = path.relative_to(folder).with_suffix("")
        speaker = inner.parts[0] if len(inner.parts) > 1 else safe_id(folder.name)
        below = "-".join(inner.parts[1:]) or inner.name
        name = below if below.startswith(speaker) else f"{speaker}-{below}"
        recordings.append(Recording(id=safe_id(name), path=path, speaker=speaker, alignment=alignments.get(path)))
    return recordings, notes


def read_table(table: Path) -> list[Recording]:
    """Read a CSV table of recordings, without opening them; see the module's docstring.

    Raises
    ------
    CorpusError : without a needed column or rows, or with an unknown split
    """
    text = table.read_text(encoding="utf-8-sig", errors="replace")
    header = text.partition("\n")[0]
    delimiter = max(",;\t|", key=header.count)
    rows = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    columns = [name.strip().lower() for name in rows.fieldnames or ()]
    if missing := [name for name in _REQUIRED if name not in columns]:
        raise CorpusError(
            f"{table}: no column {' and '.join(missing)}; the header is {', '.join(columns) or 'empty'}. "
            "Needed: path, speaker"
        )
    rows.fieldnames = columns
    recordings: list[Recording] = []
    for row in rows:
        values = {
            name: (value or "").strip()
            for name, value in row.items()
            if isinstance(name, str) and not isinstance(value, list)
        }
        where = f"{table}, line {rows.line_num}"
        if not values["path"] or not values["speaker"]:
            raise CorpusError(f"{where}: path or speaker is empty")
        split = next((name for name in SPLITS if name == values.get("split", "").lower()), None)
        if values.get("split") and split is None:
            raise CorpusError(
                f"{where}: split {values['split']!r} is not allowed; choose {', '.join(SPLITS)}, or omit it"
            )
        path = table.parent / values["path"]
        recordings.append(
            Recording(
                id=safe_id(values.get("id") or str(Path(values["path"]).with_suffix(""))),
                path=path,
                speaker=values["speaker"],
                text=values.get("text") or None,
                split=split,
                alignment=table.parent / values["alignment"] if values.get("alignment") else None,
            )
        )
    if not recordings:
        raise CorpusError(f"{table}: has a header and no rows")
    alignments = beside(
        recording.path for recording in recordings if recording.alignment is None and recording.path.parent.is_dir()
    )
    recordings = [
        replace(recording, alignment=recording.alignment or alignments.get(recording.path)) for recording in recordings
    ]
    return recordings


def _unique(recordings: list[Recording]) -> list[Recording]:
    """Refuse two recordings of one id; where only the ending differs, it becomes part of the id."""
    by_id: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_id.setdefault(recording.id, []).append(recording)
    unique: list[Recording] = []
    for key, same in by_id.items():
        renamed = same if len(same) == 1 else [replace(one, id=f"{key}{one.path.suffix.lower()}") for one in same]
        if len({one.id for one in renamed}) < len(renamed):
            raise CorpusError(
                f"two recordings have the id {key!r}: {same[0].path} and {same[1].path}; ids must be unique"
            )
        unique += renamed
    return unique
