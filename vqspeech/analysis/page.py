"""Results of an analysis as files: result.json, and a page where there are sections to show."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vqspeech import __version__
from vqspeech.errors import InputError
from vqspeech.files import write_json
from vqspeech.report import Report, Section, write_report
from vqspeech.report.write import require_replaceable

RESULT = "result.json"
REPORT = "report"


def require_free(out: Path) -> None:
    """Check that writing results to a folder loses nothing but an earlier analysis.

    Raises
    ------
    InputError : for a file, or a ``result.json`` or ``report`` of something else
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder as --out")
    require_replaceable(out / REPORT)
    path = out / RESULT
    if not os.path.lexists(path):
        return
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        values = None
    if not (isinstance(values, dict) and "analysis" in values and ({"run", "runs", "units"} & values.keys())):
        raise InputError(f"{path} exists and is no result of an analysis; move it away or give another --out")


def write_result(
    out: Path,
    result: Mapping[str, Any],
    sections: Sequence[Section],
    *,
    title: str,
    facts: Sequence[tuple[str, str]] = (),
    warning: str = "",
) -> list[Path]:
    """Write ``result.json`` and, when there are sections, ``report/index.html`` into a folder.

    Parameters
    ----------
    out : the folder, created when missing
    result : JSON values
    title, facts, warning : the head of the page, see `vqspeech.report.Report`

    Returns
    -------
    The files to open

    Raises
    ------
    InputError : for a folder that `require_free` refuses
    """
    require_free(out)
    written = [write_json(out / RESULT, dict(result))]
    if sections:
        report = Report(
            title=title,
            facts=tuple(facts),
            warning=warning,
            sections=tuple(sections),
            versions={"vqspeech": __version__},
        )
        written.append(write_report(out / REPORT, report))
    return written
