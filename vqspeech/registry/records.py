"""Records of what plugins register and of what goes wrong with them."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from vqspeech.registry.discovery import Provider
from vqspeech.registry.specs import Spec

Stage = Literal["metadata", "import", "register", "hooks", "call", "spec", "api", "target"]


UNUSED: tuple[Stage, ...] = ("metadata", "import", "register")
"""Stages after whose failure nothing of a plugin is used."""

S_co = TypeVar("S_co", bound=Spec, covariant=True)


@dataclass(frozen=True)
class Entry(Generic[S_co]):
    """A registered spec and the distribution that registers it."""

    spec: S_co
    provider: Provider

    @property
    def title(self) -> str:
        """Kind, name and, of a plugin, its distribution, as errors name it."""
        own = f"{self.spec.kind} {self.spec.name!r}"
        return own if self.provider.distribution == "vqspeech" else f"{own} of {self.provider}"

    @property
    def qualified(self) -> str:
        """The unambiguous name ``distribution/name``."""
        return f"{self.provider.distribution}/{self.spec.name}"


@dataclass(frozen=True)
class Failure:
    """What went wrong with a plugin, and where.

    Parameters
    ----------
    provider : distribution, version and entry point
    stage : metadata, import, register (a hook with a wrong signature): nothing of the plugin is used; the rest is used
        after hooks (unknown hooks), call (a hook raised), spec (it returned something else), api (of an unsupported
        version), and target (cannot be imported or called; found by ``plugins doctor``)
    error : class of the exception
    message : first line of its message
    trace : the traceback, empty where there was no exception
    """

    provider: Provider
    stage: Stage
    error: str
    message: str
    trace: str = ""

    @property
    def line(self) -> str:
        """The one line that users see."""
        what = "skipped" if self.stage in UNUSED else "skipped in part"
        return (
            f"plugin '{self.provider.plugin or self.provider.distribution}' ({self.provider}) {what}: "
            f"{self.error}: {self.message}; see `vqspeech plugins doctor`"
        )


@dataclass
class Plugin:
    """A plugin after loading.

    Parameters
    ----------
    provider : distribution, version and entry point
    hooks : names of the hooks that it implements
    entries : kind -> what it registers
    failures : failures of loading or calling it
    import_seconds, heavy : duration of its import, and the heavy packages that it imports
    """

    provider: Provider
    hooks: tuple[str, ...] = ()
    entries: dict[str, list[Entry[Spec]]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    import_seconds: float = 0.0
    heavy: tuple[str, ...] = ()

    def fail(self, stage: Stage, error: BaseException | str, message: str = "") -> None:
        """Record what went wrong."""
        if isinstance(error, BaseException):
            first = next((line for line in str(error).splitlines() if line.strip()), "(no message)")
            trace = "".join(traceback.format_exception(error))
            self.failures.append(Failure(self.provider, stage, type(error).__name__, first.strip(), trace))
        else:
            self.failures.append(Failure(self.provider, stage, error, message))
