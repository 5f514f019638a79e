"""Settings of the recipe `doom`: corpus, model of frames, priors, evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqspeech.config import RunConfig, Strict, merge, parse
from vqspeech.errors import ConfigError, unknown_name
from vqspeech.experiments.request import RecipeRequest
from vqspeech.experiments.settings import requested_corpus, resolve
from vqspeech.training import run as runs

PRIOR, TWIN = "prior", "twin"
"""Run directories of the prior, and of the same without actions."""
TABLES = ("model", "train")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Strict):
    """How clips are continued and how many are measured.

    Parameters
    ----------
    context, frames : frames that are given, and that are generated
    clips : held-out clips, at most
    seeds : samples of each clip, with seeds from that of the run on
    temperature : temperature of the draws
    shown : clips that the page shows
    """

    context: int = 6
    frames: int = 10
    clips: int = 150
    seeds: int = 3
    temperature: float = 1.0
    shown: int = 3

    def __post_init__(self) -> None:
        for name, least in (("context", 1), ("frames", 1), ("clips", 2), ("seeds", 2), ("shown", 1)):
            if not least <= (value := getattr(self, name)) <= 10_000:
                raise ConfigError(f"evaluate.{name} = {value}; between {least} and 10,000")
        if not 0 <= self.temperature < float("inf"):
            raise ConfigError(f"evaluate.temperature = {self.temperature}; at least 0")

    @property
    def length(self) -> int:
        """Frames that a clip must have."""
        return self.context + self.frames


@dataclass(frozen=True, kw_only=True)
class DoomSettings:
    """Everything a run of the recipe depends on.

    Parameters
    ----------
    run : checked configuration of the model of frames
    priors : run directory -> checked configuration of a prior: `PRIOR` and `TWIN`
    evaluate : amounts of the evaluation
    data_dir : folder of the corpus, or None
    preset : the preset that this is based on; empty for a file of the user's
    choices : sentences on what was chosen for the user
    """

    run: RunConfig
    priors: dict[str, RunConfig]
    evaluate: EvaluateConfig
    data_dir: Path | None
    preset: str
    choices: tuple[str, ...]


def resolve_settings(request: RecipeRequest, package: str) -> DoomSettings:
    """Return the settings of a request: its file, or the preset, with its overrides.

    Raises
    ------
    InputError : for unknown keys, names and values, before any work
    """
    corpus = requested_corpus(request)
    choices: tuple[str, ...] = ()
    if corpus is None:
        corpus = "clips" if request.data_dir is not None else "vizdoom-actions"
        if request.data_dir is None:
            choices = (
                "corpus: ViZDoom, rendered here; without the extra, --set corpus.name=shapes; clips of your own: "
                "--data-dir DIR",
            )
    resolved = resolve(request, package, corpus=corpus, preset="small", choices=choices)
    values = resolved.values
    evaluate = parse(EvaluateConfig, values.pop("evaluate", {}), "evaluate.")
    prior, twin = values.pop(PRIOR, {}), values.pop(TWIN, {})
    run = runs.checked({**values, "modality": "image"})
    if run.model["kind"] != "vqvae":
        raise ConfigError(f"model.kind = {run.model['kind']!r}; the prior of frames takes the codes of a 'vqvae'")
    return DoomSettings(
        run=run,
        priors={
            PRIOR: _prior(PRIOR, run.seed, prior, True),
            TWIN: _prior(TWIN, run.seed, merge(prior, twin), False),
        },
        evaluate=evaluate,
        data_dir=resolved.data_dir,
        preset=resolved.preset,
        choices=resolved.choices,
    )


def _prior(table: str, seed: int, values: dict[str, Any], conditioned: bool) -> RunConfig:
    for key in values:
        if key not in TABLES:
            raise unknown_name("key", f"{table}.{key}", [f"{table}.{one}" for one in TABLES])
    model = {**values.get("model", {}), "conditioned": conditioned}
    return runs.checked({**values, "modality": "frames", "seed": seed, "model": model})
