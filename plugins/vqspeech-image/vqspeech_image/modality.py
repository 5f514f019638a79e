"""The modality ``image``: corpora of images, models of them, and what comes after training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import BatchNorm2d

from vqspeech import parts
from vqspeech.codes import CodeTable
from vqspeech.config import RunConfig, plain
from vqspeech.corpora.base import SPLITS
from vqspeech.corpora.reading import check_corpus, read_corpus
from vqspeech.encoding.tables import unique_names
from vqspeech.errors import ConfigError, InputError
from vqspeech.training.rows import Rows, RowTask
from vqspeech_image import models
from vqspeech_image import store as stores
from vqspeech_image.building import build, check_shape
from vqspeech_image.config import image_model, refuse_crops
from vqspeech_image.corpora.folder import image_files
from vqspeech_image.corpora.pixels import MODES, UnusableImage, load_pixels
from vqspeech_image.grids import save_grid, save_image
from vqspeech_image.models import AT_ONCE, LoadedImages
from vqspeech_image.nn.batch import ImageBatch
from vqspeech_image.store import ImageStore

Report = Callable[[int, int], None]
PREVIEWED = 64


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

    def batch(self, step: int, rank: int, ranks: int) -> ImageBatch:
        """Make a share of a training batch; in the last steps BatchNorm keeps its averages, see `frozen_share`."""
        if step >= (1 - self.model_config.frozen_share) * self.config.train.steps:
            for module in self.model.modules():
                if isinstance(module, BatchNorm2d):
                    module.eval()
        batch: ImageBatch = super().batch(step, rank, ranks)
        return batch

    def facts(self) -> dict[str, Any]:
        """Shape and classes of the images."""
        return {"images": {"shape": list(self.store.shape), "class_names": list(self.store.class_names)}}


class ImageModality:
    """Images; see `vqspeech.modality.Modality`."""

    def check(self, config: RunConfig) -> RunConfig:
        """Check the model, its quantizers and the corpus."""
        refuse_crops(config)
        model = image_model(config.model)
        with torch.random.fork_rng(devices=[]):
            for quantizer in model.quantizers:
                parts.build("quantizer", quantizer, model.dim)
        check_corpus(config.corpus, "image")
        return dataclasses.replace(config, model=plain(model))

    def prepare(self, config: RunConfig, data_dir: Path | None, directory: Path, progress: Report | None) -> ImageStore:
        """Read the corpus and decode it, unless the model cannot take images of its size."""
        corpus = read_corpus(config.corpus, data_dir, "image")
        check_shape(image_model(config.model), corpus.shape)
        return stores.prepare(corpus, directory, progress)

    def open(self, directory: Path) -> ImageStore:
        """Open an `ImageStore`."""
        return ImageStore.open(directory)

    def task(self, config: RunConfig, store: ImageStore) -> ImageTask:
        """Build the model and its batches."""
        return ImageTask(config, store)

    def load(self, path: Path, facts: Mapping[str, Any], device: torch.device | str = "cpu") -> LoadedImages:
        """Load a model; see `vqspeech_image.models.load`."""
        return models.load(path, facts, device)

    def encode(self, loaded: LoadedImages, inputs: Sequence[Path], *, progress: Report | None = None) -> CodeTable:
        """Encode image files and folders, cropped to the model's size as in ``image-folder``.

        Raises
        ------
        InputError : when there are no images, or one cannot be used
        """
        files, rows = image_files(inputs), []
        height, width, channels = loaded.shape
        for number, (path, name) in enumerate(zip(files, unique_names(files), strict=True)):
            try:
                pixels = load_pixels(path, size=height if height == width else None, mode=MODES[channels])
            except UnusableImage as error:
                raise InputError(f"{path}: {error}") from error
            if pixels.shape != loaded.shape:
                image_size = f"{pixels.shape[1]} x {pixels.shape[0]}"
                raise InputError(f"{path} has {image_size} pixels, images of the model {width} x {height}")
            rows.append(models.row_of(name, models.encode(loaded, pixels[None])[0], path=str(path)))
            if progress is not None:
                progress(number + 1, len(files))
        return models.table_of(loaded, rows)

    def encode_store(self, loaded: LoadedImages, store: ImageStore, *, progress: Report | None = None) -> CodeTable:
        """Encode every image of a store."""
        rows, names, digits = [], store.class_names, len(str(len(store)))
        for begin in range(0, len(store), AT_ONCE):
            codes = models.encode(loaded, store.pixels[begin : begin + AT_ONCE])
            for row, one in enumerate(codes, begin):
                label, split = models.label_of(names, int(store.labels[row])), SPLITS[int(store.splits[row])]
                rows.append(models.row_of(f"image-{row:0{digits}}", one, label=label, split=split))
            if progress is not None:
                progress(min(begin + AT_ONCE, len(store)), len(store))
        return models.table_of(loaded, rows)

    def decode(self, loaded: LoadedImages, table: CodeTable, out: Path, options: Mapping[str, Any]) -> list[Path]:
        """Write a PNG file of the expected pixels for each row."""
        paths, blocks = table.files(out, ".png"), models.decode(loaded, table)
        images = (image for block in blocks for image in block)
        return [save_image(image, path) for path, image in zip(paths, images, strict=True)]

    def preview(self, loaded: LoadedImages, table: CodeTable, path: Path) -> Path:
        """Draw the first images of a table as one picture."""
        first = dataclasses.replace(table, rows=tuple(table.rows[:PREVIEWED]))
        pixels = np.concatenate(list(models.decode(loaded, first)))
        return save_grid(pixels, max(1, round(len(pixels) ** 0.5)), path.with_suffix(".png"))


class _Former:
    """A modality of earlier releases, replaced by a prior; every use is an error that says so."""

    name, prior, keys = "", "", ""

    def check(self, *given: Any, **options: Any) -> Any:
        """Say what to write now."""
        raise ConfigError(
            f'modality = "{self.name}" is now modality = "codes" with [model] name = "{self.prior}"{self.keys}; the '
            "other keys are the same. Models that were trained under the former name must be trained again"
        )

    prepare = open = task = load = encode = encode_store = decode = preview = check


class ImagePrior(_Former):
    """The former modality ``image-prior``."""

    name, prior, keys = "image-prior", "pixelcnn", ", where by_class is called conditioned"


class ImageTwoStage(_Former):
    """The former modality ``image-two-stage``."""

    name, prior, keys = "image-two-stage", "two-stage", " and conditioned = false"
