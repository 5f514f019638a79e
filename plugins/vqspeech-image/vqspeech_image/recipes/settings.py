"""What a recipe on images is told to do: corpus, model, prior, baselines, and how much to sample and to measure."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import torch

from vqspeech.config import RunConfig, merge, override, parse, read_toml
from vqspeech.errors import ConfigError, unknown_name
from vqspeech.recipes.base import RecipeRequest
from vqspeech.registry import lookup
from vqspeech.training import run as runs

SMALL, PAPER = "small", "paper"


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """How many images to draw, and at which temperature."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    images: int = 64
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.images <= 4096:
            raise ConfigError(f"sample.images = {self.images}; between 1 and 4096")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """How many held-out images to measure on, how many for VIMCO (each is decoded once a sample), and whether a Gaussian is fitted."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    images: int = 10_000
    vimco_images: int = 64
    gaussian: bool = True

    def __post_init__(self) -> None:
        for name in ("images", "vimco_images"):
            if getattr(self, name) < 2:
                raise ConfigError(f"evaluate.{name} = {getattr(self, name)}; at least 2")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a run of a recipe depends on.

    Parameters
    ----------
    run, prior : checked configurations of the model and of the prior over its codes
    baselines : name -> checked configuration; each is trained on the same images
    sample, evaluate : how much
    data_dir : folder of the corpus, or None
    preset : which of the recipe's configurations this is based on; empty for a file of the user's
    choices : sentences that tell the user what was chosen, and how to get the other
    """

    run: RunConfig
    prior: RunConfig
    baselines: dict[str, RunConfig]
    sample: SampleConfig
    evaluate: EvaluateConfig
    data_dir: Path | None
    preset: str
    choices: tuple[str, ...]


def settle(request: RecipeRequest, package: str, corpus: str, choices: tuple[str, ...] = ()) -> Settings:
    """Settings of a request: its file, or the preset that fits the machine, with its overrides.

    Parameters
    ----------
    package : where ``small.toml`` and ``paper.toml`` lie
    corpus : name of the corpus
    choices : what was chosen so far

    Raises
    ------
    InputError : for unknown keys, names and values, before any work
    """
    preset, overrides = _preset(request.overrides)
    said = list(choices)
    if request.config is not None:
        values, preset = read_toml(request.config), ""
    else:
        if preset is None:
            preset = PAPER if torch.cuda.is_available() else SMALL
            other = SMALL if preset == PAPER else PAPER
            said.append(f"preset: {preset}, for this machine; --set preset={other} takes the other")
        text = (resources.files(package) / f"{preset}.toml").read_text(encoding="utf-8")
        values = tomllib.loads(text)
    if values.get("corpus", {}).get("name") != corpus:
        values = {**values, "corpus": {"name": corpus}}
    if request.seed is not None:
        values = merge(values, {"seed": request.seed})
    values = override(values, overrides)
    sample = parse(SampleConfig, values.pop("sample", {}), "sample.")
    evaluate = parse(EvaluateConfig, values.pop("evaluate", {}), "evaluate.")
    prior, baselines = values.pop("prior", {}), values.pop("baselines", {})
    shared = {**values, "modality": "image"}
    return Settings(
        run=runs.checked(shared),
        prior=_prior(shared, prior),
        baselines={name: _baseline(name, shared, changes) for name, changes in baselines.items()},
        sample=sample,
        evaluate=evaluate,
        data_dir=request.data_dir if getattr(lookup.spec("corpus", corpus), "needs_data_dir", True) else None,
        preset=preset or "",
        choices=tuple(said),
    )


def _preset(overrides: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """What ``--set preset=...`` names, and the other overrides."""
    chosen = [one.partition("=")[2].strip(" \"'") for one in overrides if one.partition("=")[0].strip() == "preset"]
    rest = tuple(one for one in overrides if one.partition("=")[0].strip() != "preset")
    if chosen and chosen[-1] not in (SMALL, PAPER):
        raise unknown_name("preset", chosen[-1], (SMALL, PAPER))
    return (chosen[-1] if chosen else None), rest


def _prior(shared: dict[str, Any], values: dict[str, Any]) -> RunConfig:
    _only("prior", values, ("model", "train"))
    return runs.checked({"modality": "image-prior", "seed": shared.get("seed", 0), **values})


def _baseline(name: str, shared: dict[str, Any], changes: dict[str, Any]) -> RunConfig:
    _only(f"baselines.{name}", changes, ("model", "train"))
    return runs.checked(merge(shared, changes))


def _only(table: str, values: dict[str, Any], allowed: tuple[str, ...]) -> None:
    for key in values:
        if key not in allowed:
            raise unknown_name("key", f"{table}.{key}", [f"{table}.{one}" for one in allowed])
