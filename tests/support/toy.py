"""A modality of numbers on grids or in sequences and a prior over any codes, for tests of the modality ``codes``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from vqspeech.corpora.base import CorpusFacts
from vqspeech.corpora.rows import write_rows
from vqspeech.nn.priors.protocol import Prior

SOURCE = """
import vqspeech
from vqspeech.registry.specs import ModalitySpec, PriorSpec


@vqspeech.hookimpl
def register_modalities():
    return [ModalitySpec(name="toy", target="toy:ToyModality", summary="numbers", media="other")]


@vqspeech.hookimpl
def register_priors():
    return [PriorSpec(name="chain", target="toy:chain", summary="logits of each codebook and condition")]
"""


class ToyModel(torch.nn.Module):
    """A codebook and nothing else."""

    def __init__(self, sizes):
        from vqspeech.nn.quantize.vq import VectorQuantizer

        super().__init__()
        self.quantizers = torch.nn.ModuleList(VectorQuantizer(2, codebook_size=size) for size in sizes)


class ToyModality:
    """Numbers that are codes already; levels and rates are in the store's facts."""

    def check(self, config):
        return config

    def prepare(self, config, data_dir, directory, progress):
        raise NotImplementedError

    def task(self, config, store):
        raise NotImplementedError

    def open(self, directory):
        from vqspeech.corpora.rows import RowStore

        return RowStore.open(directory)

    def load(self, path, facts, device="cpu"):
        from vqspeech.checkpoints.loaded import Loaded
        from vqspeech.checkpoints.store import load_weights

        sizes = tuple(facts["sizes"])
        model = ToyModel(sizes)
        load_weights(path, model)
        return Loaded(
            model=model.to(device).eval(), config=None, path=path, step=facts["step"], facts=facts,
            codebook_sizes=sizes, conditions=tuple(facts["names"]),
        )  # fmt: skip

    def encode_store(self, loaded, store, *, progress=None):
        from vqspeech.codes import CodeLevel, CodeTable, UtteranceCodes, join_levels
        from vqspeech.corpora.base import SPLITS
        from vqspeech.nn.quantize.fingerprint import codebook_hash

        about, names = loaded.facts["levels"], loaded.conditions
        arrays = [store.arrays[name] for name in about]
        if isinstance(arrays[0], np.ndarray):
            codes, grid = join_levels(arrays), arrays[-1].shape[2:]
        else:
            codes, grid = [arrays[0][row].T for row in range(len(store))], None
        rows = [
            UtteranceCodes(
                id=f"row-{row}", speaker=names[label] if label >= 0 else "", split=SPLITS[store.splits[row]], path="",
                n_samples=0, codes=codes[row],
            )
            for row, label in enumerate(store.arrays["labels"])
        ]  # fmt: skip
        sizes, first, levels = loaded.codebook_sizes, 0, []
        for name, array in zip(about, arrays, strict=True):
            books = array.shape[1] if isinstance(array, np.ndarray) else array.values.shape[1]
            grid_of_level = array.shape[2:] if isinstance(array, np.ndarray) else None
            levels.append(CodeLevel(name=name, codebook_sizes=sizes[first : first + books], grid=grid_of_level))
            first += books
        if progress is not None:
            progress(len(rows), len(rows))
        return CodeTable(
            sample_rate=loaded.facts["sample_rate"], hop_samples=loaded.facts["hop_samples"], codebook_sizes=sizes,
            rows=rows, modality="toy", codebook=codebook_hash(loaded.model), grid=grid,
            levels=tuple(levels) if len(levels) > 1 else (),
        )  # fmt: skip

    def decode(self, loaded, table, out, options):
        out.mkdir(parents=True, exist_ok=True)
        paths = [out / f"{row.id}.txt" for row in table]
        for row, path in zip(table, paths, strict=True):
            path.write_text(f"{row.speaker}: {row.codes.tolist()}")
        return paths


def chain(space, *, scale: float = 1.0):
    """Logits of each codebook and condition, and of the code above at the same place."""
    return Chain(space, scale)


