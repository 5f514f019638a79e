"""``vqspeech recipe``: what the command line hands to a recipe, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vqspeech.cli.main import app
from vqspeech.experiments.request import RecipeRequest

SPECS = """
    import vqspeech
    from vqspeech.registry.specs import RecipeSpec

    @vqspeech.hookimpl
    def register_recipes():
        return [
            RecipeSpec(name="tiny", target="tiny_recipes.recipe:run", summary="keeps requests", stages=("a", "b", "c")),
            RecipeSpec(name="wrong", target="tiny_recipes.recipe:wrong", summary="returns an int", stages=("a",)),
        ]
"""

RECIPE = """
from vqspeech.experiments.request import RecipeOutcome

requests = []

def run(request):
    requests.append(request)
    request.out.mkdir(parents=True, exist_ok=True)
    if not request.wants("c"):
        return RecipeOutcome(message="no report: stage c did not run")
    return RecipeOutcome(report=request.out / "report" / "index.html", message="done\\nin no time")

def wrong(request):
    return 7
"""


class Invoke:
    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["recipe", *arguments])

    @property
    def request(self) -> RecipeRequest:
        import tiny_recipes.recipe  # type: ignore[import-not-found]

        return tiny_recipes.recipe.requests[-1]


@pytest.fixture
def recipe(site: Path, fake_dist, isolated_registry, monkeypatch, tmp_path) -> Invoke:
    fake_dist("vqspeech-tiny", SPECS)
    folder = site / "tiny_recipes"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "recipe.py").write_text(RECIPE)
    (folder / "tiny.toml").write_text("steps = 3\n")
    isolated_registry()
    monkeypatch.delenv("VQSPEECH_DATA", raising=False)
    monkeypatch.delenv("VQSPEECH_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return Invoke()


def test_the_defaults(recipe):
    result = recipe("run", "tiny")
    assert result.exit_code == 0, result.stderr
    assert recipe.request == RecipeRequest(name="tiny", out=Path("runs/tiny"))
    assert result.stdout == "done\nin no time\nruns/tiny/report/index.html\n"


def test_every_option_arrives(recipe, tmp_path):
    data, config = tmp_path / "data", tmp_path / "my.toml"
    data.mkdir()
    config.touch()
    options = [
        "--corpus",
        "vctk",
        "--out",
        "o",
        "--set",
        "a.b=1",
        "--set",
        "c=d=e",
        "--stages",
        "b,a",
        "--fresh",
        "--seed=7",
    ]
    result = recipe("run", "tiny", *options, "--data-dir", str(data), "--config", str(config))
    assert result.stdout == "no report: stage c did not run\n"
    assert recipe.request == RecipeRequest(
        name="tiny",
        out=Path("o"),
        corpus="vctk",
        data_dir=data,
        overrides=("a.b=1", "c=d=e"),
        stages=("a", "b"),
        fresh=True,
        seed=7,
        config=config,
    )


def test_the_data_folder_comes_from_the_environment(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("VQSPEECH_DATA", str(tmp_path))
    recipe("run", "tiny")
    assert recipe.request.data_dir == tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["tinny"],
            "unknown recipe 'tinny'; known: prior, quantizers, tiny, vctk, voices, wrong. Did you mean 'tiny'?",
        ),
        (["tiny", "--corpus", "vtck"], "unknown corpus 'vtck'"),
        (["tiny", "--corpus", "timit"], "corpus 'timit' needs a folder: give --data-dir DIR"),
        (["tiny", "--data-dir", "nowhere"], "--data-dir 'nowhere' is not a folder"),
        (["tiny", "--config", "no.toml"], "--config 'no.toml' is not a file"),
        (["tiny", "--set", "steps"], "--set 'steps' is not KEY=VALUE"),
        (["tiny", "--stages", "a,bb"], "unknown stage of recipe 'tiny': 'bb'; known: a, b, c."),
        (["tiny", "--stages", ","], "--stages names no stage; stages of recipe 'tiny': a, b, c"),
        (["tiny", "--seed", "-1"], "--seed"),
        (["tiny", "--out", "file"], "--out 'file' is a file"),
        (["wrong"], "recipe 'wrong' of vqspeech-tiny 0.3 returned an object of type int"),
    ],
)
def test_unusable_input_is_refused_before_any_work(arguments, message, recipe):
    Path("file").touch()
    result = recipe("run", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("runs").exists()


def test_a_data_folder_that_is_gone_does_not_stop_a_corpus_that_needs_none(recipe, monkeypatch):
    monkeypatch.setenv("VQSPEECH_DATA", "gone")
    assert "VQSPEECH_DATA 'gone' is not a folder" in recipe("run", "tiny").stderr
    assert recipe("run", "tiny", "--corpus", "demo").exit_code == 0


def test_list(recipe):
    assert "tiny        keeps requests  [vqspeech-tiny 0.3]" in recipe("list").stdout
    rows = json.loads(recipe("list", "--json").stdout)
    assert rows[-2] == {
        "name": "tiny",
        "summary": "keeps requests",
        "stages": ["a", "b", "c"],
        "provider": "vqspeech-tiny 0.3",
    }


def test_show(recipe):
    text = recipe("show", "tiny").stdout
    assert "tiny: keeps requests\nfrom: vqspeech-tiny 0.3\nstages: a, b, c\n" in text
    assert "# ---- tiny.toml ----\nsteps = 3\n" in text
