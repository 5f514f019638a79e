"""Results of `vqspeech analyze` as text, JSON and pages: of one model, or of several beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqspeech.analysis.contract import AnalysisResult
    from vqspeech.report import Table


def folders_of(names: Sequence[str | Path], out: Path | None) -> list[Path | None]:
    """Return the folder of each one's results: OUT for one, OUT/NAME for several."""
    if out is None:
        return [None] * len(names)
    if len(names) == 1:
        return [out]
    plain = [Path(name).absolute().name for name in names]
    twice = Counter(plain)
    named = [name if twice[name] == 1 else f"{name}-{number}" for number, name in enumerate(plain, start=1)]
    return [out / name for name in named]


@dataclass(frozen=True)
class Shown:
    """Results of an analysis, of runs and then of tables of units.

    Parameters
    ----------
    analysis, corpus, synthetic : name of the analysis, description of the data, and whether it is synthetic speech
    runs, units : names of the runs, and files of units
    results : their results, in this order
    """

    analysis: str
    corpus: str
    synthetic: bool
    runs: tuple[str, ...]
    units: tuple[str, ...]
    results: tuple[AnalysisResult, ...]

    @property
    def values(self) -> dict[str, Any]:
        """The result as JSON values: of one, or of each with statistics over several runs."""
        if len(self._rows) == 1:
            return self._rows[0]
        over = self._over_runs()
        return {**self._head, "runs": self._rows, **({} if over is None else {"over_runs": over})}

    def text(self, folders: Sequence[Path | None]) -> list[str]:
        """Return lines for a terminal; the folders name several results."""
        from vqspeech.analysis.summary import as_lines, table_lines

        head = self.corpus + (" (synthetic speech)" if self.synthetic else "")
        if len(self.results) > 1:
            return [head, *table_lines(self._table(folders))]
        return [head, *([self.results[0].text] if self.results[0].text else as_lines(self.results[0].summary))]

    def write(self, out: Path, folders: Sequence[Path | None]) -> None:
        """Write result.json and a page for each into its folder, and of several together into `out`."""
        from vqspeech.analysis.page import write_result
        from vqspeech.report import Section

        warning = "The corpus is synthetic speech." if self.synthetic else ""
        title, facts = f"Analysis {self.analysis}", [("corpus", self.corpus)]
        for folder, row, result in zip(folders, self._rows, self.results, strict=True):
            assert folder is not None
            kind = "run" if "run" in row else "units"
            own = [(kind, str(row[kind])), *facts, *(("note", note) for note in result.notes)]
            write_result(folder, row, result.sections, title=title, facts=own, warning=warning)
        if len(self.results) > 1:
            sections = (Section(title="Units" if self.units else "Runs", tables=(self._table(folders),)),)
            write_result(out, self.values, sections, title=title, facts=facts, warning=warning)

    @property
    def _head(self) -> dict[str, Any]:
        return {"analysis": self.analysis, "corpus": self.corpus}

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        named = [*(("run", name) for name in self.runs), *(("units", name) for name in self.units)]
        return [
            {"analysis": self.analysis, kind: name, "corpus": self.corpus, **result.summary}
            for (kind, name), result in zip(named, self.results, strict=True)
        ]

    def _over_runs(self) -> dict[str, dict[str, float]] | None:
        from vqspeech.analysis.summary import over_runs

        scores = [result.scores or {} for result in self.results[: len(self.runs)]]
        return over_runs(scores) if len(scores) > 1 else None

    def _table(self, folders: Sequence[Path | None]) -> Table:
        from vqspeech.analysis.summary import side_by_side, table_of_runs

        names = [*self.runs, *(str(Path(name).with_suffix("")) for name in self.units)]
        labels = [folder.name if folder else Path(name).name for name, folder in zip(names, folders, strict=True)]
        scores = [result.scores or {} for result in self.results]
        return side_by_side(labels, scores) if self.units else table_of_runs(labels, scores)