class Chain(Prior):
    def __init__(self, space, scale):
        super().__init__()
        self.space = space
        self.logits = torch.nn.ParameterList(
            torch.nn.Parameter(scale * torch.randn(max(1, space.conditions), size)) for size in space.codebook_sizes
        )
        self.above = None
        if space.above is not None:
            self.above = torch.nn.Embedding(space.above.codebook_sizes[0], space.codebook_sizes[0])

    def nll(self, batch):
        codes = batch.codes.flatten(2)
        condition = torch.zeros(len(codes), dtype=torch.int64) if batch.condition is None else batch.condition
        costs = []
        for book, logits in enumerate(self.logits):
            rows = logits[condition][:, None].expand(-1, codes.shape[2], -1)
            if book == 0 and self.above is not None:
                coarse = batch.above[:, 0]
                for axis in (1, 2):
                    coarse = coarse.repeat_interleave(batch.codes.shape[axis + 1] // coarse.shape[axis], axis)
                rows = rows + self.above(coarse.flatten(1))
            costs.append(-rows.log_softmax(-1).gather(-1, codes[:, book, :, None])[..., 0])
        return torch.stack(costs, 1)

    def mask(self, batch):
        positions = batch.codes.flatten(2).shape[2]
        if batch.lengths is None:
            return torch.ones(len(batch.codes), positions, dtype=torch.bool)
        return torch.arange(positions) < batch.lengths[:, None]

    def loss(self, batch, generator=None):
        from vqspeech.nn.batch import LossTerms

        mask = self.mask(batch)
        frames = batch.share.frames if batch.share is not None else mask.sum()
        nll = (self.nll(batch) * mask[:, None]).sum() / (frames * batch.codes.shape[1])
        return LossTerms(nll, {"nll": nll.detach()}, batch.codes.flatten(2), mask)

    def shuffled(self, batch):
        if batch.condition is None:
            return None
        return self.loss(batch._replace(condition=batch.condition.roll(1, 0))).total

    def sample(self, count, *, frames=None, condition=None, above=None, seed=0, temperature=1.0):
        grid = self.space.grid or (frames,)
        condition = torch.zeros(count, dtype=torch.int64) if condition is None else condition
        rows = []
        for item in range(count):
            generator = torch.Generator().manual_seed(1000 * seed + item)
            books = [
                torch.multinomial(p.softmax(-1), int(np.prod(grid)), True, generator=generator)
                for p in (logits[condition[item]] / temperature for logits in self.logits)
            ]
            rows.append(torch.stack(books).unflatten(1, grid))
        return torch.stack(rows)


def toy_run(
    folder: Path,
    kind: str = "sequences",
    *,
    rows: int = 24,
    seed: int = 0,
    names: tuple[str, ...] = ("a", "b", "c"),
    labelled: bool = True,
) -> Path:
    """Write the run of a model of numbers: a store and one checkpoint.

    Parameters
    ----------
    folder : of the run
    kind : ``sequences``, ``grids`` or ``levels``
    """
    from vqspeech.checkpoints.store import save
    from vqspeech.config import RunConfig, plain

    draw = np.random.default_rng(seed)
    labels = np.arange(rows) % len(names) if labelled else np.where(np.arange(rows) % 4, 0, -1)
    if kind == "sequences":
        arrays = {"": [draw.integers(0, 5, (length, 2)) for length in draw.integers(1, 40, rows)]}
        sizes, rates = (5, 5), (100, 10)
    elif kind == "grids":
        arrays, sizes, rates = {"": draw.integers(0, 5, (rows, 2, 3, 4))}, (5, 5), (0, 0)
    else:
        arrays = {"top": draw.integers(0, 3, (rows, 1, 2, 2)), "bottom": draw.integers(0, 5, (rows, 2, 4, 4))}
        sizes, rates = (3, 5, 5), (0, 0)
    with write_rows(folder / "store") as writer:
        writer.add([(0, 0, 0, 1)[row % 4] for row in range(rows)], labels=labels, **arrays)
        writer.finish(CorpusFacts(name="numbers", root=folder, variant="numbers"))
    torch.manual_seed(seed)
    facts = {
        "run": plain(RunConfig(modality="toy")), "sizes": list(sizes), "names": list(names), "levels": list(arrays),
        "sample_rate": rates[0], "hop_samples": rates[1],
    }  # fmt: skip
    save(
        folder / "checkpoints" / "step-00000001", ToyModel(sizes).state_dict(), config=RunConfig(), step=1, facts=facts
    )
    return folder
