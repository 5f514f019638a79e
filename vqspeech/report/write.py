"""Write a report: one folder with a page, its sound and its images.

The page opens from disk, loads nothing from the network, and the folder can be zipped and sent.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from vqspeech.errors import InputError
from vqspeech.files import whole_directory
from vqspeech.report.assets import Assets
from vqspeech.report.elements import Report
from vqspeech.report.page import GENERATOR, render


def write_report(directory: Path, report: Report) -> Path:
    """Write a report as a folder with ``index.html``, ``audio/`` and ``figures/``, atomically.

    An earlier report at `directory` is replaced; the new one may refer to files of the earlier one. Files that were
    added to it stay.

    Parameters
    ----------
    directory : the folder to create

    Returns
    -------
    The page, ``directory/index.html``

    Raises
    ------
    InputError : when a file is missing, `directory` holds something other than a report, or it cannot be written
    """
    directory = Path(os.path.abspath(directory))
    require_replaceable(directory)
    try:
        with whole_directory(directory, ours=_is_ours) as fresh:
            (fresh / "index.html").write_text(render(report, Assets(fresh)), encoding="utf-8")
    except OSError as error:
        raise _cannot_write(directory, error) from error
    return directory / "index.html"


_OURS = re.compile(r"index\.html|(?:audio|figures)/[a-z0-9-]+\.[a-z0-9.]+")


def _is_ours(name: str) -> bool:
    """Return whether a file of an earlier report, by its path there, was made by `Assets` or is the page."""
    return _OURS.fullmatch(name) is not None


def _cannot_write(directory: Path, error: OSError) -> InputError:
    reason = error.strerror or error
    return InputError(f"cannot write a report at {directory}: {reason}; choose another folder or free some space")


def require_replaceable(directory: Path) -> None:
    """Check that a folder is missing, empty, or a report of vqspeech.

    Raises
    ------
    InputError : when it holds something else
    """
    page = directory / "index.html"
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    if not page.is_file() or GENERATOR not in page.read_text(encoding="utf-8", errors="replace")[:4000]:
        raise InputError(
            f"{directory} is not empty and not a report of vqspeech, so its files would be lost; give another folder"
        )
