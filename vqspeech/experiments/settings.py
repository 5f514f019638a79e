"""Settings of a recipe: preset or file, then corpus, seed and overrides."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from vqspeech.config import merge, override, read_toml
from vqspeech.errors import unknown_name
from vqspeech.experiments.request import RecipeRequest
from vqspeech.registry import lookup
from vqspeech.registry.specs import CorpusSpec


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Settings of a request, still unchecked.

    Parameters
    ----------
    values : the configuration as nested plain values
    data_dir : folder of the corpus; None for a corpus that needs none
    preset : the recipe's TOML file that the values come from; empty for a file of the user's
    choices : sentences on what was chosen for the user, and how to choose otherwise
    """

    values: dict[str, Any]
    data_dir: Path | None
    preset: str
    choices: tuple[str, ...]


def resolve(
    request: RecipeRequest,
    package: str,
    *,
    corpus: str,
    preset: str,
    because: str = "",
    choices: tuple[str, ...] = (),
) -> Resolved:
    """Resolve the settings of a request.

    ``--set preset=NAME`` chooses one of the TOML files of `package`; ``--config FILE`` replaces them.

    Parameters
    ----------
    package : the recipe's package, with a TOML file for each preset
    corpus : name of the corpus: `requested_corpus`, or the recipe's choice
    preset : the preset when the user names none
    because : reason for this preset, for the user; empty for none
    choices : previous choices of the recipe

    Raises
    ------
    InputError : for an unreadable file, an unknown preset or corpus, or an unusable override
    """
    values, named, overrides = read(request, package, preset)
    if because and named == preset and request.overrides == overrides:
        others = ", ".join(name for name in presets(package) if name != named)
        choices = (*choices, f"preset: {named}, {because}; --set preset=NAME chooses another: {others}")
    values = override(with_corpus(with_seed(values, request.seed), corpus), overrides)
    return Resolved(values=values, data_dir=data_dir_of(values, request.data_dir), preset=named, choices=tuple(choices))


def read(request: RecipeRequest, package: str, preset: str) -> tuple[dict[str, Any], str, tuple[str, ...]]:
    """Read the user's file, or the preset that ``--set preset=`` names, or the default preset.

    Returns
    -------
    The values; the name of the preset, empty for the user's file; the overrides other than ``preset=``
    """
    chosen = [one.partition("=")[2].strip(" \"'") for one in request.overrides if _key(one) == "preset"]
    rest = tuple(one for one in request.overrides if _key(one) != "preset")
    if chosen and chosen[-1] not in presets(package):
        raise unknown_name("preset", chosen[-1], presets(package))
    if request.config is not None:
        return read_toml(request.config), "", rest
    name = chosen[-1] if chosen else preset
    return read_preset(package, name), name, rest


def presets(package: str) -> tuple[str, ...]:
    """Return the names of a recipe's presets: the TOML files in its package."""
    names = (path.name for path in resources.files(package).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def read_preset(package: str, name: str) -> dict[str, Any]:
    """Read a preset of a recipe."""
    return tomllib.loads((resources.files(package) / f"{name}.toml").read_text(encoding="utf-8"))


def requested_corpus(request: RecipeRequest) -> str | None:
    """Return the corpus named by ``--set corpus.name=``, ``--corpus`` or ``--config``, or None."""
    named = [one.partition("=")[2].strip(" \"'") for one in request.overrides if _key(one) == "corpus.name"]
    if named:
        return named[-1]
    if request.corpus != "auto":
        return request.corpus
    own = read_toml(request.config).get("corpus", {}) if request.config is not None else {}
    return own.get("name") if isinstance(own, dict) else None


def with_corpus(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Set the name of the corpus; options of another corpus are dropped."""
    if values.get("corpus", {}).get("name") == name:
        return dict(values)
    return {**values, "corpus": {"name": name}}


def with_seed(values: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    """Set the seed, unless it is None."""
    return dict(values) if seed is None else merge(values, {"seed": seed})


def data_dir_of(values: Mapping[str, Any], data_dir: Path | None) -> Path | None:
    """Return the folder of the configured corpus; None when the corpus needs none."""
    return data_dir if lookup.spec(CorpusSpec, values["corpus"]["name"]).needs_data_dir else None


def _key(assignment: str) -> str:
    return assignment.partition("=")[0].strip()
