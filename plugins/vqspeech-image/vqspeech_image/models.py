"""Models of images from their checkpoints, and what they make of images: codes, and pixels again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.checkpoints.loaded import Loaded
from vqspeech.checkpoints.store import describe, load_weights
from vqspeech.codes import CodeLevel, CodeTable, UtteranceCodes, join_levels
from vqspeech.errors import CheckpointError, ConfigError, InputError
from vqspeech.nn.quantize.fingerprint import codebook_hash
from vqspeech_image.building import Shape, build
from vqspeech_image.config import ImageModelConfig, image_model
from vqspeech_image.nn.levels import Level, codes_of

AT_ONCE = 64
"""Images that are encoded or decoded together."""


@dataclass(frozen=True, kw_only=True)
class LoadedImages(Loaded[Any, ImageModelConfig]):
    """An image model in evaluation mode; its `conditions` are the classes of the images.

    Parameters
    ----------
    shape : (height, width, channels) of the images
    """

    shape: Shape

    @property
    def levels(self) -> tuple[Level, ...]:
        """Grids of codes, the coarsest first.

        Raises
        ------
        InputError : for a model without codes
        """
        if not self.codebook_sizes:
            raise InputError(f"{self.path} is a {self.config.kind}, which has no codes; a vqvae, vqvae2 or vimco has")
        levels: tuple[Level, ...] = self.model.levels
        return levels


def load(path: Path, facts: Mapping[str, Any], device: torch.device | str = "cpu") -> LoadedImages:
    """Load an image model from a checkpoint directory and the JSON values of its config.json.

    Raises
    ------
    CheckpointError : when it is damaged, or not of an image model
    """
    try:
        config, about, step = image_model(facts["model"]), facts["images"], int(facts["step"])
        height, width, channels = about["shape"]
        class_names = tuple(about["class_names"])
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{path}/config.json is not that of an image model: {error}") from error
    model = build(config, (height, width, channels))
    load_weights(path, model)
    return LoadedImages(
        model=model.to(device).eval(),
        config=config,
        path=path,
        step=step,
        facts=facts,
        codebook_sizes=tuple(model.codebook_sizes),
        conditions=class_names,
        shape=(height, width, channels),
    )


def load_images(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> LoadedImages:
    """Load the image model of a run; arguments and errors as in `vqspeech.codec.load`."""
    return load(*describe(Path(run), which), device)


@torch.no_grad()
def encode(images: LoadedImages, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Encode pixels (images, height, width, channels) uint8.

    Returns
    -------
    codes (images, codebooks, rows, columns) of all levels, on the finest grid

    Raises
    ------
    InputError : for a model without codes
    """
    assert images.levels
    levels = codes_of(images.model, torch.from_numpy(np.array(pixels)).to(images.device))
    return join_levels([codes.cpu().numpy().astype(np.int32) for codes in levels])


@torch.no_grad()
def decode(images: LoadedImages, table: CodeTable) -> Iterator[npt.NDArray[np.uint8]]:
    """Decode a table to blocks of pixels (images, height, width, channels).

    Raises
    ------
    InputError : when the table is of other codebooks, or on another grid
    """
    if table.codebook != codebook_hash(images.model):
        raise InputError(f"the table holds codes of another model; those of {images.path} have another codebook")
    found, own = ([(one.codebook_sizes, one.grid) for one in levels] for levels in (table.all_levels, images.levels))
    if table.grid == images.levels[-1].grid and found != own:
        raise InputError(f"the table holds codes of the levels {found}; {images.path} has {own}")
    if table.grid != images.levels[-1].grid:
        raise InputError(f"the table holds codes on a grid of {table.grid}; {images.path} has {images.levels[-1].grid}")
    for begin in range(0, len(table), AT_ONCE):
        codes = np.stack([row.codes for row in table.rows[begin : begin + AT_ONCE]]).astype(np.int64)
        levels = [torch.from_numpy(np.ascontiguousarray(one)).to(images.device) for one in table.split_levels(codes)]
        yield images.model.decode(*levels).cpu().numpy()


def table_of(images: LoadedImages, rows: Iterable[UtteranceCodes]) -> CodeTable:
    """Make a table of codes of a model."""
    levels = tuple(
        CodeLevel(name=level.name, codebook_sizes=level.codebook_sizes, grid=level.grid) for level in images.levels
    )
    return CodeTable(
        sample_rate=0,
        hop_samples=0,
        codebook_sizes=images.codebook_sizes,
        rows=tuple(rows),
        modality="image",
        codebook=codebook_hash(images.model),
        grid=levels[-1].grid,
        levels=levels if len(levels) > 1 else (),
    )


def row_of(
    name: str, codes: npt.NDArray[np.int32], *, label: str = "", split: str = "", path: str = ""
) -> UtteranceCodes:
    """Make a row of a table of codes."""
    return UtteranceCodes(id=name, speaker=label, split=split, path=path, n_samples=0, codes=codes)


def label_of(names: Sequence[str], label: int) -> str:
    """Name of a class; empty where it is unknown."""
    return names[label] if 0 <= label < len(names) else ""
