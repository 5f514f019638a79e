"""The train state of a checkpoint, checked before any of it is put into a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vqspeech.untrusted import whole


def require_state(state: Any, model: nn.Module, steps: int, codebook_sizes: Sequence[int]) -> None:
    """Check a train state; nothing is changed by it.

    Parameters
    ----------
    state : what `vqspeech.training.trainer.Trainer.state_dict` collected, as read
    model : the model that continues from it
    steps : steps of the whole training
    codebook_sizes : number of codes of each codebook

    Raises
    ------
    ValueError : for missing parts, other shapes, numbers that are not finite, or a step that training never reaches
    """
    if not isinstance(state, dict):
        raise ValueError(f"the train state is a {type(state).__name__}, not a dict")
    needed = ("step", "model", "average", "optimizers", "usage", "best", "best_name")
    if missing := [name for name in needed if name not in state]:
        raise ValueError(f"the train state has no {' and no '.join(missing)}")
    whole(state["step"], "its step", 0, steps)
    own = model.state_dict()
    found = _tensors(state["model"], "model")
    if own.keys() != found.keys():
        raise ValueError(f"its weights are others: {', '.join(sorted(own.keys() ^ found.keys())[:3])}")
    for name, tensor in own.items():
        if found[name].shape != tensor.shape:
            raise ValueError(f"its {name} has shape {tuple(found[name].shape)} instead of {tuple(tensor.shape)}")
    _tensors(state["average"], "average")
    if not isinstance(state["optimizers"], list):
        raise ValueError("its optimizers are no list")
    usage = state["usage"]
    if not isinstance(usage, dict) or [tuple(one.shape) for one in usage["counts"]] != [(n,) for n in codebook_sizes]:
        raise ValueError("its counts of codes are of other codebooks")
    whole(usage["steps"], "its number of steps in usage")
    means = state.get("means", {"steps": 0, "sums": {}})
    if not isinstance(means, dict):
        raise ValueError("its means are no dict")
    whole(means.get("steps"), "its number of steps in means")
    _tensors(means.get("sums"), "means")


def _tensors(value: Any, name: str) -> dict[str, Tensor]:
    """Return a dict of tensors; raise ValueError for another value, and for numbers that are not finite."""
    if not isinstance(value, dict) or not all(isinstance(one, Tensor) for one in value.values()):
        raise ValueError(f"its {name} holds other things than tensors")
    if broken := [key for key, one in value.items() if one.is_floating_point() and not torch.isfinite(one).all()]:
        raise ValueError(f"its {name} has numbers that are not finite: {', '.join(map(str, broken[:3]))}")
    return value
