"""Look things up by name: ``lookup.get("quantizer", "ema")``. Built-ins first; third parties load only when they are needed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

from vqspeech.errors import PluginError, UnknownNameError, unknown_name
from vqspeech.registry import host as hosts
from vqspeech.registry.discovery import Provider, canonical
from vqspeech.registry.hookspecs import HOOKS
from vqspeech.registry.host import Entry, Host
from vqspeech.registry.specs import Spec

MORE = "Plugins add more: vqspeech plugins list"


def entries(kind: str) -> tuple[Entry, ...]:
    """Everything of a kind with who gave it, built-ins first. Loads third parties; a name given twice is there twice."""
    _check_kind(kind)
    return _loaded().entries(kind)


def specs(kind: str) -> tuple[Spec, ...]:
    """Everything of a kind, sorted by name. Loads third parties; a name given twice is there twice.

    Raises
    ------
    UnknownNameError : when there is no such kind
    """
    return tuple(entry.spec for entry in sorted(entries(kind), key=lambda entry: entry.spec.name))


def spec(kind: str, name: str, distribution: str = "") -> Spec:
    """The spec of a name; see `find`."""
    return find(kind, name, distribution).spec


def provider(kind: str, name: str, distribution: str = "") -> Provider:
    """Who gives a name: distribution and version, for the checkpoint; see `find`."""
    return find(kind, name, distribution).provider


def get(kind: str, name: str, distribution: str = "") -> Any:
    """What a name stands for, imported now if it was not; see `find`.

    Raises
    ------
    PluginError : when something it requires is not installed, or its module does not import
    """
    return resolve(find(kind, name, distribution))


def find(kind: str, name: str, distribution: str = "") -> Entry:
    """The entry of a name.

    Parameters
    ----------
    kind : one of `vqspeech.registry.hookspecs.HOOKS`
    name : ``name``, or ``distribution/name`` where two distributions give the same name
    distribution : who must give it (a checkpoint knows); empty for anybody

    Raises
    ------
    UnknownNameError : nobody gives the name; says what is near, and whether a plugin that failed to load may be the reason
    PluginError : several distributions give the name; names them all
    """
    _check_kind(kind)
    wanted, _, plain = name.rpartition("/")
    wanted = canonical(wanted or distribution)
    host = hosts.current()
    if wanted in ("", "vqspeech"):
        for entry in host.builtin_entries(kind):
            if entry.spec.name == plain:
                return entry
    found = [entry for entry in _loaded().entries(kind) if entry.spec.name == plain]
    if wanted:
        found = [entry for entry in found if canonical(entry.provider.distribution) == wanted]
    if not found:
        raise _unknown(host, kind, name, wanted)
    if len(found) > 1:
        givers = " and ".join(str(entry.provider) for entry in found)
        choices = " or ".join(sorted({entry.qualified for entry in found}))
        raise PluginError(
            f"{kind} {name!r} is given by {givers}; say which: {choices}. Or switch one off with VQSPEECH_DISABLE_PLUGINS"
        )
    return found[0]


def resolve(entry: Entry) -> Any:
    """Import the target of an entry; see `get`."""
    spec, who = entry.spec, f"{entry.spec.kind} {entry.spec.name!r}"
    if entry.provider.distribution != "vqspeech":
        who += f" of {entry.provider}"
    missing = [module for module in spec.requires if not _importable(module)]
    if missing:
        packages = " ".join(module.partition(".")[0].replace("_", "-") for module in missing)
        plural = "s" if len(missing) > 1 else ""
        raise PluginError(
            f"{who} needs the Python package{plural} {', '.join(missing)}, not installed here: pip install {packages}"
        )
    if not isinstance(spec.target, str):
        return spec.target
    module, _, attribute = spec.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise PluginError(f"{who} cannot be loaded from {spec.target!r}: {type(error).__name__}: {error}") from error


def _importable(module: str) -> bool:
    try:
        return module in sys.modules or importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _check_kind(kind: str) -> None:
    if kind not in HOOKS:
        raise unknown_name("kind of plugin", kind, HOOKS)


def _loaded() -> Host:
    """The host with third parties loaded; tells about failures once, or raises when ``VQSPEECH_STRICT_PLUGINS=1``."""
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


def _unknown(host: Host, kind: str, name: str, wanted: str) -> UnknownNameError | PluginError:
    plain = name.rpartition("/")[2]
    suspects = {wanted} if wanted else {canonical(plain), f"vqspeech-{canonical(plain)}"}
    for failure in host.failures:
        if suspects & {canonical(failure.provider.plugin), canonical(failure.provider.distribution)}:
            return PluginError(f"{kind} {name!r} is not available: {failure.line}")
    for off in host.disabled:
        if suspects & {canonical(off.plugin), canonical(off.distribution)}:
            return PluginError(
                f"{kind} {name!r} is not available: its plugin ({off}) is switched off by VQSPEECH_PLUGINS or VQSPEECH_DISABLE_PLUGINS"
            )
    here = {canonical(plugin.provider.distribution) for plugin in host.plugins} | {"vqspeech"}
    if wanted and wanted not in here:
        return PluginError(
            f"{kind} {plain!r} comes from the plugin {wanted}, which is not installed: pip install {wanted}"
        )
    known = [entry.spec.name for entry in host.entries(kind)]
    hint = MORE
    if host.failures:
        hint += f" ({len({f.provider for f in host.failures})} failed to load: vqspeech plugins doctor)"
    return unknown_name(kind, name, known, hint)
