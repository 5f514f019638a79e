"""What is compared: which quantizers, with which hyper-parameters and seeds, in which model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from vqspeech.config import RunConfig, merge, override, parse, read_toml
from vqspeech.errors import ConfigError, unknown_name
from vqspeech.experiments.request import RecipeRequest
from vqspeech.registry import lookup
from vqspeech.registry.specs import CorpusSpec, QuantizerSpec
from vqspeech.training import run as runs

PLAIN = "vq"
"""Stands in for any quantizer while the settings that all share are checked."""


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Names of quantizers (empty for all), seeds of training, and hyper-parameters by name of quantizer."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    quantizers: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a comparison depends on.

    Parameters
    ----------
    quantizers, seeds : every pair of them is a run
    options : hyper-parameters by name of quantizer
    shared : checked configuration of what all runs share, with `PLAIN` as its quantizer
    values : the same unchecked and without any quantizer
    data_dir : folder of the corpus; None where it needs none
    """

    quantizers: tuple[str, ...]
    seeds: tuple[int, ...]
    options: dict[str, dict[str, Any]]
    shared: RunConfig
    values: dict[str, Any]
    data_dir: Path | None

    def configuration(self, quantizer: str, seed: int) -> RunConfig:
        """The checked configuration of one run; whatever building the quantizer raises goes through."""
        own = {"name": quantizer, **self.options.get(quantizer, {})}
        return runs.checked(merge(self.values, {"seed": seed, "model": {"quantizer": own}}))


def settle(request: RecipeRequest) -> Settings:
    """Settings of a request: its configuration file or the recipe's own, with its overrides.

    Raises
    ------
    InputError : for unknown keys, names and values, before any work
    """
    values = _values(request)
    compare = parse(
        CompareConfig, {key: values.pop(key) for key in ("quantizers", "seeds", "options") if key in values}
    )
    if "quantizer" in values.get("model", {}):
        raise ConfigError(
            "model.quantizer does not belong into a comparison of quantizers; choose with quantizers=[...], and give "
            "hyper-parameters as options.NAME.KEY=VALUE"
        )
    if not compare.seeds or min(compare.seeds) < 0 or len(set(compare.seeds)) < len(compare.seeds):
        raise ConfigError(f"seeds = {list(compare.seeds)}; one or more different numbers, each at least 0")
    names = registered()
    known = {*names, *(entry.spec.name for entry in lookup.entries(QuantizerSpec))}
    for name in compare.options.keys() - known:
        raise unknown_name("quantizer under options:", name, known, lookup.MORE)
    for name in compare.quantizers:
        lookup.spec(QuantizerSpec, name)
    settings = Settings(
        quantizers=tuple(dict.fromkeys(compare.quantizers or names)),
        seeds=compare.seeds,
        options=compare.options,
        shared=runs.checked(merge(values, {"model": {"quantizer": {"name": PLAIN}}})),
        values=values,
        data_dir=request.data_dir if lookup.spec(CorpusSpec, values["corpus"]["name"]).needs_data_dir else None,
    )
    for name in settings.quantizers:
        if lookup.provider(QuantizerSpec, name).distribution == "vqspeech":
            settings.configuration(
                name, 0
            )  # ours fail only for what the user gave; a broken plugin is a row of the table
    return settings


def registered() -> tuple[str, ...]:
    """Every quantizer by a name that is unambiguous, sorted."""
    entries = lookup.entries(QuantizerSpec)
    given = Counter(entry.spec.name for entry in entries)
    return tuple(sorted(entry.spec.name if given[entry.spec.name] == 1 else entry.qualified for entry in entries))


def _values(request: RecipeRequest) -> dict[str, Any]:
    own = read_toml(request.config or Path(str(resources.files(__package__) / "quantizers.toml")))
    if "model" not in own:
        demo = read_toml(Path(str(resources.files("vqspeech_recipes.vctk") / "demo.toml")))
        del demo["listen"], demo["model"]["quantizer"]
        if own.get("corpus", {}).get("name", "demo") != "demo":
            del demo["corpus"]
        own = merge(demo, own)
    corpus = own.get("corpus", {}).get("name", "demo") if request.corpus == "auto" else request.corpus
    if own.get("corpus", {}).get("name") != corpus:
        own = {**own, "corpus": {"name": corpus}}
    if request.seed is not None:
        own = {**own, "seeds": [request.seed]}
    return override(own, request.overrides)
