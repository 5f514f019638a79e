"""Fetch models from huggingface.co through `huggingface_hub` (extra ``hub``): weights as safetensors, never pickles."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from vqspeech.checkpoints.directory import CARD, CHECKSUMS, CONFIG, VOICES, WEIGHTS, damage
from vqspeech.errors import CheckpointError, InputError

FETCHED = (CONFIG, WEIGHTS, CHECKSUMS, CARD, VOICES)
"""The only files of a repository that are fetched."""

_REPOSITORY = re.compile(r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[^@\s]+))?")


@dataclass(frozen=True, kw_only=True)
class HubOptions:
    """How a repository is fetched.

    Parameters
    ----------
    revision : branch, tag or commit; the default branch when None
    cache_dir : folder of downloads; that of huggingface_hub when None, see ``HF_HOME``
    token : access token of a private or gated repository; the stored one when None
    force_download : download again what is in the cache
    local_files_only : use the cache only
    """

    revision: str | None = None
    cache_dir: str | Path | None = None
    token: str | bool | None = None
    force_download: bool = False
    local_files_only: bool = False


def split(text: str) -> tuple[str, str | None] | None:
    """Split ``OWNER/NAME[@REVISION]`` into repository and revision; None for other text."""
    match = _REPOSITORY.fullmatch(text)
    return None if match is None else (match["repository"], match["revision"])


def fetch(repository: str, options: HubOptions) -> Path:
    """Fetch the model of a repository into the cache and return its directory.

    Raises
    ------
    InputError : without the extra ``hub`` or the network, for an unknown or gated repository, or an unknown revision
    CheckpointError : for a repository without config.json and model.safetensors, or with damaged files
    """
    hub = library(f"{repository} is read from huggingface.co, which")
    with explained(repository, options):
        path = Path(
            hub.snapshot_download(
                repository,
                revision=options.revision,
                cache_dir=options.cache_dir,
                token=options.token,
                force_download=options.force_download,
                local_files_only=options.local_files_only,
                allow_patterns=list(FETCHED),
            )
        )
    if missing := [name for name in (CONFIG, WEIGHTS) if not (path / name).is_file()]:
        raise CheckpointError(
            f"the repository {repository} has no {' and no '.join(missing)}; vqspeech reads models that "
            "`vqspeech export` wrote, and never weights in pickles, which can run code"
        )
    broken = damage(path, [CONFIG, WEIGHTS])
    if broken is not None:
        raise CheckpointError(f"the copy of {repository} in {path}: {broken}; force_download=True fetches it again")
    return path


def library(need: str) -> ModuleType:
    """Import huggingface_hub.

    Raises
    ------
    InputError : when it is not installed; begins with `need`
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise InputError(f"{need} needs huggingface_hub, not installed here: pip install 'vqspeech[hub]'") from error
    hub: ModuleType = huggingface_hub
    return hub


def _errors() -> ModuleType:
    return importlib.import_module("huggingface_hub.errors")


@contextmanager
def explained(repository: str, options: HubOptions | None = None) -> Iterator[None]:
    """Turn errors of huggingface_hub and of the network into errors that say what to do.

    Raises
    ------
    InputError : names the repository
    """
    errors = _errors()
    revision = options.revision if options is not None else None
    named = f"{repository}@{revision}" if revision else repository
    try:
        yield
    except errors.GatedRepoError as error:
        _fail(f"the repository {repository} is gated: accept its terms on huggingface.co, then `hf auth login`", error)
    except errors.RevisionNotFoundError as error:
        _fail(f"the repository {repository} has no revision {revision!r}; give a branch, a tag or a commit", error)
    except errors.RepositoryNotFoundError as error:
        _fail(
            f"there is no repository {repository} on huggingface.co, or it is private: check the name, or `hf auth "
            f"login`. There is no directory of this name here either",
            error,
        )
    except errors.LocalEntryNotFoundError as error:
        if options is not None and options.local_files_only:
            _fail(f"{named} is not in the local cache, and local_files_only=True forbids to fetch it", error)
        _fail(
            f"{named} is not in the local cache, and huggingface.co cannot be reached ({_first_line(error)}): connect "
            "to the network, unset HF_HUB_OFFLINE, or give a local directory",
            error,
        )
    except errors.HFValidationError as error:
        _fail(f"{repository!r} is no name of a repository: {_first_line(error)}", error)
    except errors.HfHubHTTPError as error:
        _fail(
            f"huggingface.co refused {named}: {_first_line(error)}; check name and rights, see `hf auth login`",
            error,
        )
    except OSError as error:
        _fail(f"{named} cannot be transferred: {_first_line(error)}", error)
    except Exception as error:
        # Errors of the transport have no common class; huggingface_hub 1 uses httpx, older releases requests.
        if type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "requests", "urllib3"):
            _fail(f"huggingface.co cannot be reached for {named}: {_first_line(error)}; check the network", error)
        raise


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).removeprefix("Got: ").rstrip(".")


def _fail(message: str, error: Exception) -> NoReturn:
    raise InputError(message) from error
