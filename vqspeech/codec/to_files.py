"""Codes decoded to files by a modality; of files that are there, only those that vqspeech made are replaced."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vqspeech import audio
from vqspeech.claims import claimed
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable
from vqspeech.errors import InputError
from vqspeech.modality import Modality
from vqspeech.temporary import temporary_folder

SOFTWARE = audio.SOFTWARE
"""The text ``Software`` of a PNG or WebP file (there in EXIF) that vqspeech made, as modalities write it."""
_PICTURES = {".png": "PNG", ".webp": "WEBP"}


def decode_to_files(
    modality: Modality,
    loaded: Any,
    table: CodeTable,
    out: Path,
    options: Mapping[str, Any],
    *,
    single: bool = False,
) -> list[Path]:
    """Decode a table to a file for each row; all are written, or none.

    Parameters
    ----------
    modality, loaded : a modality, and a model that it loaded
    table : the codes
    out : folder of the files, named after their rows; or the file of the only row
    options : see `vqspeech.modality.Modality.decode`
    single : whether `out` is a file; it gets the suffix that the modality writes

    Returns
    -------
    the files, in the order of the rows

    Raises
    ------
    InputError : for a file that exists and was not made by vqspeech, or that another process writes
    """
    folder = out.parent if single else out
    names = [out.with_suffix("")] if single else table.files(folder, "")
    if isinstance(loaded, SpeechCodec):
        names = [out.with_suffix(".wav")] if single else table.files(folder, ".wav")
    with claimed(names):
        if isinstance(loaded, SpeechCodec):
            for path in names:
                require_replaceable(path)
        # The files of other modalities have names of their own, so they are checked when they are made.
        with temporary_folder(folder / (out.stem if single else "decoded")) as partial:
            made = list(modality.decode(loaded, table, partial, options))
            targets = [out.with_suffix(path.suffix) if single else out / path.name for path in made]
            for target in targets:
                require_replaceable(target)
            return [path.replace(target) for path, target in zip(made, targets, strict=True)]


def require_replaceable(path: Path) -> None:
    """Check that writing a file loses none that vqspeech did not make.

    Raises
    ------
    InputError : for an existing file that is neither speech nor a picture that names vqspeech
    """
    ours = _is_our_picture if path.suffix in _PICTURES else audio.is_ours
    if os.path.lexists(path) and not ours(path):
        raise InputError(f"{path} exists and was not written by vqspeech; move it away or give another --out")


def _is_our_picture(path: Path) -> bool:
    """Return whether a picture names vqspeech as its software."""
    from PIL import ExifTags, Image

    try:
        with Image.open(path, formats=[_PICTURES[path.suffix]]) as picture:
            named = picture.info.get("Software") or picture.getexif().get(ExifTags.Base.Software, "")
            return str(named).startswith(SOFTWARE)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
