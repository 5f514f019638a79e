"""The pages about plugins agree with the code: hooks, examples, checks, environment variables."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from vqspeech import report
from vqspeech.experiments import Experiment, Stage
from vqspeech.registry.hookspecs import HOOKS
from vqspeech.registry.reference import reference
from vqspeech.scaffold import write_plugin
from vqspeech.testing import alignments, corpora, decoders, encoders, modalities, pretrained, priors, quantizers

DOCS = Path(__file__).parents[1] / "docs"
INDEX = (DOCS / "plugins.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    return (DOCS / "plugins" / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"```(?:python|toml)\n(.*?)```", text, re.DOTALL)


def test_the_hook_reference_is_generated_from_the_specs():
    assert page("hooks.md") == reference(), "run: python -m vqspeech.registry.reference > docs/plugins/hooks.md"
    for hook in HOOKS.values():
        assert f"## `{hook}()`" in reference()


@pytest.mark.parametrize(
    ("kind", "lines", "pages"),
    [
        ("encoder", 50, {"encoder.md": (0, 1)}),
        ("quantizer", 40, {"quantizer.md": (0, 2), "testing.md": (1,)}),
        ("decoder", 60, {"decoder.md": (0, 1)}),
        ("prior", 80, {"prior.md": (0, 1)}),
        ("corpus", 30, {"corpus.md": (0, 1)}),
        ("analysis", 50, {"analysis.md": (0, 1)}),
    ],
)
def test_the_examples_are_what_plugins_new_writes_and_its_tests_are_run(kind, lines, pages, tmp_path):
    """tests/scaffold runs the generated tests; so the pages' code has passed them."""
    names = {"encoder": "my-enc", "quantizer": "my-vq", "decoder": "my-dec"}
    folder = write_plugin(kind, names.get(kind, f"my-{kind}"), tmp_path)
    module = f"vqspeech_{folder.name.removeprefix('vqspeech-').replace('-', '_')}"
    files = [folder / f"{module}.py", folder / "tests" / f"test_{module}.py", folder / "pyproject.toml"]
    for name, wanted in pages.items():
        assert blocks(page(name)) == [files[number].read_text(encoding="utf-8") for number in wanted], name
    assert len([line for line in files[0].read_text(encoding="utf-8").splitlines() if line.strip()]) <= lines


def test_the_modality_of_the_docs_is_what_plugins_new_writes(tmp_path):
    folder = write_plugin("modality", "my-modality", tmp_path) / "vqspeech_my_modality"
    files = [folder / name for name in ("__init__.py", "modality.py")]
    assert blocks(page("modality.md")) == [path.read_text(encoding="utf-8") for path in files]
    code = [line for path in folder.glob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    assert len([line for line in code if line.strip()]) <= 300


def test_the_recipe_of_the_docs_is_what_plugins_new_writes(tmp_path):
    folder = write_plugin("recipe", "my-recipe", tmp_path) / "vqspeech_my_recipe"
    files = [folder / name for name in ("__init__.py", "small.toml", "recipe.py")]
    assert blocks(page("recipe.md")) == [path.read_text(encoding="utf-8") for path in files]
    assert len([line for line in files[-1].read_text(encoding="utf-8").splitlines() if line.strip()]) <= 70


def test_the_trained_model_of_the_docs_is_what_plugins_new_writes(tmp_path):
    folder = write_plugin("pretrained", "my-voices", tmp_path)
    names = ("vqspeech_my_voices/__init__.py", "pyproject.toml", "tests/test_vqspeech_my_voices.py")
    assert blocks(page("pretrained.md")) == [(folder / name).read_text(encoding="utf-8") for name in names]


@pytest.mark.parametrize("element", report.__all__)
def test_every_element_of_a_report_is_documented(element):
    assert f"`{element}`" in page("recipe.md") or f".{element}(" in page("recipe.md")


@pytest.mark.parametrize("kind", [Stage, Experiment])
def test_every_field_of_stages_and_experiments_is_documented(kind):
    for field in dataclasses.fields(kind):
        assert re.search(rf"\| `{field.name}[`(]", page("recipe.md")) or field.name in ("out", "stages")


@pytest.mark.parametrize(
    "module", [encoders, quantizers, decoders, priors, pretrained, corpora, alignments, modalities]
)
def test_every_check_is_listed_as_its_docstring_says(module):
    for check in module.CHECKS:
        first = " ".join(check.__doc__.strip().split("\n\n")[0].split()).replace("``", "`")
        assert f"| `{check.__name__}` | {first} |" in page("testing.md")


@pytest.mark.parametrize("name", ["PLUGINS", "DISABLE_PLUGINS", "STRICT_PLUGINS", "PLUGIN_DEBUG", "PLUGIN_TIMEOUT"])
def test_every_environment_variable_is_documented(name):
    assert f"`VQSPEECH_{name}=" in INDEX


def test_the_index_links_to_every_page():
    assert set(re.findall(r"\(plugins/(\w+\.md)\)", INDEX)) == {path.name for path in (DOCS / "plugins").iterdir()}
