"""The plugin host: loads each plugin separately, calls its hooks, and records failures."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pluggy

from vqspeech.errors import unknown_name
from vqspeech.registry import builtin
from vqspeech.registry.discovery import Candidate, Provider, Selection, canonical, installed
from vqspeech.registry.hookspecs import HOOKS, PROJECT, Hooks
from vqspeech.registry.limits import ImportTimeout, import_limit_s, time_limit
from vqspeech.registry.probe import Probe, probe, target_problems
from vqspeech.registry.records import UNUSED, Entry, Failure, Plugin
from vqspeech.registry.specs import API_VERSIONS, KINDS, Spec

SPEC_OF_KIND: dict[str, type[Spec]] = {spec.kind: spec for spec in KINDS}


class Host:
    """Everything registered; third-party plugins load on first access.

    Parameters
    ----------
    environ : environment with ``VQSPEECH_PLUGINS`` and related variables
    discover : returns the candidates; replaced in tests
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, discover: Callable[[], Iterable[Candidate]] = installed
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self._discover = discover
        self._probes: list[Probe | None] = []
        self.warned = False

    @functools.cached_property
    def builtins(self) -> Plugin:
        """The built-ins of vqspeech."""
        from vqspeech import __version__

        plugin = Plugin(Provider("vqspeech", __version__, "builtin"))
        register(plugin, builtin)
        assert not plugin.failures, plugin.failures
        return plugin

    @functools.cached_property
    def _candidates(self) -> tuple[list[Candidate], list[Provider]]:
        selection = Selection(self.environ)
        if selection.none:
            return [], []
        discovered = list(self._discover())
        admitted = [candidate for candidate in discovered if selection.admits(candidate.provider)]
        return admitted, [candidate.provider for candidate in discovered if candidate not in admitted]

    @functools.cached_property
    def plugins(self) -> tuple[Plugin, ...]:
        """The third-party plugins; the first access imports them."""
        candidates, limit_s = self._candidates[0], import_limit_s(self.environ)
        probes = self._probes or [None] * len(candidates)
        return tuple(load(candidate, limit_s, done) for candidate, done in zip(candidates, probes, strict=True))

    def probe(self) -> None:
        """Import every plugin in another process first; `plugins` then skips those that hang or crash."""
        self._probes = probe(self._candidates[0], import_limit_s(self.environ), self.environ)

    def probe_targets(self) -> None:
        """Import all targets of plugins in other processes, and record missing and uncallable ones."""
        candidates = self._candidates[0]
        problems = target_problems(candidates, import_limit_s(self.environ), self.environ)
        for plugin, own in zip(self.plugins, problems, strict=True):
            if not any(failure.stage in UNUSED for failure in plugin.failures):
                for problem in own:
                    plugin.fail("target", "PluginError", problem)

    @property
    def absent(self) -> tuple[str, ...]:
        """Names in the environment's lists that no installed plugin has: misspelt, or not installed."""
        providers = [candidate.provider for candidate in self._candidates[0]] + self._candidates[1]
        known = {canonical(name) for provider in providers for name in (provider.plugin, provider.distribution)}
        selection = Selection(self.environ)
        return tuple(sorted(((selection.allowed or frozenset()) | selection.disabled) - known))

    @property
    def disabled(self) -> tuple[Provider, ...]:
        """Installed plugins that the environment disables."""
        return tuple(self._candidates[1])

    @property
    def failures(self) -> tuple[Failure, ...]:
        """All failures of loading."""
        return tuple(failure for plugin in self.plugins for failure in plugin.failures)

    def builtin_entries(self, kind: str) -> tuple[Entry[Spec], ...]:
        """Return the built-ins of a kind, in order of registration."""
        return tuple(self.builtins.entries.get(kind, ()))

    def entries(self, kind: str) -> tuple[Entry[Spec], ...]:
        """Return all entries of a kind: built-ins in their order, then third parties by name."""
        others = [entry for plugin in self.plugins for entry in plugin.entries.get(kind, ())]
        return self.builtin_entries(kind) + tuple(sorted(others, key=lambda e: (e.spec.name, e.qualified)))

    def conflicts(self) -> list[tuple[str, str, tuple[Entry[Spec], ...]]]:
        """Return names registered more than once: (kind, name, entries)."""
        clashes = []
        for kind in HOOKS:
            by_name: dict[str, list[Entry[Spec]]] = {}
            for entry in self.entries(kind):
                by_name.setdefault(entry.spec.name, []).append(entry)
            clashes += [(kind, name, tuple(group)) for name, group in by_name.items() if len(group) > 1]
        return clashes


