"""The codes of every row of a run, stored once: what a prior is trained on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech import untrusted
from vqspeech.codes import CodeLevel, CodeTable, UtteranceCodes
from vqspeech.corpora.base import SPLITS, CorpusFacts
from vqspeech.corpora.row_arrays import Sequences
from vqspeech.corpora.rows import RowStore, write_rows
from vqspeech.errors import ConfigError, CorpusError
from vqspeech.nn.priors.protocol import CodeSpace

BLOCK_ROWS = 1024
BLOCK_CODES = 2**22
"""Codes that are checked at a time."""

SOURCE = ("run", "checkpoint", "modality", "codebook")
"""What a store says of the model that made its codes."""

UNKNOWN = -1
"""The condition of a row whose speaker or class is not known."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelCodes:
    """The codes of one level of a store.

    Parameters
    ----------
    level : name, codebooks and grid of the level
    codes : (rows, codebooks, *grid) int32; `Sequences` of (frames, codebooks) where rows differ in length
    above : codes of the level above, None for the coarsest
    space : space for a prior over these codes, with all conditions of the store; codebooks of F0 are the last ones
    conditions : (rows,) int64 speakers or classes, `UNKNOWN` where there is none
    """

    level: CodeLevel
    codes: npt.NDArray[np.int32] | Sequences
    above: npt.NDArray[np.int32] | None
    space: CodeSpace
    conditions: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class CodeStore(RowStore):
    """Codes of one level or of several, with the speaker or class of each row."""

    @property
    def levels(self) -> tuple[CodeLevel, ...]:
        """Codebooks and grids, the coarsest first."""
        return tuple(CodeLevel.parse(one) for one in self.facts["levels"])

    @property
    def source(self) -> Mapping[str, str]:
        """The model that made the codes: ``run``, ``checkpoint``, ``modality`` and ``codebook`` (a hash)."""
        return dict(self.facts["source"])

    @property
    def condition_names(self) -> tuple[str, ...]:
        """Ids of the speakers, or names of the classes, in the order of `conditions`."""
        return tuple(self.facts["conditions"])

    @property
    def pitch_sizes(self) -> tuple[int, ...]:
        """Levels of the codebooks of F0, which follow those of the model; empty without F0."""
        return tuple(self.facts.get("pitch_sizes", ()))

    @property
    def conditions(self) -> npt.NDArray[np.int64]:
        """(rows,) places in `condition_names`, `UNKNOWN` where there is none."""
        return self.arrays["conditions"]  # type: ignore[return-value]

    def check(self) -> None:
        """Check that the arrays hold the codes and conditions of the facts."""
        facts = self.facts
        source = untrusted.table(facts["source"], "source")
        for name in SOURCE:
            untrusted.text(source[name], f"source.{name}")
        for name in ("sample_rate", "hop_samples"):
            untrusted.whole(facts[name], name)
        names = untrusted.texts(facts["conditions"], "conditions")
        if len(set(names)) < len(names):
            raise ValueError("two of its conditions have one name")
        conditions = self.arrays["conditions"]
        if isinstance(conditions, Sequences) or conditions.dtype != np.int64 or conditions.shape != (len(self),):
            raise ValueError(f"its conditions are not {len(self)} whole numbers")
        if len(self) and not (conditions.min() >= UNKNOWN and conditions.max() < len(names)):
            raise ValueError(f"its rows have conditions beyond the {len(names)} names")
        levels = [CodeLevel.parse(one) for one in untrusted.items(facts["levels"], "levels")]
        if not levels or len({level.name for level in levels}) < len(levels):
            raise ValueError("its levels have no names of their own")
        pitch = untrusted.wholes(facts.get("pitch_sizes", []), "pitch_sizes", 1)
        if pitch and (len(levels) > 1 or levels[0].grid is not None):
            raise ValueError("it has pitch_sizes, and its codes are no sequences")
        for level in levels:
            level = replace(level, codebook_sizes=(*level.codebook_sizes, *pitch))
            _check_codes(level, self.arrays[_array_of(level.name)], len(self))
        for coarse, fine in pairwise(levels):
            if coarse.grid is None or fine.grid is None or len(coarse.grid) != len(fine.grid):
                raise ValueError("several levels need a grid of as many sides each")
            if any(side % other for side, other in zip(fine.grid, coarse.grid, strict=True)):
                raise ValueError(f"the grid {coarse.grid} of a level does not divide {fine.grid}")

    def at(self, level: str = "") -> LevelCodes:
        """Select a level by its name.

        Raises
        ------
        ConfigError : when there is no such level
        """
        names = [one.name for one in self.levels]
        if level not in names:
            known = " or ".join(f"model.level = {name!r}" for name in names)
            raise ConfigError(f"model.level = {level!r}, but the codes of {self.source['run']} need {known}")
        number = names.index(level)
        arrays: list[Any] = [self.arrays[_array_of(name)] for name in names]
        coarsest, *finer = self.levels[: number + 1]
        space = self._space(coarsest, None)
        for one in finer:
            space = self._space(one, space)
        return LevelCodes(
            level=self.levels[number],
            codes=arrays[number],
            above=arrays[number - 1] if number else None,
            space=space,
            conditions=self.conditions,
        )

    def _space(self, level: CodeLevel, above: CodeSpace | None) -> CodeSpace:
        conditions, sizes = len(self.condition_names), (*level.codebook_sizes, *self.pitch_sizes)
        return CodeSpace(codebook_sizes=sizes, grid=level.grid, conditions=conditions, above=above)


