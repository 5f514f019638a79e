"""Recordings of your own: one folder per speaker, or a table of files and speakers.

A table (``metadata.csv`` in the folder, or any ``.csv`` given as root) has a header with the columns ``path`` and
``speaker``, and optionally ``text``, ``split`` (train, valid, test), ``id`` and ``alignment``; other columns are
ignored. Paths are relative to the table. Both forms use phone alignments beside the audio under the same stem
(.TextGrid, .phn, .lab, .ctm).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vqspeech.audio import AUDIO_SUFFIXES, audio_below
from vqspeech.corpora.alignments import beside
from vqspeech.corpora.base import SPLITS, Corpus
from vqspeech.corpora.selection import Recording, Speakers, SplitBy, assemble, count_and_name, existing_root, safe_id
from vqspeech.corpora.table import read_rows
from vqspeech.errors import CorpusError
from vqspeech.names import short_hash


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
            raise CorpusError(f"{table}: {'is not a file' if table.exists() else 'no such file'}")
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
    return assemble(corpus, recordings, split_by=split_by, speakers=speakers, max_utterances=max_utterances)


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
    names: dict[Path, str] = {}
    for path in files:
        inner = path.relative_to(folder).with_suffix("")
        names[path] = str(inner)
        speaker = inner.parts[0] if len(inner.parts) > 1 else safe_id(folder.name)
        below = "-".join(inner.parts[1:]) or inner.name
        name = below if below.startswith(speaker) else f"{speaker}-{below}"
        recordings.append(Recording(id=safe_id(name), path=path, speaker=speaker, alignment=alignments.get(path)))
    return _unique(recordings, names), notes


def read_table(table: Path) -> list[Recording]:
    """Read a CSV table of recordings, without opening them; see `vqspeech.corpora.table`.

    Raises
    ------
    CorpusError : a table that cannot be read as one, an unknown split, or two rows of one file or one id
    """
    recordings: dict[Path, Recording] = {}
    names: dict[Path, str] = {}
    for row in read_rows(table):
        values, where = row.values, row.where
        if not values["path"] or not values["speaker"]:
            raise CorpusError(f"{where}: path or speaker is empty")
        split = next((name for name in SPLITS if name == values.get("split", "").lower()), None)
        if values.get("split") and split is None:
            raise CorpusError(
                f"{where}: split {values['split']!r} is not allowed; choose {', '.join(SPLITS)}, or omit it"
            )
        path = table.parent / values["path"]
        if path in recordings:
            raise CorpusError(
                f"{where}: {values['path']} has a row before, of speaker {recordings[path].speaker!r} and "
                f"id {recordings[path].id!r}; ids must be unique, and a recording has one row"
            )
        names[path] = values.get("id") or _without_ending(values["path"])
        recordings[path] = Recording(
            id=safe_id(names[path]),
            path=path,
            speaker=values["speaker"],
            text=values.get("text", "").strip() or None,
            split=split,
            alignment=table.parent / values["alignment"] if values.get("alignment") else None,
        )
    bare = [one.path for one in recordings.values() if one.alignment is None and _is_folder(one.path.parent)]
    alignments = beside(bare)
    found = [replace(one, alignment=one.alignment or alignments.get(one.path)) for one in recordings.values()]
    return _unique(found, names)


def _without_ending(path: str) -> str:
    """Return a path without its ending; one without a name, such as ``.``, as it is."""
    return str(Path(path).with_suffix("")) if Path(path).name else path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # A name that is too long.
        return False


def _unique(recordings: Sequence[Recording], names: Mapping[Path, str]) -> list[Recording]:
    """Make ids unique: those that coincide get the ending, else the whole name, else a hash of the name.

    Parameters
    ----------
    names : path -> what its id is made of

    Raises
    ------
    CorpusError : two files of one name and ending, which only a table can have
    """
    by_id: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_id.setdefault(recording.id, []).append(recording)
    taken = {key for key, same in by_id.items() if len(same) == 1}
    unique: list[Recording] = []
    for key, same in by_id.items():
        if len(same) > 1:
            candidates = (
                [f"{key}{one.path.suffix.lower()}" for one in same],
                [safe_id(names[one.path].replace("/", "-")) for one in same],
                [f"{key}-{short_hash(names[one.path] + one.path.suffix)}" for one in same],
            )
            ids = next((ids for ids in candidates if len(set(ids)) == len(ids) and taken.isdisjoint(ids)), None)
            if ids is None:
                raise CorpusError(
                    f"two recordings have the id {key!r}: {same[0].path} and {same[1].path}; ids must be unique"
                )
            taken.update(ids)
            same = [replace(one, id=new) for one, new in zip(same, ids, strict=True)]
        unique += same
    return unique
