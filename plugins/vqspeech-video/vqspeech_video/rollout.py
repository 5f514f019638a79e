"""Clips generated frame by frame in the space of codes, and the cost of real ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.errors import InputError
from vqspeech.training.codes import LoadedPrior
from vqspeech_video.nn.batch import history_of
from vqspeech_video.nn.prior import FramesPrior

Codes = npt.NDArray[np.int64]
AT_ONCE = 64
"""Clips that are computed together."""


class Rollout:
    """Clips that go on from given frames, a frame for each call of `step`, for as long as one likes.

    Parameters
    ----------
    prior : a prior of frames
    codes : (clips, frames, codebooks, rows, columns), the given frames, at least one
    actions : (clips, frames - 1) the actions between them
    seed, temperature : see `FramesPrior.sample_next`

    Raises
    ------
    InputError : for no frames, other numbers of actions, or codes that the prior does not have
    """

    def __init__(
        self, prior: LoadedPrior, codes: Codes, actions: Codes, *, seed: int = 0, temperature: float = 1.0
    ) -> None:
        self.model = _model(prior)
        _check(prior, codes, actions)
        self.seed, self.temperature, self.frame = seed, temperature, codes.shape[1]
        self.codes, self.actions = torch.from_numpy(codes.astype(np.int64)), torch.from_numpy(actions.astype(np.int64))

    @torch.inference_mode()
    def step(self, actions: Codes) -> Codes:
        """Draw the next frame of every clip.

        Parameters
        ----------
        actions : (clips,) actions after the last frame; a prior without actions ignores them

        Returns
        -------
        (clips, codebooks, rows, columns) int64

        Raises
        ------
        InputError : for another number of actions than of clips, or actions that the prior does not know
        """
        if actions.shape != (len(self.codes),):
            raise InputError(f"actions of shape {actions.shape} for {len(self.codes)} clips; one for each is needed")
        _check_actions(actions, self.model.actions)
        # More frames than the prior looks at are forgotten, so that a step costs the same however many there were.
        kept = self.model.history
        self.codes = self.codes[:, -kept:]
        self.actions = torch.cat([self.actions, torch.from_numpy(actions.astype(np.int64))[:, None]], 1)
        self.actions = self.actions[:, -self.codes.shape[1] :]
        history = history_of(self.codes, self.actions, self.codes.shape[1], kept)
        drawn = self.model.sample_next(*history, seed=self.seed, frame=self.frame, temperature=self.temperature)
        self.codes = torch.cat([self.codes, drawn[:, None]], 1)
        self.frame += 1
        return drawn.numpy()


def generate(
    prior: LoadedPrior,
    codes: Codes,
    actions: Codes,
    following: Codes,
    *,
    seed: int = 0,
    temperature: float = 1.0,
) -> Codes:
    """Continue clips for given actions, wholly in the space of codes.

    Parameters
    ----------
    prior, codes, actions, seed, temperature : see `Rollout`
    following : (clips, steps) the actions after the last given frame, at least one

    Returns
    -------
    (clips, steps, codebooks, rows, columns) int64

    Raises
    ------
    InputError : as `Rollout` and its steps; for no steps
    """
    if following.ndim != 2 or not following.shape[1]:
        raise InputError(f"following of shape {following.shape}; (clips, steps), at least one step, is needed")
    rollout = Rollout(prior, codes, actions, seed=seed, temperature=temperature)
    return np.stack([rollout.step(now) for now in following.T], 1)


class Costs(NamedTuple):
    """Cost of real frames given those before, (clips, frames): nats per code, and share of likeliest codes."""

    nats: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]


@torch.inference_mode()
def teacher_forced(prior: LoadedPrior, codes: Codes, actions: Codes, first: int = 1, *, alone: bool = False) -> Costs:
    """Compute the cost of real frames, each given the real ones before it.

    Parameters
    ----------
    prior : a prior of frames
    codes : (clips, frames, codebooks, rows, columns)
    actions : (clips, frames - 1)
    first : the first frame to measure
    alone : whether each frame is given nothing, as by a prior over single images

    Returns
    -------
    costs of the frames from `first` on

    Raises
    ------
    InputError : for other numbers of actions, codes that the prior does not have, or no frame to measure
    """
    model = _model(prior)
    _check(prior, codes, actions)
    if not 0 <= first < codes.shape[1]:
        raise InputError(f"first = {first} for clips of {codes.shape[1]} frames; a place of one of them is needed")
    nats, accuracy = [], []
    for frame in range(first, codes.shape[1]):
        found = [
            _costs(model, torch.from_numpy(codes[start : start + AT_ONCE].astype(np.int64)),
                   torch.from_numpy(actions[start : start + AT_ONCE].astype(np.int64)), 0 if alone else frame, frame)
            for start in range(0, len(codes), AT_ONCE)
        ]  # fmt: skip
        nats.append(np.concatenate([one for one, _ in found]))
        accuracy.append(np.concatenate([one for _, one in found]))
    return Costs(np.stack(nats, 1), np.stack(accuracy, 1))


def _costs(
    model: FramesPrior, codes: Tensor, actions: Tensor, before: int, frame: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compute the costs (clips,) of one frame, given those before the frame `before`."""
    history, taken = history_of(codes, actions, before, model.history)
    real = codes[:, frame]
    nats, right = [], []
    for book, logits in enumerate(model(real, taken, history)):
        own = real[:, book]
        nats.append(F.cross_entropy(logits.float().permute(0, 3, 1, 2), own, reduction="none").double())
        right.append((logits.argmax(-1) == own).double())
    return torch.stack(nats, 1).mean((1, 2, 3)).numpy(), torch.stack(right, 1).mean((1, 2, 3)).numpy()


def _model(prior: LoadedPrior) -> FramesPrior:
    assert isinstance(prior.model, FramesPrior)
    return prior.model


def _check(prior: LoadedPrior, codes: Codes, actions: Codes) -> None:
    space = prior.space
    if not np.issubdtype(codes.dtype, np.integer):
        raise InputError(f"codes are {codes.dtype}; whole numbers are needed")
    expected = (len(space.codebook_sizes), *(space.grid or ()))
    if codes.ndim != 5 or codes.shape[1] < 1 or codes.shape[2:] != expected:
        raise InputError(
            f"codes of shape {codes.shape}; {prior.path} needs (clips, frames, {', '.join(map(str, expected))})"
        )
    for book, size in enumerate(space.codebook_sizes):
        if codes[:, :, book].size and not 0 <= codes[:, :, book].min() <= codes[:, :, book].max() < size:
            raise InputError(f"codes of codebook {book} are outside 0 to {size - 1}")
    if actions.shape != (len(codes), codes.shape[1] - 1):
        raise InputError(
            f"actions of shape {actions.shape} for {len(codes)} clips of {codes.shape[1]} frames; one between "
            "two frames"
        )
    _check_actions(actions, prior.space.conditions)


def _check_actions(actions: Codes, count: int) -> None:
    if not np.issubdtype(actions.dtype, np.integer):
        raise InputError(f"actions are {actions.dtype}; whole numbers are needed")
    if count and actions.size and not 0 <= actions.min() <= actions.max() < count:
        raise InputError(f"actions from {actions.min()} to {actions.max()}; the prior knows 0 to {count - 1}")
