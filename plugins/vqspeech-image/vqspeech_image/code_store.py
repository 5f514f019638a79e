"""The codes of all images of a run, made once by its model: what a prior is trained on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.errors import CheckpointError, CorpusError
from vqspeech_image.building import CodeFacts
from vqspeech_image.models import LoadedImages, load_images, weights_checksum
from vqspeech_image.storage import RowStore, whole_directory
from vqspeech_image.store import ImageStore

CODES, ABOUT, FACTS = "codes.npy", "about.npz", "facts.json"
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
    """Grids of codes.

    Parameters
    ----------
    codes : (images, codebooks, rows, columns) int32, memory-mapped
    facts : grid, codebooks and number of classes
    of : ``checkpoint`` and ``weights`` (sha256) of the model that made them
    """

    codes: npt.NDArray[np.int32]
    facts: CodeFacts
    of: dict[str, str]
    corpus: CodeCorpus

    @classmethod
    def open(cls, directory: Path) -> CodeStore:
        """A store that `encode_run` made.

        Raises
        ------
        CheckpointError : when it is damaged
        """
        try:
            facts = json.loads((directory / FACTS).read_text(encoding="utf-8"))
            codes = np.load(directory / CODES, mmap_mode="r", allow_pickle=False)
            with np.load(directory / ABOUT, allow_pickle=False) as about:
                labels, splits = about["labels"], about["splits"]
            corpus = facts["corpus"]
            about_codes = CodeFacts(
                (codes.shape[2], codes.shape[3]), tuple(facts["codebook_sizes"]), len(corpus["class_names"])
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise CheckpointError(
                f"the codes in {directory} cannot be read: {error}; delete that folder to make them again"
            ) from error
        return cls(
            codes=codes,
            labels=labels,
            splits=splits,
            facts=about_codes,
            of=facts["of"],
            corpus=CodeCorpus(
                Path(corpus["root"]),
                "image-codes",
                corpus["variant"],
                tuple(corpus["class_names"]),
                corpus["counts"],
                {},
            ),
            fingerprint=facts["fingerprint"],
        )


def read_run(root: Path | str | None) -> CodeCorpus:
    """What `vqspeech corpora check image-codes` tells of a run directory.

    Raises
    ------
    CorpusError : when there is no run with a store
    CheckpointError : when its model cannot be used
    """
    run, images, store = _opened(root)
    about = _grid_and_books(images)
    counts = {"images": len(store.labels), "codes of an image": math.prod(about.grid) * len(about.codebook_sizes)}
    return CodeCorpus(run, "image-codes", _variant(images, store), store.corpus.class_names, counts, {})


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
    about = _grid_and_books(images)
    with whole_directory(directory, "codes") as partial:
        shape = (len(store.labels), len(about.codebook_sizes), *about.grid)
        codes = np.lib.format.open_memmap(partial / CODES, mode="w+", dtype=np.int32, shape=shape)
        for begin in range(0, len(codes), ENCODED_AT_ONCE):
            codes[begin : begin + ENCODED_AT_ONCE] = encoded(images, store, slice(begin, begin + ENCODED_AT_ONCE))
            if progress is not None:
                progress(min(begin + ENCODED_AT_ONCE, len(codes)), len(codes))
        codes.flush()
        digest = hashlib.sha256()
        for values in (codes, store.labels, store.splits):
            digest.update(np.ascontiguousarray(values).tobytes())
        np.savez(partial / ABOUT, labels=store.labels, splits=store.splits)
        facts = {
            "codebook_sizes": list(about.codebook_sizes),
            "of": {"checkpoint": str(images.path), "weights": weights_checksum(images.path)},
            "corpus": {
                "root": str(run),
                "variant": _variant(images, store),
                "class_names": list(store.corpus.class_names),
                "counts": {"images": len(codes)},
            },
            "fingerprint": digest.hexdigest(),
        }
        (partial / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return CodeStore.open(directory)


def encoded(images: LoadedImages, store: ImageStore, rows: slice) -> npt.NDArray[np.int32]:
    """Codes (images, codebooks, rows, columns) of some images of a store."""
    pixels = torch.from_numpy(np.array(store.pixels[rows]))
    with torch.no_grad():
        return images.model.encode(pixels.to(images.device)).cpu().numpy().astype(np.int32)


def _opened(root: Path | str | None) -> tuple[Path, LoadedImages, ImageStore]:
    if root is None:
        raise CorpusError("codes come from the run of an image model; give it with --data-dir RUN")
    run = Path(root).expanduser().absolute()
    if not (run / "store").is_dir():
        raise CorpusError(f"{run} is no run of an image model: it holds no store; `vqspeech train` makes one")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return run, load_images(run, device=device), ImageStore.open(run / "store")


def _grid_and_books(images: LoadedImages) -> CodeFacts:
    if not images.model.codebook_sizes:
        raise CorpusError(
            f"{images.path} is a {images.config.kind}, which has no codes; a prior needs a vqvae or vimco"
        )
    return CodeFacts(images.model.encoder.grid, images.model.codebook_sizes, len(images.class_names))


def _variant(images: LoadedImages, store: ImageStore) -> str:
    rows, columns = images.model.encoder.grid
    return f"codes {rows} x {columns} x {len(images.model.codebook_sizes)} of {store.corpus.variant}"
