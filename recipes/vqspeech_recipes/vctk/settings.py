"""What the recipe is told to do: which corpus, which configuration, and why those."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import torch

from vqspeech.config import RunConfig, merge, override, parse, read_toml
from vqspeech.errors import CorpusError
from vqspeech.experiments.request import RecipeRequest
from vqspeech.registry import lookup
from vqspeech.training import run as runs

SMALL = "demo.toml"
PAPER = "vctk.toml"


@dataclass(frozen=True, kw_only=True)
class ListenConfig:
    """What to synthesise: held-out `utterances`, each in `conversions` other voices, at most `max_seconds` of each."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    utterances: int = 4
    conversions: int = 2
    max_seconds: float = 4.0
    temperature: float = 1.0
    engine: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a run of the recipe depends on.

    Parameters
    ----------
    run : corpus, model and training
    listen : what to synthesise
    data_dir : folder of the corpus; None for the demo corpus
    choices : sentences that tell the user what was chosen and how to get the other
    """

    run: RunConfig
    listen: ListenConfig
    data_dir: Path | None
    choices: tuple[str, ...]


def settle(request: RecipeRequest) -> Settings:
    """Settings of a request: its configuration file, or the one that fits corpus and machine, with its overrides.

    Raises
    ------
    InputError : for unknown keys, names and values
    """
    corpus, choices = _corpus(request)
    if request.config is not None:
        values = read_toml(request.config)
        choices.append(f"configuration: {request.config}")
    else:
        name = PAPER if corpus != "demo" and torch.cuda.is_available() else SMALL
        values = read_toml(Path(str(resources.files(__package__) / name)))
        if corpus != "demo" and name == SMALL:
            choices.append(
                "no GPU: the small model is trained (recipes/vctk/demo.toml), not the paper's. "
                "The paper's: `vqspeech recipe show vctk` prints vctk.toml; give it as --config"
            )
    if values.get("corpus", {}).get("name") != corpus:
        values = {**values, "corpus": {"name": corpus}}
    if request.seed is not None:
        values = merge(values, {"seed": request.seed})
    values = override(values, request.overrides)
    listen = parse(ListenConfig, values.pop("listen", {}), "listen.")
    return Settings(
        run=runs.checked(values),
        listen=listen,
        data_dir=request.data_dir if lookup.spec("corpus", values["corpus"]["name"]).needs_data_dir else None,  # type: ignore[attr-defined]
        choices=tuple(choices),
    )


def _corpus(request: RecipeRequest) -> tuple[str, list[str]]:
    if request.corpus != "auto":
        return request.corpus, []
    how = (
        "To use VCTK: download it with `vqspeech corpora download vctk --data-dir DIR` (11 GB), then give --data-dir DIR or set "
        "VQSPEECH_DATA=DIR"
    )
    if request.data_dir is None:
        return "demo", [
            f"corpus: the synthetic demo corpus, since neither --data-dir nor VQSPEECH_DATA is given. {how}"
        ]
    read: Any = lookup.get("corpus", "vctk")
    try:
        found = read(request.data_dir)
    except CorpusError as error:
        return "demo", [
            f"corpus: the synthetic demo corpus, since {request.data_dir} does not hold VCTK ({error}). {how}"
        ]
    return "vctk", [f"corpus: {found.variant} in {found.root}; --corpus demo takes the synthetic demo corpus instead"]
