"""A model of any modality, loaded from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from vqspeech.checkpoints.store import load_weights

Model = TypeVar("Model", bound=nn.Module)
Config = TypeVar("Config")


@dataclass(frozen=True, kw_only=True)
class Loaded(Generic[Model, Config]):
    """A model in evaluation mode with what is needed to use it.

    Parameters
    ----------
    model : the model
    config : its checked configuration
    path : the checkpoint directory
    step : optimiser steps taken
    facts : the JSON values of the checkpoint's config.json
    codebook_sizes : number of codes of each codebook; empty for a model without codes
    """

    model: Model
    config: Config
    path: Path
    step: int
    facts: Mapping[str, Any]
    codebook_sizes: tuple[int, ...]

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return next(self.model.parameters()).device


def load_model(
    path: Path,
    facts: Mapping[str, Any],
    model: Model,
    config: Config,
    *,
    device: torch.device | str = "cpu",
    codebook_sizes: tuple[int, ...] = (),
) -> Loaded[Model, Config]:
    """Load the weights of a checkpoint into a model that was built for it.

    Parameters
    ----------
    path, facts : what `vqspeech.checkpoints.store.describe` returns
    model, config : a fresh model and its configuration
    device : where to put it
    codebook_sizes : number of codes of each codebook

    Raises
    ------
    CheckpointError : when the weights are torn or do not fit the model
    """
    load_weights(path, model)
    return Loaded(
        model=model.to(device).eval(),
        config=config,
        path=path,
        step=int(facts["step"]),
        facts=facts,
        codebook_sizes=codebook_sizes,
    )
