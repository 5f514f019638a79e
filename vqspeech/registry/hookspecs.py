"""The plugin contract: a hook per kind, without arguments, that returns frozen specs."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from vqspeech.registry.specs import (
    AlignerSpec,
    AlignmentSpec,
    AnalysisSpec,
    CommandSpec,
    CorpusSpec,
    DecoderSpec,
    EncoderSpec,
    ModalitySpec,
    PretrainedSpec,
    PriorSpec,
    QuantizerSpec,
    RecipeSpec,
)

PROJECT = "vqspeech"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """The hooks; a plugin implements any of them in its entry point's module."""

    @hookspec
    def register_modalities(self) -> Iterable[ModalitySpec]:
        """Register kinds of data: models, batches and losses for audio, images, video."""
        return ()

    @hookspec
    def register_encoders(self) -> Iterable[EncoderSpec]:
        """Register encoders of speech, by the name of ``[model.encoder] name = "..."``."""
        return ()

    @hookspec
    def register_quantizers(self) -> Iterable[QuantizerSpec]:
        """Register quantizers, by the name of ``[model.quantizer] name = "..."``."""
        return ()

    @hookspec
    def register_decoders(self) -> Iterable[DecoderSpec]:
        """Register decoders of speech, by the name of ``[model.decoder] name = "..."``."""
        return ()

    @hookspec
    def register_priors(self) -> Iterable[PriorSpec]:
        """Register priors over codes, by the name of ``[model] name``, with ``modality = "codes"``."""
        return ()

    @hookspec
    def register_pretrained(self) -> Iterable[PretrainedSpec]:
        """Register trained models, by the name for RUN: ``vqspeech convert NAME ...``."""
        return ()

    @hookspec
    def register_corpora(self) -> Iterable[CorpusSpec]:
        """Register corpora, by the name for ``--corpus``."""
        return ()

    @hookspec
    def register_recipes(self) -> Iterable[RecipeSpec]:
        """Register recipes for ``vqspeech recipe run NAME``."""
        return ()

    @hookspec
    def register_analyses(self) -> Iterable[AnalysisSpec]:
        """Register analyses of codes for ``vqspeech analyze NAME``."""
        return ()

    @hookspec
    def register_alignments(self) -> Iterable[AlignmentSpec]:
        """Register file formats of phone alignments, chosen by file name ending."""
        return ()

    @hookspec
    def register_aligners(self) -> Iterable[AlignerSpec]:
        """Register aligners, by the name for ``--aligner``."""
        return ()

    @hookspec
    def register_commands(self) -> Iterable[CommandSpec]:
        """Register command groups: ``vqspeech NAME ...``."""
        return ()


HOOKS: dict[str, str] = {
    "modality": "register_modalities",
    "encoder": "register_encoders",
    "quantizer": "register_quantizers",
    "decoder": "register_decoders",
    "prior": "register_priors",
    "pretrained": "register_pretrained",
    "corpus": "register_corpora",
    "recipe": "register_recipes",
    "analysis": "register_analyses",
    "alignment": "register_alignments",
    "aligner": "register_aligners",
    "command": "register_commands",
}
"""Kind -> the hook that registers it."""
