"""Results of an analysis as files: result.json, and a page where there are sections to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vqspeech import __version__
from vqspeech.files import write_json
from vqspeech.report import Report, Section, write_report

RESULT = "result.json"
REPORT = "report"


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
    """
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
