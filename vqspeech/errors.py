"""Errors in the user's terms.

Every error that the toolkit raises on purpose is a `VQSpeechError`; the command line prints its message as one
paragraph and exits with `exit_code`. A message says what was given, what is allowed, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VQSpeechError(Exception):
    """The base of all deliberate errors; failed work has exit code 1."""

    exit_code = 1


class InputError(VQSpeechError):
    """Unusable input: a file, a key, a name, a value (exit code 2)."""

    exit_code = 2


class AudioError(InputError):
    """An audio file that cannot be read or used."""


class CorpusError(InputError):
    """A corpus folder that is missing, empty or not laid out as its reader expects."""


class ConfigError(InputError):
    """A configuration with an unknown key or a value out of range.

    Parameters
    ----------
    message : as of any error
    keys : dotted names of the keys that cannot be used, where they are known
    """

    def __init__(self, message: str, *, keys: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.keys = tuple(keys)


class CheckpointError(InputError):
    """A run or checkpoint directory that is missing, damaged, newer, or of another configuration."""


class PluginError(InputError):
    """A plugin that is broken, in conflict with another, or missing."""


class FailedPluginError(VQSpeechError):
    """An exception raised inside a plugin's own code (exit code 1)."""


class UnknownNameError(InputError):
    """A name that is not registered, or not in the model."""


def unknown_name(kind: str, name: str, known: Iterable[str], hint: str = "") -> UnknownNameError:
    """Make the error for an unknown name: its kind, the known names, and the nearest guess.

    Parameters
    ----------
    kind : the kind of thing named, for example ``"quantizer"``
    name : the unknown name
    known : the allowed names; long lists are cut to the nearest twelve
    hint : a closing sentence that says what to do
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    shown = names if len(names) <= 12 else (difflib.get_close_matches(str(name), names, n=12, cutoff=0.0) or names[:12])
    listing = ", ".join(shown) + (f", ... ({len(names)} in all)" if len(shown) < len(names) else "")
    parts = [f"unknown {kind} {name!r}; known: {listing or 'none'}."]
    if near:
        parts.append(f"Did you mean {near[0]!r}?")
    if hint:
        parts.append(hint)
    return UnknownNameError(" ".join(parts))
