"""Corpora of any kind of data, read by their registered readers with options checked."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from vqspeech.config import CorpusConfig
from vqspeech.errors import ConfigError, unknown_name
from vqspeech.registry import lookup
from vqspeech.registry.specs import CorpusSpec


def check_corpus(config: CorpusConfig, media: str) -> None:
    """Check that a corpus holds a kind of data, and that its reader takes the options given.

    Parameters
    ----------
    config : the table ``corpus``
    media : ``"audio"``, ``"image"``, or what else a `CorpusSpec` names

    Raises
    ------
    UnknownNameError : when nobody registers the corpus, or its reader has no such option
    ConfigError : when it holds something else
    """
    spec = lookup.spec("corpus", config.name)
    assert isinstance(spec, CorpusSpec)
    if spec.media != media:
        known = [one.name for one in lookup.specs("corpus") if isinstance(one, CorpusSpec) and one.media == media]
        raise ConfigError(
            f"corpus.name = {config.name!r} holds {spec.media}, not {media}; "
            f"corpora of {media}: {', '.join(known) or 'none'}"
        )
    if media != "audio" and config.trim_db is not None:
        raise ConfigError(f"corpus.trim_db = {config.trim_db} cuts silence; a corpus of {media} has none, omit it")
    taken = inspect.signature(lookup.get("corpus", config.name)).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values()):
        return
    # the first parameter is the folder
    options = list(taken)[1:]
    for key in config.options:
        if key not in options:
            known = [f"corpus.options.{name}" for name in options]
            raise unknown_name("key", f"corpus.options.{key}", known)


def read_corpus(config: CorpusConfig, data_dir: Path | None, media: str = "audio") -> Any:
    """Read a corpus; see `check_corpus` for the errors of a wrong name or option.

    Parameters
    ----------
    config : the table ``corpus``
    data_dir : folder of the corpus, or None
    media : kind of data that is needed

    Returns
    -------
    what the reader returns: a `vqspeech.corpora.base.Corpus` of audio

    Raises
    ------
    ConfigError : for an option of the wrong type
    CorpusError : when the folder does not hold the corpus
    """
    check_corpus(config, media)
    read = lookup.get("corpus", config.name)
    try:
        return read(data_dir, **config.options)
    except TypeError as error:
        raise ConfigError(f"corpus {config.name!r} with corpus.options = {config.options}: {error}") from error
