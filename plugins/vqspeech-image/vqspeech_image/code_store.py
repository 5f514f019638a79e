"""The codes of all images of a run, made once by its model: what a prior is trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.errors import CheckpointError, ConfigError, CorpusError
from vqspeech.runs import RunDirectory
from vqspeech_image.building import CodeFacts
from vqspeech_image.models import LoadedImages, load_images, weights_checksum
from vqspeech_image.nn.levels import Level, codes_of
from vqspeech_image.storage import RowStore, whole_directory
from vqspeech_image.store import ImageStore

ABOUT, FACTS = "about.npz", "facts.json"
ENCODED_AT_ONCE = 64


@dataclass(frozen=True)
class CodeCorpus:
    """Where codes come from; `root` is the run of the model, as `vqspeech.training.run.prepare` wants it."""

    root: Path
    name: str
    variant: str
    class_names: tuple[str, ...]
    counts: dict[str, int]
    skipped: dict[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class CodeStore(RowStore):
    """Grids of codes, of one level or of two.

    Parameters
    ----------
    levels : grids and codebooks, the coarsest first
    grids : of each level (images, codebooks, rows, columns) int32, memory-mapped
    of : ``checkpoint`` and ``weights`` (sha256) of the model that made them
    level : the name of that whose codes `codes` are
    """

    levels: tuple[Level, ...]
    grids: tuple[npt.NDArray[np.int32], ...]
    of: dict[str, str]
    corpus: CodeCorpus
    level: str = ""

    def at(self, level: str) -> CodeStore:
        """The same store, with the codes of a level.

        Raises
        ------
        ConfigError : when it has no such level
        """
        names = [one.name for one in self.levels]
        if level not in names:
            known = " or ".join(f"model.level = {name!r}" for name in names)
            raise ConfigError(f"model.level = {level!r}, but the codes of {self.of['checkpoint']} need {known}")
        return replace(self, level=level)

    @property
    def codes(self) -> npt.NDArray[np.int32]:
        """(images, codebooks, rows, columns) of the level."""
        return self.grids[self._number]

    @property
    def top(self) -> npt.NDArray[np.int32] | None:
        """The same of the level above, where there is one."""
        return self.grids[self._number - 1] if self._number else None

    @property
    def facts(self) -> CodeFacts:
        """Of the level."""
        facts: CodeFacts | None = None
        for one in self.levels[: self._number + 1]:
            facts = CodeFacts(one.grid, one.codebook_sizes, len(self.corpus.class_names), facts)
        assert facts is not None
        return facts

    @property
    def _number(self) -> int:
        return [one.name for one in self.at(self.level).levels].index(self.level)

    @classmethod
    def open(cls, directory: Path) -> CodeStore:
        """A store that `encode_run` made.

        Raises
        ------
        CheckpointError : when it is damaged
        """
        try:
            facts = json.loads((directory / FACTS).read_text(encoding="utf-8"))
            with np.load(directory / ABOUT, allow_pickle=False) as about:
                labels, splits = about["labels"], about["splits"]
            levels, grids = [], []
            for name, sizes in facts["levels"].items():
                codes = np.load(directory / _file_of(name), mmap_mode="r", allow_pickle=False)
                levels.append(Level(name, (codes.shape[2], codes.shape[3]), tuple(sizes)))
                grids.append(codes)
            corpus = facts["corpus"]
            found = CodeCorpus(
                Path(corpus["root"]),
                "image-codes",
                corpus["variant"],
                tuple(corpus["class_names"]),
                corpus["counts"],
                {},
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise CheckpointError(
                f"the codes in {directory} cannot be read: {error}; delete that folder to make them again"
            ) from error
        return cls(
            labels=labels,
            splits=splits,
            levels=tuple(levels),
            grids=tuple(grids),
            of=facts["of"],
            corpus=found,
            fingerprint=facts["fingerprint"],
        )


def _file_of(level: str) -> str:
    return f"codes-{level}.npy" if level else "codes.npy"


def read_run(root: Path | str | None) -> CodeCorpus:
    """What `vqspeech corpora check image-codes` tells of a run directory.

    Raises
    ------
    CorpusError : when there is no run with a store
    CheckpointError : when its model cannot be used
    """
    run, images, store = _opened(root)
    levels = _levels(images)
    counts = {"images": len(store.labels), "codes of an image": sum(level.codes for level in levels)}
    return CodeCorpus(run, "image-codes", _variant(images, store), store.class_names, counts, {})


def encode_run(
    root: Path | str | None, directory: Path, progress: Callable[[int, int], None] | None = None
) -> CodeStore:
    """Encode all images of a run by its last checkpoint into a folder, whole or not at all.

    Parameters
    ----------
    root : the run directory of a model with codes
    directory : to make
    progress : called with images done and in all

    Raises
    ------
    CorpusError, CheckpointError : as in `read_run`
    InputError : when the disk refuses
    """
    run, images, store = _opened(root)
    levels = _levels(images)
    with whole_directory(directory, "codes") as partial:
        count = len(store.labels)
        grids = [
            np.lib.format.open_memmap(
                partial / _file_of(level.name),
                mode="w+",
                dtype=np.int32,
                shape=(count, len(level.codebook_sizes), *level.grid),
            )
            for level in levels
        ]
        for begin in range(0, count, ENCODED_AT_ONCE):
            rows = slice(begin, begin + ENCODED_AT_ONCE)
            for grid, codes in zip(grids, encoded(images, store, rows), strict=True):
                grid[rows] = codes
            if progress is not None:
                progress(min(begin + ENCODED_AT_ONCE, count), count)
        digest = hashlib.sha256()
        for values in (*grids, store.labels, store.splits):
            digest.update(np.ascontiguousarray(values).tobytes())
        for grid in grids:
            grid.flush()
        np.savez(partial / ABOUT, labels=store.labels, splits=store.splits)
        facts = {
            "levels": {level.name: list(level.codebook_sizes) for level in levels},
            "of": {"checkpoint": str(images.path), "weights": weights_checksum(images.path)},
            "corpus": {
                "root": str(run),
                "variant": _variant(images, store),
                "class_names": list(store.class_names),
                "counts": {"images": count},
            },
            "fingerprint": digest.hexdigest(),
        }
        (partial / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return CodeStore.open(directory)


def encoded(images: LoadedImages, store: ImageStore, rows: slice) -> list[npt.NDArray[np.int32]]:
    """Codes (images, codebooks, rows, columns) of each level, of some images of a store."""
    pixels = torch.from_numpy(np.array(store.pixels[rows]))
    with torch.no_grad():
        found = codes_of(images.model, pixels.to(images.device))
    return [codes.cpu().numpy().astype(np.int32) for codes in found]


def _opened(root: Path | str | None) -> tuple[Path, LoadedImages, ImageStore]:
    if root is None:
        raise CorpusError("codes come from the run of an image model; give it with --data-dir RUN")
    run = Path(root).expanduser().absolute()
    if not RunDirectory(run).store.is_dir():
        raise CorpusError(f"{run} is no run of an image model: it holds no store; `vqspeech train` makes one")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return run, load_images(run, device=device), ImageStore.open(RunDirectory(run).store)


def _levels(images: LoadedImages) -> tuple[Level, ...]:
    levels: tuple[Level, ...] = images.model.levels
    if not levels:
        raise CorpusError(
            f"{images.path} is a {images.config.kind}, which has no codes; a prior needs a vqvae, vqvae2 or vimco"
        )
    return levels


def _variant(images: LoadedImages, store: ImageStore) -> str:
    return f"codes {' and '.join(str(level) for level in _levels(images))} of {store.corpus.variant}"
