"""The modality ``image``: corpora of images, models of them, and batches of whole images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vqspeech import model as checkpoints
from vqspeech.config import CorpusConfig, RunConfig, plain
from vqspeech.errors import ConfigError
from vqspeech.registry import lookup
from vqspeech.registry.specs import CorpusSpec
from vqspeech_image import store as stores
from vqspeech_image.config import image_model, refuse_crops
from vqspeech_image.corpora.base import ImageCorpus
from vqspeech_image.models import build, check_shape
from vqspeech_image.nn.batch import ImageBatch, Part
from vqspeech_image.store import ImageStore
from vqspeech_image.training.batches import RowBatches


class ImageTask:
    """A model and images of a store; see `vqspeech.training.task.Task`."""

    def __init__(self, config: RunConfig, store: ImageStore) -> None:
        self.config = config
        self.store = store
        self.model_config = image_model(config.model)
        self.model = build(self.model_config, store.shape)
        self.codebook_sizes = self.model.codebook_sizes
        held_out = store.indices("valid")
        rows = {"seed": config.seed, "batch_size": config.train.batch_size}
        self._train = RowBatches(store.indices("train"), **rows)
        self._valid = RowBatches(held_out if len(held_out) else store.indices("train"), **rows)
        self.steps_per_epoch = self._train.steps_per_epoch
        self.samples_per_step = config.train.batch_size * int(np.prod(store.shape))
        self.fingerprint = store.fingerprint

    def batch(self, step: int, rank: int, ranks: int) -> ImageBatch:
        """Images of the training split."""
        return self._images(self._train.training(step), rank, ranks)

    def validation_batch(self, number: int, rank: int, ranks: int) -> ImageBatch:
        """Images of the validation split, or of the training split where that is empty; at least two, to swap codes between."""
        return self._images(self._valid.fixed(number, max(2, self.config.train.batch_size)), rank, ranks)

    def start_batch(self) -> ImageBatch:
        """``train.start_crops`` images of the training split."""
        return self._images(self._train.start(self.config.train.start_crops), 0, 1)

    def save(self, directory: Path, weights: Mapping[str, Tensor], step: int, state: Mapping[str, Any]) -> None:
        """A checkpoint directory; see `vqspeech.model.save`."""
        corpus = self.store.corpus
        checkpoints.save(
            directory,
            weights,
            config=self.model_config,
            step=step,
            state=state,
            facts={
                "run": plain(self.config),
                "corpus": {"name": corpus.name, "variant": corpus.variant},
                "images": {"shape": list(self.store.shape), "class_names": list(corpus.class_names)},
                "data": self.fingerprint,
            },
        )

    def _images(self, rows: npt.NDArray[np.int64], rank: int, ranks: int) -> ImageBatch:
        mine = rows[rank::ranks]
        part = None if ranks == 1 else Part(rank, ranks, len(rows))
        pixels = torch.from_numpy(self.store.pixels[mine])
        return ImageBatch(pixels, torch.from_numpy(self.store.labels[mine]), part)


class ImageModality:
    """Images; see `vqspeech.training.task.Modality`."""

    def check(self, config: RunConfig) -> RunConfig:
        """The configuration with its model checked, against the registered quantizers too."""
        refuse_crops(config)
        model = image_model(config.model)
        if model.kind == "vqvae":
            with torch.random.fork_rng(devices=[]):
                checkpoints.build_quantizer(model.quantizer, model.dim)
        spec = lookup.spec("corpus", config.corpus.name)
        if not isinstance(spec, CorpusSpec) or spec.media != "image":
            known = ", ".join(one.name for one in lookup.specs("corpus") if getattr(one, "media", "") == "image")
            raise ConfigError(f"the corpus {config.corpus.name!r} holds no images; of images are: {known}")
        if config.corpus.trim_db is not None:
            raise ConfigError("corpus.trim_db is about silence; images have none, so leave it away")
        return dataclasses.replace(config, model=plain(model))

    def prepare(
        self, config: RunConfig, data_dir: Path | None, directory: Path, progress: Callable[[int, int], None] | None
    ) -> ImageStore:
        """Read the corpus and decode it into an `ImageStore`; images that the model cannot take are refused before."""
        corpus = read_corpus(config.corpus, data_dir)
        check_shape(image_model(config.model), corpus.shape)
        return stores.prepare(corpus, directory, progress)

    def open(self, directory: Path) -> ImageStore:
        """An `ImageStore`."""
        return ImageStore.open(directory)

    def task(self, config: RunConfig, store: ImageStore) -> ImageTask:
        """Model and images of the store."""
        return ImageTask(config, store)


def read_corpus(config: CorpusConfig, data_dir: Path | None) -> ImageCorpus:
    """What the reader of a corpus gives.

    Raises
    ------
    ConfigError : for options that it does not take
    CorpusError : when the folder does not hold the corpus
    """
    read = lookup.get("corpus", config.name)
    try:
        corpus: ImageCorpus = read(data_dir, **config.options)
    except TypeError as error:
        raise ConfigError(f"corpus {config.name!r} with options {config.options}: {error}") from error
    return corpus
