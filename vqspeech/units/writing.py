"""Write codes as units for other tools: JSON lines, fairseq's labels, text lines and NumPy archives."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError
from vqspeech.files import whole_file

FORMATS = {
    ".jsonl": "fastabx, SpidR and DiscoPhon",
    ".km": "fairseq, with a manifest .tsv beside it",
    ".txt": "fairseq's GSLM",
    ".units": "textless",
    ".npz": "NumPy",
}
"""Ending of a file -> tools that read it."""

_SEPARATORS = {".txt": "|", ".units": "\t"}
_ONE_CODEBOOK = (".km", *_SEPARATORS)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return the files that units of a name are written to: the manifest of a ``.km`` file comes first.

    Raises
    ------
    InputError : for an ending that is not one of `FORMATS`
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(f"{ending} ({tools})" for ending, tools in FORMATS.items())
        raise InputError(f"units cannot be written to {str(path)!r}; the name must end in one of {known}")
    return (path.with_suffix(".tsv"), path) if suffix == ".km" else (path,)


def require_writable(paths: Sequence[Path], codebooks: int) -> None:
    """Check that codes of some codebooks can be written as units to new files.

    Raises
    ------
    InputError : for an unknown ending, a name that is given twice or exists, and a format of one codebook
    """
    targets = Counter(target for path in paths for target in files_of(path))
    for path in paths:
        if codebooks > 1 and path.suffix.lower() in _ONE_CODEBOOK:
            raise InputError(
                f"{path} can hold one codebook, and there are {codebooks}; give a .jsonl or .npz file, or keep the "
                "first codebook of a residual quantizer by --codebooks 1"
            )
    for target, count in targets.items():
        if count > 1:
            raise InputError(f"units would be written to {target} twice; give each file once")
        if os.path.lexists(target):
            raise InputError(_taken(target))


def write_units(table: CodeTable, path: Path, replaced: Collection[str] = ()) -> None:
    """Write codes of speech as units, in the format that the file's name ends in, see `FORMATS`.

    ============ ======================================================================================
    ``.jsonl``   ``{"file": "u1", "audio": "u1.wav", "units": [71, 12]}``; a list for each of several codebooks
    ``.km``      the units of an utterance in a line; ``.tsv`` beside it holds the folder of all recordings, then
                 the path of each below it and its samples at the table's rate
    ``.txt``     ``u1|71 12``
    ``.units``   ``u1<tab>71 12``
    ``.npz``     an array for each utterance, (frames,), or (codebooks, frames) where there are several
    ============ ======================================================================================

    Parameters
    ----------
    table : the codes
    path : file to write; one of the same content may exist
    replaced : SHA-256 (hexadecimal) of files that may be replaced

    Raises
    ------
    InputError : for an unknown ending, codes that are not of speech, no codes or too many codebooks, names that the
        format cannot hold, and for another file under the name
    """
    suffix, targets = path.suffix.lower(), files_of(path)
    if table.modality != "audio" or not len(table):
        raise InputError(f"{path}: units are codes of speech; these are {len(table)} items of {table.modality}")
    if len(table.codebook_sizes) > 1 and suffix in _ONE_CODEBOOK:
        raise InputError(f"{path} can hold one codebook, and the codes have {len(table.codebook_sizes)}")
    if suffix == ".npz":
        with new_file(path, replaced) as partial:
            _write_arrays(partial, table)
        return
    contents = (_manifest(table), _labels(table)) if suffix == ".km" else (_lines(table, suffix),)
    for target, lines in zip(targets, contents, strict=True):
        with new_file(target, replaced) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)


@contextmanager
def new_file(path: Path, replaced: Collection[str] = ()) -> Iterator[Path]:
    """Open a temporary file that becomes `path` at the end; a file of the same content may be there.

    Parameters
    ----------
    replaced : SHA-256 (hexadecimal) of files that may be replaced

    Raises
    ------
    InputError : at the end, for anything else of this name
    """
    with whole_file(path) as partial:
        yield partial
        if os.path.lexists(path):
            known = path.is_file() and not path.is_symlink() and digest(path) in {digest(partial), *replaced}
            if not known:
                raise InputError(_taken(path))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _taken(path: Path) -> str:
    return f"{path} exists and is not replaced; remove it or give another name"


def _write_arrays(path: Path, table: CodeTable) -> None:
    # NumPy's own function takes names as keywords, of which it knows some.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in table:
            with archive.open(f"{row.id}.npy", "w", force_zip64=True) as member:
                codes = row.codes[0] if len(row.codes) == 1 else row.codes
                np.lib.format.write_array(member, np.ascontiguousarray(codes), allow_pickle=False)


def _lines(table: CodeTable, suffix: str) -> Iterator[str]:
    for row in table:
        if suffix == ".jsonl":
            yield _json_line(row)
            continue
        separator = _SEPARATORS[suffix]
        if {separator, "\n", "\r"} & set(row.id):
            raise InputError(f"lines of {suffix} cannot hold the name {row.id!r}; give a .jsonl or .npz file")
        yield f"{row.id}{separator}{_text(row)}\n"


def _json_line(row: UtteranceCodes) -> str:
    units = row.codes[0].tolist() if len(row.codes) == 1 else row.codes.tolist()
    # fastabx removes what follows the last point of `audio`, also where that is part of the name.
    audio = row.id + (Path(row.path).suffix or ".wav")
    return json.dumps({"file": row.id, "audio": audio, "units": units}, ensure_ascii=False) + "\n"


def _labels(table: CodeTable) -> Iterator[str]:
    return (_text(row) + "\n" for row in table)


def _text(row: UtteranceCodes) -> str:
    return " ".join(map(str, row.codes[0].tolist()))


def _manifest(table: CodeTable) -> Iterator[str]:
    for row in table:
        if not row.path or {"\t", "\n", "\r"} & set(row.path):
            raise InputError(
                f"a manifest cannot hold the recording {row.path!r} of {row.id!r}; give a .jsonl, .txt, .units or .npz "
                "file"
            )
    paths = [Path(os.path.abspath(row.path)) for row in table]
    root = os.path.commonpath([path.parent for path in paths])
    yield f"{root}\n"
    for row, path in zip(table, paths, strict=True):
        yield f"{path.relative_to(root).as_posix()}\t{row.n_samples}\n"
