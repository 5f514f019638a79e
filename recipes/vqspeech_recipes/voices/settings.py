"""Settings of the recipe `voices`: training, evaluation, and what is published."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqspeech.config import CorpusConfig, RunConfig, Strict, merge, parse
from vqspeech.errors import InputError
from vqspeech.experiments import RecipeRequest
from vqspeech.experiments.settings import requested_corpus, resolve
from vqspeech.training import run as runs

PRESET = "voices"
CODES = ("encoder", "quantizer")
"""Tables of the model that the decoder's training takes from the codes."""


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Strict):
    """What is judged: the table ``[evaluate]``.

    Parameters
    ----------
    corpus : recordings of speakers that training does not hear; see `CorpusConfig`
    utterances : number of utterances to draw
    conversions : target voices of each utterance, in turn; 0 for all
    codebooks : numbers of first codebooks to judge, one bit rate each; all codebooks when empty
    """

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    utterances: int = 40
    conversions: int = 0
    codebooks: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PublishConfig(Strict):
    """What is published: the table ``[publish]``.

    Parameters
    ----------
    name : title of the model card
    speakers : voices to publish
    notes : Markdown for the card, with YAML metadata
    """

    name: str = "english"
    speakers: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class VoicesSettings:
    """Everything a run of the recipe depends on.

    Parameters
    ----------
    codes : corpus, model and training of encoder and codebooks
    values : the same of the decoder, without ``model.codes_from``, as plain values
    evaluate, publish : see their classes
    data_dir : folder that holds the folders of the corpora
    """

    codes: RunConfig
    values: dict[str, Any]
    evaluate: EvaluateConfig
    publish: PublishConfig
    data_dir: Path


def resolve_settings(request: RecipeRequest) -> VoicesSettings:
    """Return the settings of a request.

    Raises
    ------
    InputError : for unknown keys, names and values, or without a data folder
    """
    resolved = resolve(request, __package__, corpus=requested_corpus(request) or "mixture", preset=PRESET)
    if resolved.data_dir is None:
        raise InputError("the recipe voices needs recordings; give the folder of its corpora with --data-dir DIR")
    values = resolved.values
    evaluate = parse(EvaluateConfig, values.pop("evaluate", {}), "evaluate.")
    publish = parse(PublishConfig, values.pop("publish", {}), "publish.")
    own = values.pop("codes", {})
    codes = runs.checked(merge(_without_replaced(values, own), own))
    values = {**values, "model": {key: table for key, table in values["model"].items() if key not in CODES}}
    return VoicesSettings(codes=codes, values=values, evaluate=evaluate, publish=publish, data_dir=resolved.data_dir)


def _without_replaced(values: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return values without the decoder, if the training of codes has one of its own: options of one are not mixed."""
    if "decoder" not in own.get("model", {}):
        return values
    model = {name: table for name, table in values.get("model", {}).items() if name != "decoder"}
    return {**values, "model": model}
