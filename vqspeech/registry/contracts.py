"""The call and the result of targets of each kind; `call` calls every target."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vqspeech.errors import ConfigError, FailedPluginError, PluginError, VQSpeechError
from vqspeech.registry import lookup
from vqspeech.registry.options import REQUIRED, Options, options_of
from vqspeech.registry.records import Entry
from vqspeech.registry.specs import CorpusSpec, Spec

_ANY_MEDIA = ("name", "root", "variant", "skipped", "notes", "counts")


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The call of a target.

    Parameters
    ----------
    positional : names of the positional arguments that vqspeech gives
    keywords : keywords that it gives always; all others are the target's options
    returns : ``"module:Class"`` of the result, empty when only `has` describes it
    has : attributes that the result must have
    options : whether the target may have options
    """

    positional: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    returns: str = ""
    has: tuple[str, ...] = ()
    options: bool = True

    def __str__(self) -> str:
        keywords = (*(f"{name}=" for name in self.keywords), *(["**options"] if self.options else []))
        return f"({', '.join((*self.positional, *keywords))})"


CONTRACTS: dict[str, Contract] = {
    "modality": Contract(has=("check", "prepare", "open", "task"), options=False),
    "encoder": Contract(
        positional=("sample_rate",), returns="vqspeech.nn.encoders.protocol:Encoder", has=("dim", "hop_samples")
    ),
    "quantizer": Contract(
        positional=("dim",), returns="vqspeech.nn.quantize.protocol:Quantizer", has=("codebook_sizes",)
    ),
    "decoder": Contract(
        positional=("latents",),
        returns="vqspeech.nn.decoders.protocol:Decoder",
        has=("sample_rate", "hop_samples", "criterion"),
    ),
    "prior": Contract(positional=("space",), returns="vqspeech.nn.priors.protocol:Prior"),
    "pretrained": Contract(returns="pathlib:Path", options=False),
    "corpus": Contract(positional=("root",), returns="vqspeech.corpora.base:Corpus"),
    "recipe": Contract(positional=("request",), returns="vqspeech.experiments.request:RecipeOutcome", options=False),
    "analysis": Contract(positional=("context",), returns="vqspeech.analysis.contract:AnalysisResult"),
    "alignment": Contract(positional=("path",), returns="vqspeech.alignment.base:Alignment"),
    "aligner": Contract(positional=("path",), keywords=("text",), returns="vqspeech.alignment.base:Alignment"),
}
"""Kind -> how its target is called. Commands have none: a target is a ``typer.Typer`` or any function."""


def options(entry: Entry[Spec]) -> Options:
    """Return the options of an entry's target, see `vqspeech.registry.options`."""
    contract = CONTRACTS[entry.spec.kind]
    return options_of(_callable(entry), len(contract.positional), contract.keywords)


def call(
    entry: Entry[Spec],
    *positional: Any,
    options: Mapping[str, Any] | None = None,
    prefix: str = "",
    **keywords: Any,
) -> Any:
    """Call the target of an entry with checked options, and check what it returns.

    Parameters
    ----------
    positional, keywords : as in its `Contract`
    options : plain values for options of the target
    prefix : prefix of option names in messages, for example ``"corpus.options."``

    Raises
    ------
    UnknownNameError, ConfigError : for an option that the target does not have, of another type, or missing
    PluginError : when the target cannot be imported, does not take the arguments of its kind, or breaks its contract
    FailedPluginError : when a plugin's target raises anything but an error of vqspeech or of the operating system
    """
    target, contract = _callable(entry), CONTRACTS[entry.spec.kind]
    declared = options_of(target, len(contract.positional), contract.keywords)
    values = declared.checked(options or {}, prefix, f"option of {entry.title}:")
    for name, option in declared.declared.items() if contract.options else ():
        if option.default is REQUIRED and name not in values:
            raise ConfigError(f"{prefix}{name}: {entry.title} needs it ({option})")
    _require_call(entry, target, positional, values | keywords)
    try:
        result = target(*positional, **values, **keywords)
    except (VQSpeechError, OSError):
        raise
    except Exception as error:
        if entry.provider.distribution == "vqspeech":
            raise
        raise FailedPluginError(f"{entry.title} failed: {type(error).__name__}: {error}") from error
    return checked(entry, result)


def checked(entry: Entry[Spec], result: Any) -> Any:
    """Check the result of a target against its contract; return it.

    Raises
    ------
    PluginError : names distribution, kind, name, what was returned and what must be
    """
    contract = CONTRACTS[entry.spec.kind]
    returns, has = contract.returns, contract.has
    if isinstance(entry.spec, CorpusSpec) and entry.spec.media != "audio":
        returns, has = "", _ANY_MEDIA
    given = f"{entry.title} returned an object of type {type(result).__name__}"
    if returns:
        module, _, name = returns.partition(":")
        if not isinstance(result, getattr(importlib.import_module(module), name)):
            raise PluginError(f"{given}; it must return a {module}.{name}")
    if missing := [name for name in has if not hasattr(result, name)]:
        raise PluginError(f"{given} without {', '.join(missing)}; needed are {', '.join(has)}")
    return result


def problem(entry: Entry[Spec]) -> str:
    """Return the defect of an entry's target, without calling it; empty for none.

    Packages that it requires and that are not installed are no mistake of the plugin.
    """
    if lookup.missing_requirements(entry.spec):
        return ""
    try:
        target = lookup.resolve(entry)
        if entry.spec.kind not in CONTRACTS:
            return "" if callable(target) else _not_callable(entry, target)
        _callable(entry)
    except VQSpeechError as error:
        return str(error)
    contract = CONTRACTS[entry.spec.kind]
    declared = options_of(target, len(contract.positional), contract.keywords)
    required = [name for name, option in declared.declared.items() if option.default is REQUIRED]
    if required and not contract.options:
        return f"{entry.title}: its target is called as {contract}; it also requires {', '.join(required)}"
    keywords = dict.fromkeys([*contract.keywords, *required])
    try:
        _require_call(entry, target, contract.positional, keywords)
    except PluginError as error:
        return str(error)
    return ""


def _callable(entry: Entry[Spec]) -> Any:
    target = lookup.resolve(entry)
    if not callable(target):
        raise PluginError(_not_callable(entry, target))
    return target


def _not_callable(entry: Entry[Spec], target: object) -> str:
    description = f"an object of type {type(target).__name__}"
    return f"{entry.title}: its target {entry.spec.target!r} is {description}, which cannot be called"


def _require_call(entry: Entry[Spec], target: Any, positional: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        # A function in C.
        return
    try:
        signature.bind(*positional, **keywords)
    except TypeError as error:
        contract = CONTRACTS[entry.spec.kind]
        raise PluginError(
            f"{entry.title}: its target is called as {contract}, but takes {signature}: {error}"
        ) from error
