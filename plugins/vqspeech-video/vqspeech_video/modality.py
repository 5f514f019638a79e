"""The modality ``frames``: codes of clips in their order, for a prior that looks at the frames before.

``vqspeech train prior.toml --data-dir RUN --out PRIOR`` encodes the frames of RUN, a model of images that was trained
on a corpus of clips with actions.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.config import RunConfig
from vqspeech.corpora.code_store import UNKNOWN, CodeStore
from vqspeech.errors import CheckpointError, ConfigError, InputError
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.training.codes import CodesModality, CodeTask, LoadedPrior, build_prior, load_prior
from vqspeech.training.rows import Rows, RowTask
from vqspeech_video.nn.batch import MISSING, FrameBatch
from vqspeech_video.nn.prior import FramesPrior

Report = Callable[[int, int], None]


class FramesTask(CodeTask):
    """A prior over frames, and the clips of a store of codes.

    Raises
    ------
    InputError : when the codes are not those of clips with actions
    """

    def __init__(self, config: RunConfig, store: CodeStore) -> None:
        self.level = store.at(config.model["level"])
        space = self.level.space
        self.space = space if config.model["conditioned"] else dataclasses.replace(space, conditions=0)
        model = build_prior(config.model, self.space)
        assert isinstance(model, FramesPrior)
        self.history = model.history
        self.places = places_in_clips(store)
        values = math.prod(self.level.codes.shape[1:])  # type: ignore[union-attr]
        RowTask.__init__(self, config, store, config.model, model, values_per_row=values)

    def make(self, rows: Rows) -> FrameBatch:  # type: ignore[override]
        """Make a batch of frames with those before them."""
        before = rows.indices[:, None] - np.arange(1, self.history + 1)
        known = self.places[rows.indices][:, None] >= np.arange(1, self.history + 1)
        before = np.where(known, before, 0)
        codes, actions = self.level.codes, self.level.conditions
        assert isinstance(codes, np.ndarray)
        history = np.where(known[..., None, None, None], codes[before].astype(np.int64), MISSING)
        return FrameBatch(
            torch.from_numpy(codes[rows.indices].astype(np.int64)),
            torch.from_numpy(history),
            torch.from_numpy(np.where(known, actions[before], MISSING)),
            rows.share,
        )


class FramesModality(CodesModality):
    """Codes of clips; its models are priors over frames. See `vqspeech.modality.Modality`."""

    def check(self, config: RunConfig) -> RunConfig:
        """Check the options of the prior, which is ``frames`` when none is named."""
        model = {"name": "frames", **config.model}
        if model["name"] != "frames":
            raise ConfigError(f"model.name = {model['name']!r}: the modality frames trains the prior 'frames'; omit it")
        checked = super().check(dataclasses.replace(config, model=model))
        with torch.random.fork_rng(devices=[]):
            # Sizes that cannot be built are an error before anything is trained.
            build_prior(checked.model, CodeSpace(codebook_sizes=(2,), grid=(1, 1), conditions=1))
        return checked

    def prepare(self, config: RunConfig, data_dir: Path | None, directory: Path, progress: Report | None) -> CodeStore:
        """Encode the clips of a run; see `vqspeech.training.codes.CodesModality.prepare`.

        Raises
        ------
        InputError : also when they are no clips with actions
        """
        store = super().prepare(config, data_dir, directory, progress)
        places_in_clips(store)
        return store

    def task(self, config: RunConfig, store: CodeStore) -> FramesTask:
        """Build the prior and its batches."""
        return FramesTask(config, store)


def places_in_clips(store: CodeStore) -> npt.NDArray[np.int64]:
    """Return the place (rows,) of each frame in its clip, from 0; the last frame of a clip has no action.

    Raises
    ------
    InputError : when the rows are not those of clips with actions
    """
    last = store.conditions == UNKNOWN
    if not store.condition_names or not len(last) or not last[-1] or 2 * last.sum() > len(last):
        raise InputError(
            f"the codes of {store.source['run']} are not those of clips with actions; train its model on a corpus of "
            "them, such as shapes, vizdoom-actions or clips"
        )
    starts = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    lengths = np.diff(np.append(starts, len(last)))
    return np.arange(len(last)) - np.repeat(starts, lengths)


def load_frames_prior(run: Path | str, device: torch.device | str = "cpu") -> LoadedPrior:
    """Load the prior ``frames`` of a run; arguments and errors as in `vqspeech.training.codes.load_prior`.

    Raises
    ------
    CheckpointError : also when the run is of another prior
    """
    prior = load_prior(run, device=device)
    if not isinstance(prior.model, FramesPrior):
        raise CheckpointError(
            f"{prior.path} is the prior {prior.config['name']!r}; one of frames is needed, trained with modality = "
            "'frames'"
        )
    return prior
