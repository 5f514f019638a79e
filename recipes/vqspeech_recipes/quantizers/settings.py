"""Settings of the recipe `quantizers`: quantizers, hyper-parameters, seeds and model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqspeech.config import RunConfig, Strict, merge, override, parse
from vqspeech.errors import ConfigError, unknown_name
from vqspeech.experiments.request import RecipeRequest
from vqspeech.experiments.settings import data_dir_of, read, read_preset, requested_corpus, with_corpus
from vqspeech.registry import lookup
from vqspeech.registry.specs import QuantizerSpec
from vqspeech.training import run as runs

PLACEHOLDER = "vq"
"""Placeholder quantizer of the shared configuration; every run replaces it."""


@dataclass(frozen=True, kw_only=True)
class CompareConfig(Strict):
    """Names of quantizers (empty for all), seeds, and hyper-parameters by quantizer."""

    quantizers: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise ConfigError(f"seeds = {list(self.seeds)}; one or more different numbers, each at least 0")


@dataclass(frozen=True, kw_only=True)
class QuantizersSettings:
    """Everything a comparison depends on.

    Parameters
    ----------
    quantizers, seeds : every pair of them is a run
    options : hyper-parameters by name of quantizer
    shared : checked configuration of what all runs share, with `PLACEHOLDER` as its quantizer
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
        """Return the checked configuration of one run; raises the errors of building its quantizer."""
        own = {"name": quantizer, **self.options.get(quantizer, {})}
        return runs.checked(merge(self.values, {"seed": seed, "model": {"quantizer": own}}))


def resolve_settings(request: RecipeRequest) -> QuantizersSettings:
    """Return the settings of a request: configuration file or preset, with overrides.

    Raises
    ------
    InputError : for unknown keys, names and values, before any work
    """
    values = _values(request)
    own: dict[str, Any] = {key: values.pop(key) for key in ("quantizers", "seeds", "options") if key in values}
    compare = parse(CompareConfig, own)
    if "quantizer" in values.get("model", {}):
        raise ConfigError(
            "model.quantizer is set by the comparison; remove it. Choose quantizers with quantizers=[...], "
            "and give hyper-parameters as options.NAME.KEY=VALUE"
        )
    names = registered()
    known = {*names, *(entry.spec.name for entry in lookup.entries(QuantizerSpec))}
    for name in compare.options.keys() - known:
        raise unknown_name("quantizer under options:", name, known, lookup.MORE)
    for name in compare.quantizers:
        lookup.spec(QuantizerSpec, name)
    settings = QuantizersSettings(
        quantizers=tuple(dict.fromkeys(compare.quantizers or names)),
        seeds=compare.seeds,
        options=compare.options,
        shared=runs.checked(merge(values, {"model": {"quantizer": {"name": PLACEHOLDER}}})),
        values=values,
        data_dir=data_dir_of(values, request.data_dir),
    )
    for name in settings.quantizers:
        # A built-in one fails only for options of the user's; a broken plugin becomes a row of the table.
        if lookup.provider(QuantizerSpec, name).distribution == "vqspeech":
            settings.configuration(name, 0)
    return settings


def registered() -> tuple[str, ...]:
    """Return every quantizer by a name that is unambiguous, sorted."""
    entries = lookup.entries(QuantizerSpec)
    given = Counter(entry.spec.name for entry in entries)
    return tuple(sorted(entry.spec.name if given[entry.spec.name] == 1 else entry.qualified for entry in entries))


def _values(request: RecipeRequest) -> dict[str, Any]:
    """Return the values of the request's file; without ``[model]``, over those of the recipe's."""
    values, _, overrides = read(request, __package__, "quantizers")
    if "model" not in values:
        own = read_preset(__package__, "quantizers")
        tables = {name: own[name] for name in ("corpus", "model", "train")}
        if values.get("corpus", {}).get("name", "demo") != "demo":
            del tables["corpus"]
        values = merge(tables, values)
    values = with_corpus(values, requested_corpus(request) or values.get("corpus", {}).get("name", "demo"))
    if request.seed is not None:
        values = {**values, "seeds": [request.seed]}
    return override(values, overrides)
