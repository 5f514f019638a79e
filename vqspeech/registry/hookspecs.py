"""The whole plugin contract: one hook per kind, without arguments, each returning an iterable of frozen specs."""

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
    PriorSpec,
    QuantizerSpec,
    RecipeSpec,
)

PROJECT = "vqspeech"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """The hooks; a plugin implements any of them in the module that its entry point (group ``vqspeech``) names."""

    @hookspec
    def register_modalities(self) -> Iterable[ModalitySpec]:
        """Kinds of data: models, batches and losses for audio, images, video."""
        return ()

    @hookspec
    def register_encoders(self) -> Iterable[EncoderSpec]:
        """Encoders of speech, by the name that ``[model.encoder] name = "..."`` uses."""
        return ()

    @hookspec
    def register_quantizers(self) -> Iterable[QuantizerSpec]:
        """Quantizers, by the name that ``[model.quantizer] name = "..."`` uses."""
        return ()

    @hookspec
    def register_decoders(self) -> Iterable[DecoderSpec]:
        """Decoders of speech, by the name that ``[model.decoder] name = "..."`` uses."""
        return ()

    @hookspec
    def register_priors(self) -> Iterable[PriorSpec]:
        """Priors over codes, by the name that ``[model] name = "..."`` uses under ``modality = "codes"``."""
        return ()

    @hookspec
    def register_corpora(self) -> Iterable[CorpusSpec]:
        """Corpora, by the name that ``--corpus`` uses."""
        return ()

    @hookspec
    def register_recipes(self) -> Iterable[RecipeSpec]:
        """Recipes for ``vqspeech recipe run NAME``."""
        return ()

    @hookspec
    def register_analyses(self) -> Iterable[AnalysisSpec]:
        """Analyses of codes for ``vqspeech analyze NAME``."""
        return ()

    @hookspec
    def register_alignments(self) -> Iterable[AlignmentSpec]:
        """File formats of phone alignments, chosen by file name ending."""
        return ()

    @hookspec
    def register_aligners(self) -> Iterable[AlignerSpec]:
        """Makers of phone alignments, by the name that ``--aligner`` uses."""
        return ()

    @hookspec
    def register_commands(self) -> Iterable[CommandSpec]:
        """Further command groups: ``vqspeech NAME ...``."""
        return ()


HOOKS: dict[str, str] = {
    "modality": "register_modalities",
    "encoder": "register_encoders",
    "quantizer": "register_quantizers",
    "decoder": "register_decoders",
    "prior": "register_priors",
    "corpus": "register_corpora",
    "recipe": "register_recipes",
    "analysis": "register_analyses",
    "alignment": "register_alignments",
    "aligner": "register_aligners",
    "command": "register_commands",
}
"""Kind -> the hook that registers it."""
