"""What a plugin registers: frozen specs, one class per kind. Nothing here imports torch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from vqspeech.errors import PluginError

Media = Literal["audio", "image", "video", "text", "other"]
"""What data are made of."""

API_VERSIONS: frozenset[int] = frozenset({1})
"""Protocol versions that this release understands."""

_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The fields that all specs share.

    Parameters
    ----------
    name : ``[a-z][a-z0-9-]*``, unique within its kind
    target : ``"package.module:attribute"``, imported on first use, or the object itself
    summary : one line for listings
    api : version of the kind's protocol that the target follows
    requires : modules needed at use; the error for a missing one says what to install
    """

    kind: ClassVar[str] = ""
    name: str
    target: str | Callable[..., Any]
    summary: str
    api: int = 1
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise PluginError(f"{type(self).__name__} name {self.name!r} is not of the form [a-z][a-z0-9-]*")
        if isinstance(self.target, str) and not re.fullmatch(r"[\w.]+:\w+", self.target):
            raise PluginError(
                f"{type(self).__name__} {self.name!r}: target {self.target!r} is not 'package.module:attribute'"
            )
        if not isinstance(self.target, str) and not callable(self.target):
            raise PluginError(
                f"{type(self).__name__} {self.name!r}: target {self.target!r} is neither 'package.module:attribute' "
                "nor something to call"
            )
        media = getattr(self, "media", None)
        for one in () if media is None else media if isinstance(media, tuple) else (media,):
            if one not in get_args(Media):
                allowed = ", ".join(get_args(Media))
                raise PluginError(f"{type(self).__name__} {self.name!r}: media {one!r} is none of {allowed}")
        for attribute in ("requires", "stages", "suffixes"):
            value = getattr(self, attribute, ())
            if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
                raise PluginError(
                    f"{type(self).__name__} {self.name!r}: {attribute} {value!r} is not a tuple of strings"
                )


@dataclass(frozen=True, kw_only=True)
class ModalitySpec(Spec):
    """A kind of data. The target is a `vqspeech.modality.Modality`."""

    kind: ClassVar[str] = "modality"
    media: Media


@dataclass(frozen=True, kw_only=True)
class EncoderSpec(Spec):
    """An encoder.

    The target is called as ``make(sample_rate, **options)`` with the keys of ``[model.encoder]`` and returns a
    `vqspeech.nn.encoders.protocol.Encoder`.
    """

    kind: ClassVar[str] = "encoder"


@dataclass(frozen=True, kw_only=True)
class DecoderSpec(Spec):
    """A decoder.

    The target is called as ``make(latents, **options)`` with a `Latents` and the keys of ``[model.decoder]`` and
    returns a `vqspeech.nn.decoders.protocol.Decoder`.
    """

    kind: ClassVar[str] = "decoder"


@dataclass(frozen=True, kw_only=True)
class PriorSpec(Spec):
    """A prior over codes.

    The target is called as ``make(space, **options)`` with a `CodeSpace` and the keys of ``[model]`` and returns a
    `vqspeech.nn.priors.protocol.Prior`.
    """

    kind: ClassVar[str] = "prior"


@dataclass(frozen=True, kw_only=True)
class QuantizerSpec(Spec):
    """A quantizer.

    The target is called as ``make(dim, **options)`` with the keys of ``[model.quantizer]`` and returns a
    `vqspeech.nn.quantize.protocol.Quantizer`.
    """

    kind: ClassVar[str] = "quantizer"


@dataclass(frozen=True, kw_only=True)
class PretrainedSpec(Spec):
    """A trained model.

    The target is called without arguments and returns the `pathlib.Path` of a directory that `vqspeech export` wrote:
    config.json, model.safetensors, checksums.json, README.md. The name is used wherever a run directory is.

    Parameters
    ----------
    licence, homepage : terms of the weights, and where they come from
    """

    kind: ClassVar[str] = "pretrained"
    licence: str
    homepage: str = ""


@dataclass(frozen=True, kw_only=True)
class CorpusSpec(Spec):
    """A corpus.

    The target is called as ``read(root, **options)`` with the data folder or None and the keys of ``[corpus.options]``.
    For audio it returns a `vqspeech.corpora.base.Corpus`; for other media what the modality that reads it needs, with
    the attributes ``name``, ``root``, ``variant``, ``skipped``, ``notes`` and ``counts`` (what there is -> how many)
    for listings.

    Parameters
    ----------
    licence, homepage : terms and source of the data
    needs_data_dir : False for corpora that need no folder
    media : kind of its data
    """

    kind: ClassVar[str] = "corpus"
    licence: str
    homepage: str = ""
    needs_data_dir: bool = True
    media: Media = "audio"


@dataclass(frozen=True, kw_only=True)
class RecipeSpec(Spec):
    """A recipe; its target is called as ``run(request)`` and returns a `RecipeOutcome`.

    TOML files in the package of the target are the presets of the recipe: ``recipe show`` prints them.

    Parameters
    ----------
    stages : names of stages and groups in running order, ``report`` last; what ``--stages`` accepts
    """

    kind: ClassVar[str] = "recipe"
    stages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AnalysisSpec(Spec):
    """An analysis of codes.

    The target is called as ``analyse(context, **options)`` with a `vqspeech.analysis.contract.AnalysisContext` and
    returns a `vqspeech.analysis.contract.AnalysisResult`. Its keywords are its options: ``--set KEY=VALUE`` of
    `vqspeech analyze` and the tables ``[analysis.NAME]`` of recipes, checked by name and annotation.

    Parameters
    ----------
    media : media whose codes it analyses, for example ``("audio",)``; None for codes of any medium
    """

    kind: ClassVar[str] = "analysis"
    media: tuple[Media, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class AlignmentSpec(Spec):
    """A file format of phone alignments.

    The target is called as ``read(path)`` and returns a `vqspeech.alignment.base.Alignment`.

    Parameters
    ----------
    suffixes : file name endings of the format, with the dot, lower case
    """

    kind: ClassVar[str] = "alignment"
    suffixes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AlignerSpec(Spec):
    """A maker of phone alignments.

    The target is called as ``align(path, text=TEXT)`` with an audio file and its transcript, and returns a
    `vqspeech.alignment.base.Alignment`.
    """

    kind: ClassVar[str] = "aligner"


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A command group; its target is a ``typer.Typer`` app, or a function for one command."""

    kind: ClassVar[str] = "command"


KINDS: tuple[type[Spec], ...] = (
    ModalitySpec,
    EncoderSpec,
    QuantizerSpec,
    DecoderSpec,
    PriorSpec,
    PretrainedSpec,
    CorpusSpec,
    RecipeSpec,
    AnalysisSpec,
    AlignmentSpec,
    AlignerSpec,
    CommandSpec,
)
"""Every kind of spec, in the order listings show them."""
