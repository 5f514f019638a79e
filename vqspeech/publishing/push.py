"""Push a published model to a repository of huggingface.co."""

from __future__ import annotations

from pathlib import Path

import vqspeech
from vqspeech.checkpoints import hub
from vqspeech.errors import InputError


def require_repository(repository: str) -> str:
    """Check the name of a repository and that huggingface_hub is installed; return the name.

    Raises
    ------
    InputError : for a name that is not OWNER/NAME, or without the extra ``hub``
    """
    parsed = hub.split(repository)
    if parsed is None or parsed[1] is not None:
        raise InputError(f"--push {repository!r} is not OWNER/NAME, a repository of huggingface.co")
    hub.library("--push")
    return repository


def push(directory: Path, repository: str, *, private: bool = False, token: str | None = None) -> str:
    """Upload the files of a published model, creating the repository when it does not exist; return its address.

    Parameters
    ----------
    directory : what `vqspeech.publishing.export.export` wrote
    repository : OWNER/NAME
    private : create it as a private repository
    token : access token; the stored one when None

    Raises
    ------
    InputError : as `require_repository`, and for what the hub refuses
    """
    require_repository(repository)
    api = hub.library("--push").HfApi(token=token)
    with hub.explained(repository):
        api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=str(directory),
            allow_patterns=list(hub.FETCHED),
            commit_message=f"Model written by vqspeech {vqspeech.__version__}",
        )
    return f"https://huggingface.co/{repository}"
