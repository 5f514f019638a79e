"""Settings of the recipes: every preset can be used, and what cannot be is refused before any work."""

from pathlib import Path

import pytest
from vqspeech_image.recipes.recipe import ImageRecipe
from vqspeech_image.recipes.settings import PAPER, SMALL, resolve_settings

from vqspeech.errors import InputError
from vqspeech.experiments import RecipeRequest
from vqspeech.experiments.settings import presets
from vqspeech.registry import lookup
from vqspeech.registry.specs import RecipeSpec
from vqspeech.runs import RunDirectory

RECIPES = {"cifar10": "cifar10", "kmnist": "kmnist", "imagenet": "image-folder", "frames": "vizdoom"}
ALL = [(name, preset) for name in RECIPES for preset in presets(f"vqspeech_image.recipes.{name}")]


@pytest.mark.parametrize("name", RECIPES)
def test_registered_stages_are_declared(name, tmp_path):
    request = RecipeRequest(name=name, out=tmp_path, overrides=("preset=small",))
    settings = resolve_settings(request, f"vqspeech_image.recipes.{name}", RECIPES[name])
    stages = ImageRecipe(RunDirectory(tmp_path), settings, name).experiment().stages
    assert lookup.spec(RecipeSpec, name).stages == (*(stage.name for stage in stages), "report")


def test_every_recipe_has_the_two_presets_that_machines_choose():
    assert {(name, preset) for name in RECIPES for preset in (SMALL, PAPER)} < set(ALL)


@pytest.mark.parametrize("name, preset", ALL)
def test_every_preset_can_be_used(name, preset):
    request = RecipeRequest(name=name, out=Path("unused"), overrides=(f"preset={preset}", "train.steps=7"), seed=3)
    settings = resolve_settings(request, f"vqspeech_image.recipes.{name}", RECIPES[name])
    assert settings.run.train.steps == 7 and settings.run.seed == 3 and settings.preset == preset
    assert all(prior.seed == 3 for prior in settings.priors.values())
    assert settings.run.model["kind"] == ("vqvae2" if preset == "vqvae2" else "vqvae")


@pytest.mark.parametrize(
    "setting, says",
    [
        ("preset=big", "preset"),
        ("prior.modle.width=3", "prior.modle"),
        ("sample.images=0", "sample.images"),
        ("evaluate.image=5", "evaluate.image"),
        ("train.crop_samples=50", "crops of sound"),
        ("corpus.name=vctk", "not image"),
        ("second.modle.layers=3", "second.modle"),
    ],
)
def test_settings_that_cannot_be(setting, says):
    request = RecipeRequest(name="cifar10", out=Path("unused"), overrides=(setting,))
    with pytest.raises(InputError, match=says):
        resolve_settings(request, "vqspeech_image.recipes.cifar10", "cifar10")


def test_a_second_stage_is_over_one_level():
    request = RecipeRequest(name="cifar10", out=Path("unused"), overrides=("preset=vqvae2", "second.model.layers=2"))
    with pytest.raises(InputError, match=r"codes of one level; model.kind = 'vqvae2' has 2"):
        resolve_settings(request, "vqspeech_image.recipes.cifar10", "cifar10")
