"""Registered analyses as stages: their options, their results, their sections on the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vqspeech.analysis.contract import AnalysisContext
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import ConfigError, UnknownNameError
from vqspeech.experiments import Experiment, RecipeRequest, run_experiment
from vqspeech.experiments.analyses import analysis_results, analysis_sections, analysis_stages, check_analyses
from vqspeech.report import Report
from vqspeech.runs import RunDirectory

PLUGIN = """
    import vqspeech
    from vqspeech.registry.specs import AnalysisSpec

    @vqspeech.hookimpl
    def register_analyses():
        return [
            AnalysisSpec(name="count", target="vqspeech_count:count", summary="counts a code"),
            AnalysisSpec(name="bare", target="vqspeech_count:bare", summary="numbers only"),
        ]

    def count(context, *, code: int = 0):
        from vqspeech.analysis.contract import AnalysisResult
        from vqspeech.errors import InputError
        from vqspeech.report import Picture, Section

        if code > 9:
            raise InputError(f"code = {code}: there are ten")
        (context.out / "picture.png").write_bytes(b"image")
        found = sum(int((row.codes == code).sum()) for row in context.table)
        section = Section(title=f"Code {code}", text="Counted.", figures=(Picture(source=context.out / "picture.png"),))
        return AnalysisResult(summary={"count": found}, sections=(section,), notes=("One note.",))

    def bare(context):
        from vqspeech.analysis.contract import AnalysisResult

        return AnalysisResult(summary={"use": {"frames": 4}, "names": ["a"]})
"""


@pytest.fixture
def module(fake_dist, isolated_registry) -> Path:
    """The module of a plugin with two analyses."""
    path = fake_dist("vqspeech-count", PLUGIN)
    isolated_registry()
    return path


def context() -> AnalysisContext:
    row = UtteranceCodes(
        id="u", speaker="s", split="test", path="u.wav", n_samples=1280, codes=np.array([[3, 3, 1, 0]])
    )
    return AnalysisContext(table=CodeTable(rows=(row,), sample_rate=16000, hop_samples=320, codebook_sizes=(10,)))


def run(out, options=None, names=("count", "bare")):
    """An experiment of analyses only; returns the outcome and its results.json."""
    directory, analyses = RunDirectory(out), check_analyses(list(names), options or {})
    experiment = Experiment(
        out=out,
        stages=analysis_stages(analyses, context, directory, after=()),
        results=analysis_results,
        report=lambda made, results: Report(title="t", sections=analysis_sections(made, directory)),
        summary=lambda results: [],
    )
    outcome = run_experiment(RecipeRequest(name="tiny", out=out), experiment)
    return outcome, json.loads(outcome.results.read_text())


def test_sections_notes_and_numbers_reach_the_page(module, tmp_path):
    outcome, results = run(tmp_path / "run", {"count": {"code": 3}})
    page = outcome.report.read_text()
    assert results["count"]["summary"] == {"count": 2}
    assert "<h2>Code 3</h2>" in page
    assert "<p>One note.</p>" in page
    assert (outcome.report.parent / "figures" / "picture.png").read_bytes() == b"image"
    assert "<td>use.frames</td>" in page
    assert "Analysis bare" in page


def test_another_option_repeats_its_analysis_only(module, tmp_path, capsys):
    run(tmp_path / "run")
    capsys.readouterr()
    _, results = run(tmp_path / "run", {"count": {"code": 3}})
    assert results["count"]["summary"] == {"count": 2}
    assert "[analyze/bare] done before" in capsys.readouterr().err


def test_changed_code_repeats_an_analysis_of_the_same_version(module, tmp_path, capsys):
    run(tmp_path / "run")
    module.write_text(module.read_text() + "\n# changed\n")
    capsys.readouterr()
    run(tmp_path / "run")
    assert "[analyze/count]\n" in capsys.readouterr().err


def test_an_analysis_that_cannot_use_the_codes_says_why_and_stops_nothing(module, tmp_path, capsys):
    outcome, results = run(tmp_path / "run", {"count": {"code": 12}})
    assert results["count"]["summary"] is None
    assert "code = 12" in results["count"]["reason"]
    assert "code = 12" in outcome.report.read_text()
    assert "code = 12" in capsys.readouterr().err
    assert results["bare"]["summary"]["use"] == {"frames": 4}


@pytest.mark.parametrize(
    ("names", "options", "error", "message"),
    [
        (["cuont"], {}, UnknownNameError, "Did you mean 'count'"),
        (["count"], {"bare": {}}, UnknownNameError, "'bare'"),
        (["count"], {"count": {"codes": 1}}, UnknownNameError, "analysis.count.codes"),
        (["count"], {"count": {"code": "three"}}, ConfigError, "analysis.count.code"),
        (["count"], {"count": 3}, ConfigError, "analysis.count = 3"),
        ("count", {}, ConfigError, "analyses = 'count'"),
    ],
)
def test_unusable_settings_are_errors_before_any_work(module, names, options, error, message):
    with pytest.raises(error, match=message):
        check_analyses(names, options)
