"""The decoders of a run: the model's own, and further ones on its frozen codes, from the tables ``[decoders.NAME]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqspeech import parts
from vqspeech.config import RunConfig, Strict, merge, parse, plain
from vqspeech.errors import ConfigError
from vqspeech.runs import RunDirectory
from vqspeech.training import run as runs

DECODERS = "decoders"
"""The name that ``--stages`` uses for the training of further decoders."""


@dataclass(frozen=True, kw_only=True)
class DecoderConfig(Strict):
    """A further decoder.

    Parameters
    ----------
    decoder : name and options, as in ``[model.decoder]``; the name is that of the table by default
    jitter : see ``model.jitter``
    train : keys that differ from ``[train]``
    """

    decoder: dict[str, Any] = field(default_factory=dict)
    jitter: float = 0.0
    train: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DecoderRun:
    """A decoder and its training.

    Parameters
    ----------
    name : name in files, tables and on the page
    run : configuration of its training, without ``model.codes_from``
    is_main : whether encoder and codebook are trained with it
    """

    name: str
    run: RunConfig
    is_main: bool

    @property
    def stage(self) -> str:
        """Name of the stage that trains it."""
        return "train" if self.is_main else f"{DECODERS}/{self.name}"

    def directory(self, out: RunDirectory) -> RunDirectory:
        """Return its run directory: the recipe's, or a folder below ``decoders``."""
        return out if self.is_main else RunDirectory(out.decoders / self.name)

    def configuration(self, out: RunDirectory) -> RunConfig:
        """Return the configuration of its training; a further decoder needs the trained model in `out`."""
        if self.is_main:
            return self.run
        return runs.checked(merge(plain(self.run), {"model": {"codes_from": str(out.path)}}))


def curves(out: RunDirectory, decoder: str) -> Path:
    """Return the picture of the training curves of a decoder."""
    return out.pictures / f"training-{decoder}.png"


def check_decoders(run: RunConfig, tables: Any) -> tuple[DecoderRun, ...]:
    """Return the decoders of a run, its own first.

    Parameters
    ----------
    run : checked configuration of the model with its own decoder
    tables : the tables ``[decoders.NAME]``: name -> values of a `DecoderConfig`

    Raises
    ------
    ConfigError, UnknownNameError : for unusable keys and values, and for a name that cannot be a folder's or is taken
    """
    own = str(run.model["decoder"]["name"]).replace("/", "-")
    found = [DecoderRun(name=own, run=run, is_main=True)]
    if not isinstance(tables, Mapping):
        raise ConfigError(f"decoders = {tables!r}; a table for each further decoder, [decoders.NAME]")
    for name, values in tables.items():
        if not isinstance(values, Mapping):
            raise ConfigError(f"decoders.{name} = {values!r}; a table with the keys decoder, jitter and train")
        if name == own or not name.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(
                f"decoders.{name}: letters, digits, - and _, and not {own!r}, the decoder of the model; "
                "rename the table and give the decoder's name as decoder.name"
            )
        found.append(DecoderRun(name=name, run=_further(run, name, values), is_main=False))
    return tuple(found)


def _further(run: RunConfig, name: str, values: Mapping[str, Any]) -> RunConfig:
    """Return the configuration of a further decoder: seed, corpus, codes and ``[train]`` of the run."""
    config = parse(DecoderConfig, values, f"decoders.{name}.")
    decoder = parts.complete("decoder", {"name": name, **config.decoder}, f"decoders.{name}.decoder")
    model = {
        "sample_rate": run.model["sample_rate"],
        "encoder": run.model["encoder"],
        "quantizer": run.model["quantizer"],
        "decoder": decoder,
        "jitter": config.jitter,
    }
    base = plain(run)
    return runs.checked({**base, "model": model, "train": merge(base["train"], config.train)})