def write_codes(
    directory: Path,
    table: CodeTable,
    source: Mapping[str, str],
    condition_names: Sequence[str] = (),
    variant: str = "",
    *,
    rows: Iterable[UtteranceCodes] | None = None,
    pitch_sizes: Sequence[int] = (),
) -> CodeStore:
    """Store the codes of a table, whole or not at all.

    Parameters
    ----------
    directory : directory to create or replace
    table : codes of every row; rows without a split are training rows
    source : ``run``, ``checkpoint``, ``modality`` and ``codebook`` of the model that made them
    condition_names : speakers or classes in the model's order; those of the table, sorted, when empty
    variant : the data that was encoded, in words
    rows : rows instead of those of the table, of which a block is in memory at a time
    pitch_sizes : levels of codebooks of F0, of which rows have codes below those of the model

    Raises
    ------
    CorpusError : when there are no training rows
    InputError : when the disk is full or cannot be written
    """
    names = list(condition_names) or sorted({row.speaker for row in table} - {""})
    place = {name: number for number, name in enumerate(names)}
    levels = table.all_levels
    if len(levels) > 1 and any(level.grid is None for level in levels):
        raise CorpusError(f"{source['run']}: codes of several levels need a grid each, and these are sequences")
    with write_rows(directory) as writer:
        left = iter(table if rows is None else rows)
        while block := list(islice(left, BLOCK_ROWS)):
            conditions = [place.get(row.speaker, UNKNOWN) for row in block]
            arrays: dict[str, Any] = {"conditions": np.array(conditions, np.int64)}
            if table.grid is None:
                arrays[_array_of(levels[0].name)] = [row.codes.T.astype(np.int32) for row in block]
            else:
                parts = table.split_levels(np.stack([row.codes for row in block]))
                for level, codes in zip(levels, parts, strict=True):
                    arrays[_array_of(level.name)] = codes.astype(np.int32)
            writer.add([SPLITS.index(row.split or "train") for row in block], **arrays)
        corpus = CorpusFacts(name="codes", root=Path(source["run"]), variant=variant or f"codes of {source['run']}")
        facts = {
            "levels": [asdict(level) for level in levels],
            "source": dict(source),
            "conditions": names,
            "sample_rate": table.sample_rate,
            "hop_samples": table.hop_samples,
            **({"pitch_sizes": list(pitch_sizes)} if pitch_sizes else {}),
        }
        writer.finish(corpus, facts)
    return CodeStore.open(directory)


def _check_codes(level: CodeLevel, codes: npt.NDArray[Any] | Sequences, rows: int) -> None:
    """Check that an array holds codes of a level: its shape, and that each code is one of its codebook."""
    books, name = len(level.codebook_sizes), _array_of(level.name)
    if level.grid is None:
        if not isinstance(codes, Sequences) or codes.values.shape[1:] != (books,):
            raise ValueError(f"{name} are not sequences of {books} codes")
        # Frames as rows of an array without positions.
        values = codes.values
    else:
        if isinstance(codes, Sequences) or codes.shape != (rows, books, *level.grid):
            raise ValueError(f"{name} are not {books} codes on a grid {level.grid} for each of {rows} rows")
        values = codes
    if values.dtype != np.int32:
        raise ValueError(f"{name} are {values.dtype}, not int32")
    sizes = np.array(level.codebook_sizes).reshape(1, books, *[1] * (values.ndim - 2))
    block = max(1, BLOCK_CODES // max(1, math.prod(values.shape[1:])))
    for begin in range(0, len(values), block):
        some = values[begin : begin + block]
        if ((some < 0) | (some >= sizes)).any():
            raise ValueError(f"{name} hold codes that their codebooks of {level.codebook_sizes} do not have")


def _array_of(level: str) -> str:
    return f"codes-{level}" if level else "codes"
