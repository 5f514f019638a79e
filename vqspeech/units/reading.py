"""Read units from files that other tools write: Parquet, NumPy archives, JSON lines and text."""

from __future__ import annotations

from pathlib import Path

from vqspeech.errors import InputError
from vqspeech.units import archives, lines
from vqspeech.units.sequences import UnitFile

FORMATS = (
    "a table of `vqspeech encode` or other Parquet, an .npz archive of one array per utterance, JSON lines such as "
    '{"audio": "a.wav", "units": [71, 12]}, or text lines: a name, then its units after a space, tab or |'
)
"""What can be read, in words."""


def read_units(path: Path) -> UnitFile:
    """Read units; every value is checked, since files may come from strangers.

    Parameters
    ----------
    path : see `FORMATS`. Units of text lines and JSON strings are separated by spaces or commas; ``.km`` files of
        fairseq hold no names, which are read from the manifest ``.tsv`` of the same stem beside it

    Raises
    ------
    InputError : for a file that is missing or of another format, with a name twice, or units that are no whole numbers
        from 0, or codebooks that differ in number or length
    """
    if not path.is_file():
        raise InputError(f"{path} is {'not a file' if path.exists() else 'missing'}; units are {FORMATS}")
    kinds = {".parquet": archives.of_parquet, ".npz": archives.of_npz, ".km": lines.of_labels}
    if path.suffix.lower() in (".npy", ".pt", ".pth", ".pkl", ".h5", ".vqs", ".gz"):
        raise InputError(f"{path}: units are not read from {path.suffix} files; give {FORMATS}")
    try:
        return kinds.get(path.suffix.lower(), lines.of_text)(path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is neither text in UTF-8 nor of another known format; units are {FORMATS}") from error
    except (ValueError, OSError, MemoryError) as error:
        raise InputError(f"{path} cannot be read as units: {error}; they are {FORMATS}") from error
