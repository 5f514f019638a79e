"""Settings of the recipe `vctk`: corpus, preset, decoders, listening and analyses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vqspeech.config import RunConfig, Strict, parse
from vqspeech.corpora.vctk import find_release
from vqspeech.experiments.analyses import check_analyses
from vqspeech.experiments.request import RecipeRequest
from vqspeech.experiments.settings import requested_corpus, resolve
from vqspeech.training import run as runs
from vqspeech_recipes.vctk.aligning import AUTO, check_aligner
from vqspeech_recipes.vctk.decoders import DecoderRun, check_decoders
from vqspeech_recipes.vctk.judging import JudgeConfig

SMALL = "demo"
PAPER = "vctk"


@dataclass(frozen=True, kw_only=True)
class ListenConfig(Strict):
    """Number of held-out utterances, conversions of each, and their maximal duration."""

    utterances: int = 4
    conversions: int = 2
    max_seconds: float = 4.0
    temperature: float = 1.0
    engine: str = "auto"


@dataclass(frozen=True, kw_only=True)
class VctkSettings:
    """Everything a run of the recipe depends on.

    Parameters
    ----------
    run : corpus, model and training
    decoders : every decoder of the codes, the one of `run` first
    listen : utterances to synthesise
    judge : utterances to judge
    analyses : name of a registered analysis -> its options, in running order
    aligner : aligner for the analyses, of a corpus without alignments, see `check_aligner`
    data_dir : folder of the corpus; None for the demo corpus
    choices : sentences on what was chosen for the user, and how to choose otherwise
    """

    run: RunConfig
    decoders: tuple[DecoderRun, ...]
    listen: ListenConfig
    judge: JudgeConfig
    analyses: dict[str, dict[str, Any]]
    aligner: str
    data_dir: Path | None
    choices: tuple[str, ...]


def resolve_settings(request: RecipeRequest) -> VctkSettings:
    """Return the settings of a request: file, or preset by corpus and machine, with overrides.

    Raises
    ------
    InputError : for unknown keys, names and values
    """
    named = requested_corpus(request)
    corpus, choices = (named, ()) if named is not None else _choose_corpus(request.data_dir)
    preset, because = SMALL, ""
    if corpus != "demo":
        gpu = torch.cuda.is_available()
        preset = PAPER if gpu else SMALL
        because = "the paper's model" if gpu else "the small model, since there is no GPU for the paper's"
    resolved = resolve(request, __package__, corpus=corpus, preset=preset, because=because, choices=choices)
    values = resolved.values
    listen = parse(ListenConfig, values.pop("listen", {}), "listen.")
    judge = parse(JudgeConfig, values.pop("judge", {}), "judge.")
    analyses = check_analyses(values.pop("analyses", ["phonemes"]), values.pop("analysis", {}))
    aligner = check_aligner(values.pop("aligner", AUTO))
    further = values.pop("decoders", {})
    run = runs.checked(values)
    return VctkSettings(
        run=run,
        decoders=check_decoders(run, further),
        listen=listen,
        judge=judge,
        analyses=analyses,
        aligner=aligner,
        data_dir=resolved.data_dir,
        choices=resolved.choices,
    )


def _choose_corpus(data_dir: Path | None) -> tuple[str, tuple[str, ...]]:
    """VCTK where the folder layout is VCTK's, else the demo corpus."""
    how = (
        "To use VCTK: download it with `vqspeech corpora download vctk --data-dir DIR` (11 GB), "
        "then give --data-dir DIR or set VQSPEECH_DATA=DIR"
    )
    if data_dir is None:
        return "demo", (
            f"corpus: the synthetic demo corpus, since neither --data-dir nor VQSPEECH_DATA is given. {how}",
        )
    release = find_release(data_dir)
    if release is None:
        return "demo", (
            f"corpus: the synthetic demo corpus, since {data_dir} does not have the folder layout of VCTK. {how}",
        )
    return "vctk", (f"corpus: {release} in {data_dir}; --corpus demo selects the synthetic demo corpus instead",)
