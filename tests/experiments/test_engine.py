"""The engine: what runs, what is taken from disk, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vqspeech.errors import InputError, PluginError
from vqspeech.experiments import Experiment, RecipeRequest, Stage, run_experiment
from vqspeech.report import Report
from vqspeech.training.stopping import Interrupted


class Recipe:
    """Two stages, the second made from the first, and a count of how often each ran."""

    def __init__(self, out: Path, *, add: int = 1, times: int = 2, title: str = "page") -> None:
        self.out, self.add, self.times, self.title = out, add, times, title
        self.ran: list[str] = []

    def experiment(self, **changes) -> Experiment:
        values = {
            "out": self.out,
            "stages": (
                Stage(name="first", work=self.first, config=self.add, files=(self.out / "first.txt",)),
                Stage(name="second", work=self.second, after=("first",), config=self.times),
            ),
            "results": lambda made: {"value": made["second"]["value"]},
            "report": lambda made, results: Report(title=f"{self.title} {results['value']}"),
            "summary": lambda results: [f"value: {results['value']}"],
            "settings": self.title,
        }
        return Experiment(**{**values, **changes})

    def run(self, *stages: str, **changes):
        request = RecipeRequest(name="tiny", out=self.out, stages=stages or None)
        return run_experiment(request, self.experiment(**changes))

    def first(self, made):
        self.ran.append("first")
        self.out.mkdir(exist_ok=True)
        (self.out / "first.txt").touch()
        return {"value": 10 + self.add, "pair": (1, 2)}

    def second(self, made):
        self.ran.append("second")
        assert made["first"]["pair"] == [1, 2]
        return {"value": made["first"]["value"] * self.times}


@pytest.fixture
def recipe(tmp_path) -> Recipe:
    return Recipe(tmp_path / "run")


def again(recipe: Recipe, **changes) -> Recipe:
    """The same recipe in a later process, with other settings."""
    return Recipe(recipe.out, **changes)


def test_results_page_and_message(recipe):
    outcome = recipe.run()
    assert outcome.report == recipe.out / "report" / "index.html"
    assert "<h1>page 22</h1>" in outcome.report.read_text()
    assert json.loads(outcome.results.read_text()) == {"value": 22}
    assert outcome.message.splitlines() == [f"results: {outcome.results}", "value: 22"]


def test_a_second_run_does_nothing_and_returns_the_same(recipe):
    outcome = recipe.run()
    files = {path: path.stat().st_mtime_ns for path in recipe.out.rglob("*")}
    later = again(recipe)
    assert later.run() == outcome
    assert later.ran == []
    assert files == {path: path.stat().st_mtime_ns for path in recipe.out.rglob("*")}


@pytest.mark.parametrize(
    ("changes", "ran", "value"),
    [({"times": 3}, ["second"], 33), ({"add": 2}, ["first", "second"], 24), ({"title": "new"}, [], 22)],
)
def test_a_changed_setting_repeats_what_depends_on_it(recipe, changes, ran, value):
    recipe.run()
    later = again(recipe, **changes)
    page = later.run().report.read_text()
    assert later.ran == ran
    assert f"{later.title} {value}" in page


def test_a_missing_file_is_made_again(recipe):
    recipe.run()
    (recipe.out / "first.txt").unlink()
    later = again(recipe)
    later.run()
    assert later.ran == ["first"]


def test_a_damaged_result_is_made_again(recipe):
    recipe.run()
    (recipe.out / "stages" / "second.json").write_text('{"stamp"')
    later = again(recipe)
    later.run()
    assert later.ran == ["second"]


def test_stages_one_by_one(recipe):
    outcome = recipe.run("first")
    assert recipe.ran == ["first"]
    assert "stages done: first" in outcome.message
    assert outcome.report is None
    assert again(recipe).run("second").results is None
    later = again(recipe)
    assert later.run("report").report.is_file()
    assert later.ran == []


@pytest.mark.parametrize(("stage", "missing"), [("second", "first"), ("report", "first")])
def test_a_stage_whose_forerunner_has_not_run_is_an_error(recipe, stage, missing):
    with pytest.raises(InputError, match=f"stage '{missing}' has not run in .*omit --stages"):
        recipe.run(stage)
    assert recipe.ran == []


def test_a_result_of_other_settings_is_used_when_its_stage_is_not_requested_and_the_user_is_told(recipe, capsys):
    recipe.run()
    later = again(recipe, add=5)
    later.run("second")
    assert later.ran == []
    assert "[first] not requested; its result was made with other settings" in capsys.readouterr().err


def grouped(recipe: Recipe, work) -> tuple[Stage, ...]:
    def stage(name: str) -> Stage:
        return Stage(
            name=f"runs/{name}",
            work=lambda made: work(name),
            group="runs",
            failure=lambda error: {"error": str(error)},
        )

    return (stage("a"), stage("b"))


def test_a_group_runs_under_one_name_and_a_failure_is_tried_again(recipe):
    broken = True

    def work(name):
        recipe.ran.append(name)
        if name == "b" and broken:
            raise ZeroDivisionError("no")
        return {"error": None}

    def run(*wanted):
        stages = (*grouped(recipe, work), Stage(name="join", work=lambda made: dict(made), after=("runs",)))
        return recipe.run(*wanted, stages=stages, results=lambda made: {"value": 1, **made["join"]})

    results = json.loads(run().results.read_text())
    assert (results["runs/a"], results["runs/b"]) == ({"error": None}, {"error": "no"})
    broken = False
    assert run("runs").message.startswith("stages done: runs")
    assert recipe.ran == ["a", "b", "b"]
    assert json.loads(run().results.read_text())["runs/b"] == {"error": None}


def test_interruption_is_no_failure_of_a_stage(recipe):
    def work(name):
        raise Interrupted("SIGINT")

    with pytest.raises(Interrupted):
        recipe.run(stages=grouped(recipe, work))


def test_declarations_that_cannot_run_are_refused(recipe):
    stage = Stage(name="first", work=recipe.first)
    with pytest.raises(PluginError, match=r"two stages .*'first'"):
        recipe.experiment(stages=(stage, stage))
    with pytest.raises(PluginError, match="'first' is made from 'later'"):
        recipe.experiment(stages=(Stage(name="first", work=recipe.first, after=("later",)),))
    with pytest.raises(PluginError, match="'tiny' registers the stage 'third'"):
        recipe.run("third")
    with pytest.raises(PluginError, match="'report'"):
        recipe.experiment(stages=(Stage(name="report", work=recipe.first),))


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_a_stage_whose_file_was_lost_runs_again(recipe, harm, capsys):
    recipe.run()
    path = recipe.out / "report" / "index.html"
    whole = path.read_bytes()
    path.unlink() if harm == "gone" else path.write_bytes(whole[:-100])
    later = again(recipe)
    later.run()
    assert later.ran == [] and path.read_bytes() == whole
    (recipe.out / "first.txt").write_text("longer than it was")
    last = again(recipe)
    last.run()
    assert last.ran == ["first"]
    assert "[first] files that it made are gone or cut short" in capsys.readouterr().err
