"""Find the directory of a model by its path, its registered name, or its repository. Imports no torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vqspeech.checkpoints import hub
from vqspeech.checkpoints.directory import CONFIG, WEIGHTS
from vqspeech.errors import CheckpointError, InputError, PluginError, UnknownNameError, unknown_name
from vqspeech.registry import contracts, lookup
from vqspeech.registry.records import Entry
from vqspeech.registry.specs import PretrainedSpec, Spec

VOICES_DISTRIBUTION = "vqspeech-voices"
"""The distribution of this project that registers trained models."""

_RUNS = "runs"
"""Default folder of recipes; ``runs/NAME`` is a path, and never the name of a repository."""


def locate(run: str | Path, options: hub.HubOptions | None = None) -> Path:
    """Return the directory of a model; downloads only what is given as OWNER/NAME.

    Parameters
    ----------
    run : in this order, an existing directory, the name of a registered model (``NAME`` or ``DISTRIBUTION/NAME``), or
        a repository of huggingface.co (``OWNER/NAME`` or ``OWNER/NAME@REVISION``)
    options : how a repository is fetched

    Raises
    ------
    CheckpointError : when there is no such directory or name
    PluginError : for a registered model whose directory is incomplete
    InputError : for a repository that cannot be fetched, see `vqspeech.checkpoints.hub.fetch`
    """
    options, place = options or hub.HubOptions(), find(run)
    if isinstance(place, Path):
        if options.revision is not None:
            raise InputError(f"{run} is here; omit revision={options.revision!r}, which is for repositories OWNER/NAME")
        return place
    name, revision = place
    if revision is not None and options.revision not in (None, revision):
        raise InputError(f"{run} names another revision than revision={options.revision!r}; give one of them")
    return hub.fetch(name, replace(options, revision=revision or options.revision))


def find(run: str | Path) -> Path | tuple[str, str | None]:
    """Return the directory of a model that is here, or the repository and revision to fetch it from.

    Nothing is fetched; arguments and errors as in `locate`.
    """
    text, path = str(run), Path(run)
    if path.is_dir():
        return path
    if path.is_file():
        raise CheckpointError(f"{path} is a file; give the directory of the run or of the checkpoint that holds it")
    entry = _registered(text)
    if entry is not None:
        return registered_directory(entry)
    repository = hub.split(text)
    if repository is None or _is_local(path):
        raise CheckpointError(_nothing(text, bare="/" not in text))
    return repository


def registered_directory(entry: Entry[Spec]) -> Path:
    """Return the directory of a registered model.

    Raises
    ------
    PluginError : when the plugin's target fails, or its directory lacks config.json or model.safetensors
    """
    path: Path = contracts.call(entry)
    if missing := [name for name in (CONFIG, WEIGHTS) if not (path / name).is_file()]:
        raise PluginError(
            f"{entry.title} has no {' and no '.join(missing)} in {path}; `vqspeech export RUN --out {path}` writes "
            "them, or install a complete distribution"
        )
    return path


def _registered(text: str) -> Entry[PretrainedSpec] | None:
    """Return the entry of a registered name; None for other text."""
    distribution, _, name = text.rpartition("/")
    found = [entry for entry in lookup.entries(PretrainedSpec) if entry.spec.name == name]
    if distribution:
        found = [entry for entry in found if entry.provider.distribution == distribution]
        return found[0] if found else None
    # The look-up names the distributions of an ambiguous name.
    return lookup.find(PretrainedSpec, text) if found else None


def _is_local(path: Path) -> bool:
    """Return whether a missing path is misspelt rather than a repository."""
    return path.parts[0] == _RUNS or (path.parent.exists() and path.parent != Path("."))


def _nothing(text: str, *, bare: bool) -> str:
    message = f"there is no run directory {text}; `vqspeech train` and `vqspeech recipe run` make one"
    if not bare:
        return message
    try:
        lookup.find(PretrainedSpec, text)
    except UnknownNameError:
        names = [entry.spec.name for entry in lookup.entries(PretrainedSpec)]
        message += f". Nor is it installed: {unknown_name('trained model', text, names)}"
    except PluginError as error:
        message += f". Nor is it installed: {error}"
    if not any(entry.provider.distribution == VOICES_DISTRIBUTION for entry in lookup.entries(PretrainedSpec)):
        message += f" Some come with: pip install {VOICES_DISTRIBUTION}"
    return message
