"""The modalities of codes: ``image-prior``, a gated PixelCNN over the codes of a run's images, and ``image-two-stage``, a second VQ-VAE over them.

``vqspeech train prior.toml --data-dir RUN --out RUN/prior`` trains on the codes of the model in RUN.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vqspeech import model as checkpoints
from vqspeech.config import CorpusConfig, RunConfig, plain
from vqspeech.errors import ConfigError
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.share import Share
from vqspeech_image.building import build_prior, build_two_stage
from vqspeech_image.code_store import CodeStore, encode_run
from vqspeech_image.config import prior_model, refuse_crops, two_stage_model
from vqspeech_image.training.task import StoreTask

CORPUS = CorpusConfig(name="image-codes")


class CodeTask(StoreTask):
    """A model of codes and the codes of a store.

    Parameters
    ----------
    config : of the run
    store : codes of one level
    model_config, model : the model and its configuration
    """

    def __init__(self, config: RunConfig, store: CodeStore, model_config: Any, model: Any) -> None:
        self.store = store
        super().__init__(config, store, model_config, model, store.codes.shape[1:])

    def rows(self, chosen: npt.NDArray[np.int64], share: Share | None) -> CodeBatch:
        """Grids of codes."""
        codes = torch.from_numpy(self.store.codes[chosen].astype(np.int64))
        top = None if self.store.top is None else torch.from_numpy(self.store.top[chosen].astype(np.int64))
        labels = torch.from_numpy(self.store.labels[chosen])
        return CodeBatch(codes, condition=labels, above=top, share=share)

    def facts(self) -> dict[str, Any]:
        """Grid and codebooks, and the model whose codes these are."""
        return {"codes": {**self.store.facts.plain(), "level": self.store.level, "of": self.store.of}}


class _CodeModality:
    """What modalities of codes share: their data."""

    def prepare(
        self, config: RunConfig, data_dir: Path | None, directory: Path, progress: Callable[[int, int], None] | None
    ) -> CodeStore:
        """Encode the images of the run `data_dir` by its model."""
        return encode_run(data_dir, directory, progress)

    def open(self, directory: Path) -> CodeStore:
        """A `CodeStore`."""
        return CodeStore.open(directory)


class PriorModality(_CodeModality):
    """A prior over the codes of images; see `vqspeech.training.task.Modality`."""

    def check(self, config: RunConfig) -> RunConfig:
        """The configuration with its model checked."""
        return _checked(config, prior_model(config.model))

    def task(self, config: RunConfig, store: CodeStore) -> CodeTask:
        """A prior and the codes of the store."""
        model_config, unlabelled = prior_model(config.model), int((store.labels < 0).sum())
        if model_config.by_class and unlabelled:
            raise ConfigError(
                f"model.by_class = true needs the class of every image, and {unlabelled} of {len(store.labels)} have none"
            )
        codes = store.at(model_config.level)
        return CodeTask(config, codes, model_config, build_prior(model_config, codes.facts))


class TwoStageModality(_CodeModality):
    """A second VQ-VAE over the codes of images; see `vqspeech.training.task.Modality`."""

    def check(self, config: RunConfig) -> RunConfig:
        """The configuration with its model checked, against the registered quantizers too."""
        model = two_stage_model(config.model)
        with torch.random.fork_rng(devices=[]):
            checkpoints.build_quantizer(model.quantizer, model.dim)
        return _checked(config, model)

    def task(self, config: RunConfig, store: CodeStore) -> CodeTask:
        """A second stage and the codes of the store."""
        model_config = two_stage_model(config.model)
        codes = store.at(model_config.level)
        return CodeTask(config, codes, model_config, build_two_stage(model_config, codes.facts))


def _checked(config: RunConfig, model: Any) -> RunConfig:
    refuse_crops(config)
    if config.corpus not in (CORPUS, CorpusConfig()):
        raise ConfigError(
            f"corpus.name = {config.corpus.name!r}: codes come from a run, which --data-dir names; leave [corpus] away"
        )
    return dataclasses.replace(config, corpus=CORPUS, model=plain(model))
