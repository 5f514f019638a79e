"""Installed distributions that offer plugins, from their metadata; no plugin is imported."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GROUP = "vqspeech"
"""The entry-point group of plugins."""


@dataclass(frozen=True)
class Provider:
    """The distribution that registers something, as pip names it, and its entry point."""

    distribution: str
    version: str
    plugin: str = ""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()


@dataclass(frozen=True)
class Candidate:
    """An entry point that may be loaded, or the reason for unreadable metadata."""

    provider: Provider
    entry_point: importlib.metadata.EntryPoint | None
    problem: str = ""


def canonical(name: str) -> str:
    """Normalise a distribution's name as pip does: lower case, runs of ``-_.`` become one hyphen."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(path: list[str] | None = None) -> list[Candidate]:
    """Find entry points of the group `GROUP` on ``path`` (None: ``sys.path``), sorted.

    The first of two copies counts. Distributions are read separately: a malformed ``entry_points.txt`` hides no other.
    """
    by_distribution: dict[str, list[Candidate]] = {}
    for distribution in importlib.metadata.distributions(path=sys.path if path is None else path):
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except (OSError, UnicodeDecodeError):
            continue
        if not re.search(rf"^\s*\[\s*{GROUP}\s*\]", text, re.MULTILINE):
            continue
        name, version = _identity(distribution)
        if canonical(name) not in by_distribution:
            by_distribution[canonical(name)] = list(_candidates(distribution, name, version))
    return [candidate for key in sorted(by_distribution) for candidate in by_distribution[key]]


def _identity(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    fields = {}
    for field in ("Name", "Version"):
        match = re.search(rf"^{field}:[ \t]*(\S.*?)\s*$", text, re.MULTILINE)
        fields[field] = match.group(1) if match else ""
    return fields["Name"] or "unknown distribution", fields["Version"]


def _candidates(distribution: importlib.metadata.Distribution, name: str, version: str) -> Iterable[Candidate]:
    try:
        points = sorted((point for point in distribution.entry_points if point.group == GROUP), key=lambda p: p.name)
    except Exception as error:
        # The parser of importlib.metadata has no exceptions of its own.
        yield Candidate(Provider(name, version), None, f"entry_points.txt cannot be read: {error}")
        return
    for point in points:
        yield Candidate(Provider(name, version, point.name), point)


class Selection:
    """Plugins selected by ``VQSPEECH_PLUGINS`` and ``VQSPEECH_DISABLE_PLUGINS``."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        allowed = environ.get("VQSPEECH_PLUGINS")
        self.allowed = None if allowed is None else _names(allowed)
        self.disabled = _names(environ.get("VQSPEECH_DISABLE_PLUGINS", ""))

    @property
    def none(self) -> bool:
        """Whether no plugin may load."""
        return self.allowed is not None and not self.allowed

    def admits(self, provider: Provider) -> bool:
        """Return whether a plugin may load, by the name of its entry point or distribution."""
        names = {canonical(provider.plugin), canonical(provider.distribution)}
        return (self.allowed is None or bool(names & self.allowed)) and not names & self.disabled


def _names(text: str) -> frozenset[str]:
    return frozenset(canonical(name.strip()) for name in text.split(",") if name.strip())
