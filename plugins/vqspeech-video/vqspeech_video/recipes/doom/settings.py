"""Settings of the recipe `doom`: corpus, model of frames, priors, evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vqspeech.checkpoints.description import describe
from vqspeech.config import RunConfig, Strict, merge, parse
from vqspeech.errors import ConfigError, InputError, unknown_name
from vqspeech.experiments.request import RecipeRequest
from vqspeech.experiments.settings import requested_corpus, resolve
from vqspeech.runs import RunDirectory
from vqspeech.training import run as runs

TOKENIZER = "tokenizer"
"""Setting that names a run of a trained model of frames."""
PRIOR, TWIN = "prior", "twin"
"""Run directories of the prior, and of the same without actions."""
TABLES = ("model", "train")
TAKEN = ("modality", "seed", "corpus", "model", "train")
"""Keys that a model that is taken, instead of trained, brings with it."""


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
    tokenizer : checkpoint of the trained model of frames that is taken; None to train one
    data_dir : folder of the corpus, or None
    preset : the preset that this is based on; empty for a file of the user's
    choices : sentences on what was chosen for the user
    """

    run: RunConfig
    priors: dict[str, RunConfig]
    evaluate: EvaluateConfig
    tokenizer: Path | None
    data_dir: Path | None
    preset: str
    choices: tuple[str, ...]


def resolve_settings(request: RecipeRequest, package: str) -> DoomSettings:
    """Return the settings of a request: its file, or the preset, with its overrides.

    Raises
    ------
    InputError : for unknown keys, names and values, before any work
    """
    taken = _taken(request)
    corpus = requested_corpus(request) if taken is None else taken.config["corpus"]["name"]
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
    if values.pop(TOKENIZER, None) and taken is None:
        raise ConfigError("tokenizer is no key of a file; name the run by --set tokenizer=RUN")
    if taken is not None:
        values = taken.config
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
        tokenizer=taken.checkpoint if taken is not None else None,
        data_dir=resolved.data_dir,
        preset=resolved.preset,
        choices=resolved.choices,
    )


class _Taken(NamedTuple):
    checkpoint: Path
    config: dict[str, Any]


def _taken(request: RecipeRequest) -> _Taken | None:
    """Return the trained model that ``--set tokenizer=RUN`` names, and the configuration that it brings with it.

    Raises
    ------
    InputError : for a run without a finished model of frames, or other settings of what it brings
    """
    keys = {one.partition("=")[0].strip(): one.partition("=")[2].strip(" \"'") for one in request.overrides}
    if not (named := keys.get(TOKENIZER)):
        return None
    own = [key for key in keys if key.partition(".")[0] in (*TAKEN, "preset")]
    own += [f"--{name}" for name in ("seed", "config") if getattr(request, name) is not None]
    own += ["--corpus"] * (request.corpus != "auto")
    if own:
        raise ConfigError(f"{own[0]} is set, and comes with the model of tokenizer = {named!r}; omit one of them")
    checkpoint, facts = describe(Path(named))
    config = facts.get("run", {})
    if config.get("modality") != "image":
        raise InputError(f"tokenizer = {named!r}: {checkpoint} is no model of images")
    if not RunDirectory.of_checkpoint(checkpoint).metrics.is_file():
        raise InputError(f"tokenizer = {named!r}: {checkpoint} lies in no run of vqspeech; name the run")
    if facts["step"] != config["train"]["steps"]:
        raise InputError(
            f"tokenizer = {named!r}: its last checkpoint is of step {facts['step']} of {config['train']['steps']}; "
            "train it to the end"
        )
    return _Taken(checkpoint, config)


def _prior(table: str, seed: int, values: dict[str, Any], conditioned: bool) -> RunConfig:
    for key in values:
        if key not in TABLES:
            raise unknown_name("key", f"{table}.{key}", [f"{table}.{one}" for one in TABLES])
    model = {**values.get("model", {}), "conditioned": conditioned}
    return runs.checked({**values, "modality": "frames", "seed": seed, "model": model})
