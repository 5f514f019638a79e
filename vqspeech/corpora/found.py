"""Recordings wherever they lie: the layout of a folder is detected, and texts are found beside files."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from vqspeech.audio import AUDIO_SUFFIXES, audio_below
from vqspeech.corpora import folder, librispeech, timit, vctk
from vqspeech.corpora.base import Corpus
from vqspeech.corpora.selection import Recording, assemble, safe_id
from vqspeech.corpora.table import NoTableError
from vqspeech.errors import CorpusError, InputError

_LIBRISPEECH = re.compile(r"(\d+)-\d+-\d+")
_VCTK = re.compile(r"([ps]\d+)_\d+(?:_mic[12])?")
_LAYOUT_SHARE = 0.5
"""Share of a folder's files that a reader must know for its layout to be the folder's."""


def find_recordings(paths: Sequence[Path]) -> Corpus:
    """Find recordings, their speakers and texts.

    A folder with the layout of VCTK, LibriSpeech or TIMIT, or with a ``metadata.csv``, is read by the reader of that
    corpus. For other files, speaker and text come from a ``metadata.csv`` in one of the three folders above that names
    the file. Else the text is in VCTK's ``txt`` folder, a ``.txt`` or ``.wrd`` beside the file, or a ``.trans.txt`` in
    its folder, and the speaker is in the name of the file, as in VCTK and LibriSpeech, or is the name of the folder.

    Parameters
    ----------
    paths : files and folders

    Returns
    -------
    A corpus named ``"recordings"``, or the reader's own for a single folder; ids are unique

    Raises
    ------
    InputError : for a path that does not exist
    CorpusError : without a usable recording
    """
    if not paths:
        raise InputError("no recordings were given")
    folders = [path.expanduser().absolute() for path in paths if path.expanduser().is_dir()]
    files = [path.expanduser().absolute() for path in paths if not path.expanduser().is_dir()]
    for path in files:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    parts = [_folder(path) for path in folders]
    if files:
        parts.append(_files(files, files[0].parent))
    if len(parts) == 1:
        return parts[0]
    seen = Counter(one.id for part in parts for one in part.utterances)
    utterances = [
        replace(one, id=f"{safe_id(one.path.parent.name)}-{one.id}") if seen[one.id] > 1 else one
        for part in parts
        for one in part.utterances
    ]
    unique = {one.path: one for one in utterances}
    return Corpus(
        name="recordings",
        root=parts[0].root,
        variant="; ".join(dict.fromkeys(part.variant for part in parts)),
        utterances=tuple(sorted(unique.values(), key=lambda one: one.id)),
        skipped={path: reason for part in parts for path, reason in part.skipped.items()},
        notes=tuple(note for part in parts for note in part.notes),
    )


def _folder(root: Path) -> Corpus:
    """Read a folder by the reader whose layout it has, else file by file."""
    if vctk.find_release(root) is not None:
        return vctk.read(root)
    if (root / "metadata.csv").is_file():
        return folder.read(root)
    files = audio_below(root)
    if not files:
        raise CorpusError(f"no audio in {root}; looked for *{', *'.join(AUDIO_SUFFIXES)}")
    for reader in (librispeech.read, timit.read):
        try:
            corpus = reader(root)
        except CorpusError:
            continue
        if len(corpus.utterances) >= _LAYOUT_SHARE * len(files):
            return corpus
    return _files(files, root)


def _files(files: Sequence[Path], root: Path) -> Corpus:
    tables: dict[Path, dict[Path, Recording]] = {}
    recordings = [_recording(path, tables) for path in files]
    corpus = Corpus(name="recordings", root=root, variant=f"recordings in {root.name}", utterances=())
    return assemble(corpus, _unique(recordings), split_by="utterance", speakers=None, max_utterances=None)


def _recording(path: Path, tables: dict[Path, dict[Path, Recording]]) -> Recording:
    name = path.stem
    for above in path.parents[:3]:
        table = above / "metadata.csv"
        if table not in tables:
            tables[table] = _rows(table)
        if path in tables[table]:
            row = tables[table][path]
            return Recording(id=safe_id(name), path=path, speaker=row.speaker, text=row.text)
    match = _LIBRISPEECH.fullmatch(name) or _VCTK.fullmatch(name)
    return Recording(
        id=safe_id(name), path=path, speaker=match[1] if match else path.parent.name or "_", text=_text(path)
    )


def _rows(table: Path) -> dict[Path, Recording]:
    """Return the rows of a table by file; none when it is no table of recordings.

    Raises
    ------
    CorpusError : a table of recordings that is broken
    """
    try:
        return {row.path.absolute(): row for row in folder.read_table(table)} if table.is_file() else {}
    except NoTableError:
        return {}


def _text(path: Path) -> str | None:
    stem = re.sub(r"_mic[12]$", "", path.stem)
    if len(path.parents) > 2:
        beside = path.parents[2] / "txt" / path.parent.name / f"{stem}.txt"
        if beside.is_file():
            return timit.read_text({".txt": beside})
    siblings = {one.suffix.lower(): one for one in path.parent.glob(f"{glob.escape(path.stem)}.*")}
    return timit.read_text(siblings) or librispeech.transcripts(path.parent).get(path.stem)


def _unique(recordings: Iterable[Recording]) -> list[Recording]:
    """Make ids unique: the folder's name is put before those that occur twice, then a number after."""
    recordings = list(recordings)
    seen = Counter(one.id for one in recordings)
    taken: set[str] = set()
    unique = []
    for one in recordings:
        name = f"{safe_id(one.path.parent.name)}-{one.id}" if seen[one.id] > 1 else one.id
        number = next(number for number in range(len(recordings) + 1) if _numbered(name, number) not in taken)
        taken.add(_numbered(name, number))
        unique.append(replace(one, id=_numbered(name, number)))
    return unique


def _numbered(name: str, number: int) -> str:
    return f"{name}-{number + 1}" if number else name
