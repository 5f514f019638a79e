"""The modality ``image``: corpora of images, models of them, and batches of whole images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vqspeech import model as checkpoints
from vqspeech.config import RunConfig, plain
from vqspeech.corpora.reading import check_corpus, read_corpus
from vqspeech.training.rows import Rows, RowTask
from vqspeech_image import store as stores
from vqspeech_image.building import build, check_shape
from vqspeech_image.config import image_model, refuse_crops
from vqspeech_image.nn.batch import ImageBatch
from vqspeech_image.store import ImageStore


class ImageTask(RowTask):
    """A model and images of a store."""

    store: ImageStore

    def __init__(self, config: RunConfig, store: ImageStore) -> None:
        model_config = image_model(config.model)
        height, width, channels = store.shape
        model = build(model_config, store.shape)
        super().__init__(config, store, model_config, model, values_per_row=height * width * channels)

    def make(self, rows: Rows) -> ImageBatch:
        """Make a batch of images."""
        pixels = torch.from_numpy(self.store.pixels[rows.indices])
        return ImageBatch(pixels, torch.from_numpy(self.store.labels[rows.indices]), rows.share)

    def facts(self) -> dict[str, Any]:
        """Shape and classes of the images."""
        return {"images": {"shape": list(self.store.shape), "class_names": list(self.store.class_names)}}


class ImageModality:
    """Images; see `vqspeech.training.task.Modality`."""

    def check(self, config: RunConfig) -> RunConfig:
        """The configuration with its model checked, against the registered quantizers too."""
        refuse_crops(config)
        model = image_model(config.model)
        with torch.random.fork_rng(devices=[]):
            for quantizer in model.quantizers:
                checkpoints.build_quantizer(quantizer, model.dim)
        check_corpus(config.corpus, "image")
        return dataclasses.replace(config, model=plain(model))

    def prepare(
        self, config: RunConfig, data_dir: Path | None, directory: Path, progress: Callable[[int, int], None] | None
    ) -> ImageStore:
        """Read the corpus and decode it into an `ImageStore`; images that the model cannot take are refused before."""
        corpus = read_corpus(config.corpus, data_dir, "image")
        check_shape(image_model(config.model), corpus.shape)
        return stores.prepare(corpus, directory, progress)

    def open(self, directory: Path) -> ImageStore:
        """An `ImageStore`."""
        return ImageStore.open(directory)

    def task(self, config: RunConfig, store: ImageStore) -> ImageTask:
        """Model and images of the store."""
        return ImageTask(config, store)
