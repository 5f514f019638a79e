"""Load models for Python: by directory, by name, or from the hub."""

from __future__ import annotations

from pathlib import Path

from vqspeech.api.model import Model
from vqspeech.checkpoints.hub import HubOptions
from vqspeech.codec.load import load_speech


def load(run: str | Path, *, which: str = "last", device: str = "cpu") -> Model:
    """Load a trained model of speech.

    Parameters
    ----------
    run : in this order, a run or checkpoint directory, the name of an installed model (`vqspeech plugins list`), or a
        repository ``OWNER/NAME[@REVISION]`` of huggingface.co (extra ``hub``)
    which : ``"last"``, ``"best"``, or the name of a checkpoint
    device : ``"cpu"``, ``"cuda"``, ...

    Raises
    ------
    CheckpointError : for a missing or damaged checkpoint, or a model of another modality
    PluginError : names the plugin that the model needs and that is not installed
    InputError : for a repository that does not exist or cannot be reached
    """
    return Model(load_speech(run, which, device))


def from_pretrained(
    name: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
    device: str = "cpu",
) -> Model:
    """Load a published model of speech: all of its weights, or an error.

    Of a repository only config.json, model.safetensors, checksums.json, voices.json and README.md are downloaded. The
    environment variables of huggingface_hub apply, such as ``HF_HOME`` and ``HF_HUB_OFFLINE``.

    Parameters
    ----------
    name : a directory, the name of an installed model, or a repository ``OWNER/NAME[@REVISION]``, as in `load`
    revision : branch, tag or commit of the repository
    cache_dir : folder of downloads
    token : access token of a private or gated repository; the stored one when None
    force_download : download again what is in the cache
    local_files_only : use the cache only
    device : ``"cpu"``, ``"cuda"``, ...

    Raises
    ------
    CheckpointError, PluginError, InputError : as `load`
    """
    options = HubOptions(
        revision=revision,
        cache_dir=cache_dir,
        token=token,
        force_download=force_download,
        local_files_only=local_files_only,
    )
    return Model(load_speech(name, device=device, options=options))
