"""Settings of recipes of images: corpus, model, priors, baselines, sampling, evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vqspeech.config import RunConfig, Strict, merge, parse
from vqspeech.errors import ConfigError, unknown_name
from vqspeech.experiments.request import RecipeRequest
from vqspeech.experiments.settings import resolve
from vqspeech.training import run as runs

SMALL, PAPER = "small", "paper"
"""Presets of every recipe: for a machine without and with a GPU. A recipe may have others, each a TOML file."""

LEVELS = {"vqvae2": ("top", "bottom")}
"""Kind of model -> its levels of codes, where there are several."""


@dataclass(frozen=True, kw_only=True)
class SampleConfig(Strict):
    """How many images to draw, and at which temperature."""

    images: int = 64
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.images <= 4096:
            raise ConfigError(f"sample.images = {self.images}; between 1 and 4096")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Strict):
    """How much to measure.

    Parameters
    ----------
    images : held-out images, at most
    vimco_images : the same for VIMCO, which decodes every sample of an image
    gaussian : whether to fit a Gaussian to the pixels as a reference
    """

    images: int = 10_000
    vimco_images: int = 64
    gaussian: bool = True

    def __post_init__(self) -> None:
        for name in ("images", "vimco_images"):
            if getattr(self, name) < 2:
                raise ConfigError(f"evaluate.{name} = {getattr(self, name)}; at least 2")


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """Everything a run of a recipe depends on.

    Parameters
    ----------
    run : checked configuration of the model
    priors : directory -> checked configuration of the prior over its codes, one per level, the coarsest first
    second : checked configuration of a second stage over the codes, or None
    baselines : name -> checked configuration; each is trained on the same images
    sample, evaluate : amounts of sampling and evaluation
    data_dir : folder of the corpus, or None
    preset : the preset that this is based on; empty for a file of the user's
    choices : sentences on what was chosen for the user, and how to choose otherwise
    """

    run: RunConfig
    priors: dict[str, RunConfig]
    second: RunConfig | None
    baselines: dict[str, RunConfig]
    sample: SampleConfig
    evaluate: EvaluateConfig
    data_dir: Path | None
    preset: str
    choices: tuple[str, ...]


def resolve_settings(request: RecipeRequest, package: str, corpus: str, choices: tuple[str, ...] = ()) -> ImageSettings:
    """Return the settings of a request: its file, or the preset for the machine, with its overrides.

    Parameters
    ----------
    package : package of ``small.toml``, ``paper.toml`` and other presets
    corpus : name of the corpus
    choices : previous choices

    Raises
    ------
    InputError : for unknown keys, names and values, before any work
    """
    gpu = torch.cuda.is_available()
    preset, because = (PAPER, "for a machine with a GPU") if gpu else (SMALL, "for a machine without a GPU")
    resolved = resolve(request, package, corpus=corpus, preset=preset, because=because, choices=choices)
    values = resolved.values
    sample = parse(SampleConfig, values.pop("sample", {}), "sample.")
    evaluate = parse(EvaluateConfig, values.pop("evaluate", {}), "evaluate.")
    prior, second, baselines = values.pop("prior", {}), values.pop("second", {}), values.pop("baselines", {})
    shared = {**values, "modality": "image"}
    run = runs.checked(shared)
    levels = LEVELS.get(run.model["kind"], ())
    if second and levels:
        raise ConfigError(
            f"[second] is a stage over the codes of one level; model.kind = {run.model['kind']!r} has {len(levels)}"
        )
    return ImageSettings(
        run=run,
        priors=_priors(levels, run.seed, prior),
        second=_of_codes("second", "two-stage", run.seed, second) if second else None,
        baselines={name: _baseline(name, shared, changes) for name, changes in baselines.items()},
        sample=sample,
        evaluate=evaluate,
        data_dir=resolved.data_dir,
        preset=resolved.preset,
        choices=resolved.choices,
    )


def _priors(levels: tuple[str, ...], seed: int, values: dict[str, Any]) -> dict[str, RunConfig]:
    """Return the priors of ``[prior]``, changed by tables such as ``[prior.top]``."""
    if not levels:
        return {"prior": _of_codes("prior", "pixelcnn", seed, values)}
    _only("prior", values, ("model", "train", *levels))
    shared: dict[str, Any] = {name: values[name] for name in ("model", "train") if name in values}
    priors = {}
    for level in levels:
        own = values.get(level, {})
        _only(f"prior.{level}", own, ("model", "train"))
        changed = merge(merge(shared, own), {"model": {"level": level}})
        priors[f"prior-{level}"] = _of_codes("prior", "pixelcnn", seed, changed)
    return priors


def _of_codes(table: str, prior: str, seed: int, values: dict[str, Any]) -> RunConfig:
    """Return the configuration of a prior over codes, by default without classes."""
    _only(table, values, ("model", "train"))
    model = {"name": prior, "conditioned": False, **values.get("model", {})}
    return runs.checked({**values, "modality": "codes", "seed": seed, "model": model})


def _baseline(name: str, shared: dict[str, Any], changes: dict[str, Any]) -> RunConfig:
    _only(f"baselines.{name}", changes, ("model", "train"))
    return runs.checked(merge(shared, changes))


def _only(table: str, values: dict[str, Any], allowed: tuple[str, ...]) -> None:
    for key in values:
        if key not in allowed:
            raise unknown_name("key", f"{table}.{key}", [f"{table}.{one}" for one in allowed])
