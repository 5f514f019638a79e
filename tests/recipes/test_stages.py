"""The stages that a recipe registers are those that its experiment declares, in the same order."""

from __future__ import annotations

import pytest

from vqspeech.experiments import Experiment, RecipeRequest
from vqspeech.registry import lookup
from vqspeech.registry.specs import RecipeSpec
from vqspeech.runs import RunDirectory
from vqspeech_recipes.quantizers import recipe as quantizers
from vqspeech_recipes.vctk import recipe as vctk


def declared(experiment: Experiment) -> tuple[str, ...]:
    return (*dict.fromkeys(stage.command_name for stage in experiment.stages), "report")


@pytest.mark.parametrize(
    ("name", "recipe", "kind"),
    [("vctk", vctk, vctk.VctkRecipe), ("quantizers", quantizers, quantizers.QuantizersRecipe)],
)
def test_registered_stages_are_declared(name, recipe, kind, tmp_path):
    settings = recipe.resolve_settings(RecipeRequest(name=name, out=tmp_path))
    assert lookup.spec(RecipeSpec, name).stages == declared(kind(RunDirectory(tmp_path), settings).experiment())


def test_the_group_of_analyses_may_be_empty(tmp_path):
    settings = vctk.resolve_settings(RecipeRequest(name="vctk", out=tmp_path, overrides=("analyses=[]",)))
    experiment = vctk.VctkRecipe(RunDirectory(tmp_path), settings).experiment()
    assert "analyze" not in declared(experiment)
    assert "analyze" in experiment.groups
