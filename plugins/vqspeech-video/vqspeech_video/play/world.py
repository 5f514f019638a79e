"""A trained run as a `Player`: held-out frames to begin with, then frames drawn from codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from vqspeech_image.models import load_images

from vqspeech.corpora.code_store import CodeStore
from vqspeech.errors import InputError
from vqspeech.generation import require_priors
from vqspeech.runs import RunDirectory
from vqspeech_video.modality import load_frames_prior, places_in_clips
from vqspeech_video.play.player import Frame
from vqspeech_video.rollout import Rollout

PRIOR = "prior"
"""Folder of a run that its prior is looked for in."""


class CodedWorld:
    """Frames drawn from the codes of a run; see `vqspeech_video.play.player.Player`.

    Parameters
    ----------
    run : a run of a model of images on clips with actions
    prior : run of a prior ``frames`` over its codes; the folder ``prior`` of `run` when None
    clip : number of the clip that it begins with, of those held out
    seed, temperature : see `Rollout`

    Raises
    ------
    InputError : when there is no such clip
    CheckpointError : when a model is missing, or the prior is of other codes or without actions
    """

    def __init__(
        self, run: Path, prior: Path | None = None, *, clip: int = 0, seed: int = 0, temperature: float = 1.0
    ) -> None:
        self.images = load_images(run)
        self.prior = load_frames_prior(prior or run / PRIOR)
        require_priors(self.images, [self.prior])
        if not self.prior.space.conditions:
            raise InputError(f"{self.prior.path} is a prior without actions; train one with model.conditioned = true")
        self.action_names = self.prior.conditions
        self.seed, self.temperature = seed, temperature
        self._first(RunDirectory(prior or run / PRIOR).store, clip)
        self.start()

    def start(self) -> Frame:
        """Go back to the given frames; returns the last one."""
        self._rollout = Rollout(self.prior, self.codes, self.actions, seed=self.seed, temperature=self.temperature)
        return self._frame(self.codes[:, -1])

    def step(self, action: int) -> Frame:
        """Draw the next frame for an action."""
        return self._frame(self._rollout.step(np.array([action])))

    def given(self) -> Frame:
        """Decode the given frames (frames, height, width, channels)."""
        return np.stack([self._frame(self.codes[:, number]) for number in range(self.codes.shape[1])])

    def _first(self, path: Path, clip: int) -> None:
        """Read the first frames of a held-out clip."""
        store = CodeStore.open(path)
        places = places_in_clips(store)
        rows = np.flatnonzero((places == 0) & (np.asarray(store.splits) != 0))
        if not 0 <= clip < len(rows):
            raise InputError(f"--clip {clip}: {path} holds {len(rows)} held-out clips, numbered from 0")
        row, level = rows[clip], store.at("")
        length = self.prior.model.history + 1  # type: ignore[operator]
        ends = np.flatnonzero(places[row + 1 :] == 0)
        most = int(ends[0]) + 1 if len(ends) else len(places) - row
        here = slice(row, row + min(length, most))
        self.codes = np.asarray(level.codes[here])[None].astype(np.int64)  # type: ignore[index]
        self.actions = np.asarray(level.conditions[here])[None, :-1]

    def _frame(self, codes: np.ndarray) -> Frame:
        with torch.inference_mode():
            pixels = self.images.model.decode(torch.from_numpy(codes).to(self.images.device))
        frame: Frame = pixels[0].cpu().numpy()
        return frame
