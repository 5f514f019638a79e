"""Corpora of any kind of data, read by their registered readers with options checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vqspeech.config import CorpusConfig
from vqspeech.errors import ConfigError, CorpusError
from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import CorpusSpec


def check_corpus(config: CorpusConfig, media: str) -> None:
    """Check that a corpus holds a kind of data, and that its reader takes the options given.

    Parameters
    ----------
    config : the table ``corpus``
    media : ``"audio"``, ``"image"``, or another of `vqspeech.registry.specs.Media`

    Raises
    ------
    UnknownNameError : when the corpus is not registered, or its reader has no such option
    ConfigError : when it holds something else, or for an option of another type
    """
    entry = lookup.find(CorpusSpec, config.name)
    if entry.spec.media != media:
        known = [spec.name for spec in lookup.specs(CorpusSpec) if spec.media == media]
        raise ConfigError(
            f"corpus.name = {config.name!r} holds {entry.spec.media}, not {media}; "
            f"corpora of {media}: {', '.join(known) or 'none'}"
        )
    if media != "audio" and config.trim_db is not None:
        raise ConfigError(f"corpus.trim_db = {config.trim_db} cuts silence; a corpus of {media} has none, omit it")
    contracts.options(entry).checked(config.options, "corpus.options.", "key")


def read_corpus(config: CorpusConfig, data_dir: Path | None, media: str = "audio") -> Any:
    """Read a corpus; see `check_corpus` for the errors of a wrong name or option.

    Parameters
    ----------
    config : the table ``corpus``
    data_dir : folder of the corpus; may be None where it needs none
    media : kind of data that is needed

    Returns
    -------
    what the reader returns: a `vqspeech.corpora.base.Corpus` of audio

    Raises
    ------
    CorpusError : without the folder that it needs, or when the folder does not hold the corpus
    PluginError, FailedPluginError : when a plugin's reader breaks its contract, or raises
    """
    check_corpus(config, media)
    entry = lookup.find(CorpusSpec, config.name)
    if entry.spec.needs_data_dir and data_dir is None:
        raise CorpusError(f"the corpus {config.name!r} needs a data folder; give it with --data-dir DIR")
    return contracts.call(entry, data_dir, options=config.options, prefix="corpus.options.")
