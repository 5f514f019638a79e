"""A model of any modality, loaded from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

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
    conditions : speakers or classes of the data, in the order of a prior over its codes; empty for none
    """

    model: Model
    config: Config
    path: Path
    step: int
    facts: Mapping[str, Any]
    codebook_sizes: tuple[int, ...]
    conditions: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Device of the model; the CPU for a model without parameters."""
        parameter = next(self.model.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device
