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
from vqspeech.experiments.request import RecipeRequest
from vqspeech.registry import lookup
from vqspeech.registry.specs import CorpusSpec
from vqspeech.training import run as runs

SMALL, PAPER = "small", "paper"
"""The presets that every recipe has: for a machine without and with a GPU. A recipe may have others beside them, each a TOML file."""

LEVELS = {"vqvae2": ("top", "bottom")}
"""Kind of model -> its levels of codes, where there are several."""


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
    run : checked configuration of the model
    priors : directory -> checked configuration of the prior over its codes; of a model of several levels one for each, the coarsest first
    second : checked configuration of a second stage over the codes, or None
    baselines : name -> checked configuration; each is trained on the same images
    sample, evaluate : how much
    data_dir : folder of the corpus, or None
    preset : which of the recipe's configurations this is based on; empty for a file of the user's
    choices : sentences that tell the user what was chosen, and how to get the other
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


def settle(request: RecipeRequest, package: str, corpus: str, choices: tuple[str, ...] = ()) -> Settings:
    """Settings of a request: its file, or the preset that fits the machine, with its overrides.

    Parameters
    ----------
    package : where ``small.toml``, ``paper.toml`` and other presets lie
    corpus : name of the corpus
    choices : what was chosen so far

    Raises
    ------
    InputError : for unknown keys, names and values, before any work
    """
    preset, overrides = _preset(request.overrides, package)
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
    prior, second, baselines = values.pop("prior", {}), values.pop("second", {}), values.pop("baselines", {})
    shared = {**values, "modality": "image"}
    run = runs.checked(shared)
    if second and run.model["kind"] in LEVELS:
        raise ConfigError(
            f"[second] is a stage over the codes of one level; model.kind = {run.model['kind']!r} has {len(LEVELS[run.model['kind']])}"
        )
    return Settings(
        run=run,
        priors=_priors(LEVELS.get(run.model["kind"], ()), run.seed, prior),
        second=_of_codes("second", "image-two-stage", run.seed, second) if second else None,
        baselines={name: _baseline(name, shared, changes) for name, changes in baselines.items()},
        sample=sample,
        evaluate=evaluate,
        data_dir=request.data_dir if lookup.spec(CorpusSpec, corpus).needs_data_dir else None,
        preset=preset or "",
        choices=tuple(said),
    )


def _preset(overrides: tuple[str, ...], package: str) -> tuple[str | None, tuple[str, ...]]:
    """What ``--set preset=...`` names, and the other overrides."""
    chosen = [one.partition("=")[2].strip(" \"'") for one in overrides if one.partition("=")[0].strip() == "preset"]
    rest = tuple(one for one in overrides if one.partition("=")[0].strip() != "preset")
    known = presets(package)
    if chosen and chosen[-1] not in known:
        raise unknown_name("preset", chosen[-1], known)
    return (chosen[-1] if chosen else None), rest


def presets(package: str) -> tuple[str, ...]:
    """Names of the presets of a recipe, by its package."""
    files = (path.name for path in resources.files(package).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def _priors(levels: tuple[str, ...], seed: int, values: dict[str, Any]) -> dict[str, RunConfig]:
    """``[prior]``: of several levels what they share, with ``[prior.top]`` and ``[prior.bottom]`` beside it."""
    if not levels:
        return {"prior": _of_codes("prior", "image-prior", seed, values)}
    _only("prior", values, ("model", "train", *levels))
    shared = {"modality": "image-prior", "seed": seed} | {
        name: values[name] for name in ("model", "train") if name in values
    }
    found = {}
    for level in levels:
        own = values.get(level, {})
        _only(f"prior.{level}", own, ("model", "train"))
        found[f"prior-{level}"] = runs.checked(merge(merge(shared, own), {"model": {"level": level}}))
    return found


def _of_codes(table: str, modality: str, seed: int, values: dict[str, Any]) -> RunConfig:
    """A table of a model of codes."""
    _only(table, values, ("model", "train"))
    return runs.checked({**values, "modality": modality, "seed": seed})


def _baseline(name: str, shared: dict[str, Any], changes: dict[str, Any]) -> RunConfig:
    _only(f"baselines.{name}", changes, ("model", "train"))
    return runs.checked(merge(shared, changes))


def _only(table: str, values: dict[str, Any], allowed: tuple[str, ...]) -> None:
    for key in values:
        if key not in allowed:
            raise unknown_name("key", f"{table}.{key}", [f"{table}.{one}" for one in allowed])