def load(candidate: Candidate, limit_s: float, probed: Probe | None = None) -> Plugin:
    """Import a plugin and call its hooks; exceptions become records.

    Parameters
    ----------
    candidate : the plugin to load
    limit_s : time limit of its import, see `vqspeech.registry.limits.time_limit`
    probed : result of its import in another process, where that was tried
    """
    plugin = Plugin(candidate.provider)
    if probed is not None and probed.problem:
        plugin.import_seconds = probed.seconds
        plugin.fail("import", "ImportTimeout" if probed.seconds else "Crash", probed.problem)
        return plugin
    if candidate.entry_point is None:
        plugin.fail("metadata", "ValueError", candidate.problem)
        return plugin
    begin = time.perf_counter()
    try:
        with time_limit(limit_s):
            module = candidate.entry_point.load()
    except ImportTimeout:
        plugin.fail("import", "ImportTimeout", f"its import took longer than {limit_s:g} s")
        return plugin
    except (Exception, SystemExit) as error:
        plugin.fail("import", error)
        return plugin
    finally:
        plugin.import_seconds = probed.seconds if probed is not None else time.perf_counter() - begin
        plugin.heavy = probed.heavy if probed is not None else ()
    try:
        register(plugin, module)
    except Exception as error:
        # A spec that cannot even be inspected.
        plugin.fail("spec", error)
    return plugin


def register(plugin: Plugin, module: ModuleType | Any) -> None:
    """Call the hooks of a module and keep their specs in ``plugin``.

    Each module has its own plugin manager. pluggy's registration is not atomic, and a hook that raises stops the calls
    of all others; with separate managers a failed registration leaves nothing behind and affects no other plugin.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    try:
        manager.register(module)
    except Exception as error:
        plugin.fail("register", _shortened(error))
        return
    callers = manager.get_hookcallers(module) or []
    plugin.hooks = tuple(sorted(caller.name for caller in callers))
    unknown = [c for c in callers if not c.has_spec() and not all(i.optionalhook for i in c.get_hookimpls())]
    for caller in unknown:
        plugin.fail("hooks", "UnknownHook", str(unknown_name("hook", caller.name, HOOKS.values())))
    if not callers:
        plugin.fail(
            "hooks", "NoHooks", "the entry point's module implements no hook; mark functions with @vqspeech.hookimpl"
        )
    for kind, hook in HOOKS.items():
        if hook in plugin.hooks:
            plugin.entries[kind] = list(_call(plugin, kind, getattr(manager.hook, hook)))


def _shortened(error: Exception) -> Exception:
    """Shorten pluggy's validation error to one line: module and mistake."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("definition:", "hookimpl definition:"))]
    message = " ".join(kept) if kept else str(error)
    short = type(error).__new__(type(error))
    Exception.__init__(short, message)
    return short.with_traceback(error.__traceback__)


def _call(plugin: Plugin, kind: str, hook: Callable[[], list[Any]]) -> Iterator[Entry[Spec]]:
    expected = SPEC_OF_KIND[kind]
    name = HOOKS[kind]
    try:
        results = hook()
        if results and isinstance(results[0], Spec):
            plugin.fail(
                "spec", "TypeError", f"{name} returned one {type(results[0]).__name__}; it must return a list of them"
            )
            return
        given = list(results[0]) if results else None
    except (Exception, SystemExit) as error:
        plugin.fail("call", error)
        return
    if given is None:
        plugin.fail("spec", "TypeError", f"{name} returned None; it must return {expected.__name__} objects in a list")
        return
    for spec in given:
        if not isinstance(spec, expected):
            shown = repr(spec)[:60] if isinstance(spec, str) else f"an object of type {type(spec).__name__}"
            plugin.fail("spec", "TypeError", f"{name} gave {shown}; it must give {expected.__name__} objects")
        elif spec.api not in API_VERSIONS:
            known = ", ".join(map(str, sorted(API_VERSIONS)))
            plugin.fail(
                "api", "UnsupportedApi", f"{kind} {spec.name!r} follows api {spec.api}; this vqspeech knows api {known}"
            )
        else:
            yield Entry(spec, plugin.provider)


_host: Host | None = None


def current() -> Host:
    """Return the host of this process, created on first use."""
    global _host
    if _host is None:
        _host = Host()
    return _host


@contextmanager
def using(host: Host) -> Iterator[Host]:
    """Replace the host of this process temporarily; for tests."""
    global _host
    before, _host = _host, host
    try:
        yield host
    finally:
        _host = before
