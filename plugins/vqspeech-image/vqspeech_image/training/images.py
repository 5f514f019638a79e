"""The modality ``image``: corpora of images, models of them, and batches of whole images."""

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
from vqspeech.registry import lookup
from vqspeech.registry.specs import CorpusSpec
from vqspeech_image import store as stores
from vqspeech_image.building import build, check_shape
from vqspeech_image.config import image_model, refuse_crops
from vqspeech_image.corpora.base import ImageCorpus
from vqspeech_image.nn.batch import ImageBatch, Part
from vqspeech_image.store import ImageStore
from vqspeech_image.training.task import StoreTask


class ImageTask(StoreTask):
    """A model and images of a store."""

    def __init__(self, config: RunConfig, store: ImageStore) -> None:
        self.store = store
        model_config = image_model(config.model)
        super().__init__(config, store, model_config, build(model_config, store.shape), store.shape)

    def rows(self, chosen: npt.NDArray[np.int64], part: Part | None) -> ImageBatch:
        """Images."""
        pixels = torch.from_numpy(self.store.pixels[chosen])
        return ImageBatch(pixels, torch.from_numpy(self.store.labels[chosen]), part)

    def facts(self) -> dict[str, Any]:
        """Shape and classes of the images."""
        return {"images": {"shape": list(self.store.shape), "class_names": list(self.store.corpus.class_names)}}


class ImageModality:
    """Images; see `vqspeech.training.task.Modality`."""

    def check(self, config: RunConfig) -> RunConfig:
        """The configuration with its model checked, against the registered quantizers too."""
        refuse_crops(config)
        model = image_model(config.model)
        with torch.random.fork_rng(devices=[]):
            for quantizer in model.quantizers:
                checkpoints.build_quantizer(quantizer, model.dim)
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
