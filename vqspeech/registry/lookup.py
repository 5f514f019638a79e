"""Look up registered targets by name: ``lookup.get(QuantizerSpec, "ema")``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, TypeVar, overload

from vqspeech.errors import PluginError, UnknownNameError, unknown_name
from vqspeech.registry import host as hosts
from vqspeech.registry.discovery import Provider, canonical
from vqspeech.registry.hookspecs import HOOKS
from vqspeech.registry.host import Host
from vqspeech.registry.records import Entry
from vqspeech.registry.specs import Spec
from vqspeech.untrusted import is_distribution

MORE = "Plugins add more: vqspeech plugins list"

S = TypeVar("S", bound=Spec)


@overload
def entries(kind: type[S]) -> tuple[Entry[S], ...]: ...
@overload
def entries(kind: str) -> tuple[Entry[Spec], ...]: ...
def entries(kind: type[Spec] | str) -> tuple[Entry[Spec], ...]:
    """Return all entries of a kind, built-ins first; loads plugins.

    Parameters
    ----------
    kind : a class of `vqspeech.registry.specs`, which makes the result typed, or its ``kind`` as text

    Raises
    ------
    UnknownNameError : an unknown kind
    """
    return _loaded().entries(_kind(kind))


@overload
def specs(kind: type[S]) -> tuple[S, ...]: ...
@overload
def specs(kind: str) -> tuple[Spec, ...]: ...
def specs(kind: type[Spec] | str) -> tuple[Spec, ...]:
    """Return all specs of a kind, sorted by name; see `entries`."""
    return tuple(entry.spec for entry in sorted(entries(kind), key=lambda entry: entry.spec.name))


@overload
def spec(kind: type[S], name: str, distribution: str = "") -> S: ...
@overload
def spec(kind: str, name: str, distribution: str = "") -> Spec: ...
def spec(kind: type[Spec] | str, name: str, distribution: str = "") -> Spec:
    """Return the spec of a name; see `find`."""
    return find(kind, name, distribution).spec


def provider(kind: type[Spec] | str, name: str, distribution: str = "") -> Provider:
    """Return the distribution that registers a name, with its version, for a checkpoint; see `find`."""
    return find(kind, name, distribution).provider


def get(kind: type[Spec] | str, name: str, distribution: str = "") -> Any:
    """Import and return the target of a name; see `find` and `resolve`."""
    return resolve(find(kind, name, distribution))


@overload
def find(kind: type[S], name: str, distribution: str = "") -> Entry[S]: ...
@overload
def find(kind: str, name: str, distribution: str = "") -> Entry[Spec]: ...
def find(kind: type[Spec] | str, name: str, distribution: str = "") -> Entry[Spec]:
    """Return the entry of a name.

    Parameters
    ----------
    kind : a class of `vqspeech.registry.specs`, or its ``kind`` as text
    name : ``name``, or ``distribution/name`` where two distributions register the same name
    distribution : the distribution that must register it, as recorded in a checkpoint; empty for any

    Raises
    ------
    UnknownNameError : an unregistered name; the message has similar names and plugins that failed to load
    PluginError : a name that several distributions register; the message lists them
    """
    kind = _kind(kind)
    from_distribution, _, plain = name.rpartition("/")
    from_distribution = canonical(from_distribution or distribution)
    host = hosts.current()
    if from_distribution in ("", "vqspeech"):
        for entry in host.builtin_entries(kind):
            if entry.spec.name == plain:
                return entry
    matches = [entry for entry in _loaded().entries(kind) if entry.spec.name == plain]
    if from_distribution:
        matches = [entry for entry in matches if canonical(entry.provider.distribution) == from_distribution]
    if not matches:
        raise _unknown(host, kind, name, from_distribution)
    if len(matches) > 1:
        providers = " and ".join(str(entry.provider) for entry in matches)
        choices = " or ".join(sorted({entry.qualified for entry in matches}))
        raise PluginError(
            f"{kind} {name!r} is registered by {providers}; choose one: {choices}, "
            "or disable one with VQSPEECH_DISABLE_PLUGINS"
        )
    return matches[0]


def resolve(entry: Entry[Spec]) -> Any:
    """Import the target of an entry.

    Raises
    ------
    PluginError : a required package that is not installed, or a target that cannot be imported
    """
    missing = missing_requirements(entry.spec)
    if missing:
        packages = " ".join(module.partition(".")[0].replace("_", "-") for module in missing)
        plural = "s" if len(missing) > 1 else ""
        raise PluginError(
            f"{entry.title} needs the Python package{plural} {', '.join(missing)}, not installed here: "
            f"pip install {packages}"
        )
    target = entry.spec.target
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise PluginError(f"{entry.title} cannot be loaded from {target!r}: {type(error).__name__}: {error}") from error


def missing_requirements(spec: Spec) -> list[str]:
    """Return the packages that a spec requires and that are not installed."""
    return [module for module in spec.requires if not _importable(module)]


def _importable(module: str) -> bool:
    try:
        return module in sys.modules or importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _kind(kind: type[Spec] | str) -> str:
    name = kind if isinstance(kind, str) else kind.kind
    if name not in HOOKS:
        raise unknown_name("kind of plugin", name, HOOKS)
    return name


def _loaded() -> Host:
    """Return the host with loaded plugins; print failures once, or raise in strict mode."""
    host = hosts.current()
    failures = host.failures
    if failures and host.environ.get("VQSPEECH_STRICT_PLUGINS") == "1":
        raise PluginError(f"{failures[0].line} (an error because VQSPEECH_STRICT_PLUGINS=1)")
    if failures and not host.warned:
        host.warned = True
        for plugin in host.plugins:
            if plugin.failures:
                print(plugin.failures[0].line, file=sys.stderr)
            if host.environ.get("VQSPEECH_PLUGIN_DEBUG") == "1":
                print("".join(failure.trace for failure in plugin.failures), end="", file=sys.stderr)
    return host


def _unknown(host: Host, kind: str, name: str, from_distribution: str) -> UnknownNameError | PluginError:
    plain = name.rpartition("/")[2]
    names = {from_distribution} if from_distribution else {canonical(plain), f"vqspeech-{canonical(plain)}"}
    for failure in host.failures:
        if names & {canonical(failure.provider.plugin), canonical(failure.provider.distribution)}:
            return PluginError(f"{kind} {name!r} is not available: {failure.line}")
    for off in host.disabled:
        if names & {canonical(off.plugin), canonical(off.distribution)}:
            return PluginError(
                f"{kind} {name!r} is not available: its plugin ({off}) is switched off by VQSPEECH_PLUGINS or "
                "VQSPEECH_DISABLE_PLUGINS"
            )
    here = {canonical(plugin.provider.distribution) for plugin in host.plugins} | {"vqspeech"}
    if from_distribution and from_distribution not in here:
        if not is_distribution(from_distribution):
            return PluginError(f"{kind} {plain!r}: {from_distribution!r} cannot be the name of a distribution")
        return PluginError(
            f"{kind} {plain!r} is part of the plugin {from_distribution}, which is not installed: "
            f"pip install {from_distribution}"
        )
    known = [entry.spec.name for entry in host.entries(kind)]
    hint = MORE
    if host.failures:
        hint += f" ({len({f.provider for f in host.failures})} failed to load: vqspeech plugins doctor)"
    return unknown_name(kind, name, known, hint)
