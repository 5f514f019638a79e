"""The modality ``codes``: a registered prior over the codes of any run of any modality.

``vqspeech train prior.toml --data-dir RUN --out PRIOR`` encodes the data of RUN by its last checkpoint and trains on
the codes; ``--data-dir CODES.parquet`` trains on tables that ``vqspeech encode`` wrote.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vqspeech import parts
from vqspeech.checkpoints.loaded import Loaded
from vqspeech.checkpoints.store import load_weights
from vqspeech.codec.load import load
from vqspeech.codes import CodeTable
from vqspeech.config import CorpusConfig, RunConfig, TrainConfig
from vqspeech.corpora.code_store import UNKNOWN, CodeStore, LevelCodes
from vqspeech.corpora.row_arrays import Sequences
from vqspeech.errors import CheckpointError, ConfigError, InputError
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech.training.code_sources import store_codes
from vqspeech.training.rows import Rows, RowTask

CORPUS = CorpusConfig(name="codes")
OWN = {"level": "", "conditioned": True, "pitch": False}
"""Keys of ``[model]`` that are of the modality, with their defaults; the others are options of the prior."""

Report = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class LoadedPrior(Loaded[Prior, Mapping[str, Any]]):
    """A prior with what is needed to draw codes from it.

    Parameters
    ----------
    space : the codes that it is a distribution of; its `conditions` are 0 when it is not conditioned
    level : name of the level of codes
    levels : all levels of the codes that it was trained on
    pitch : number of codebooks of F0, the last ones, with as many codes of F0 for each frame; 0 for none
    source : the model that made them: ``run``, ``checkpoint``, ``modality`` and ``codebook``
    sample_rate, hop_samples : rate of the encoded data and samples per code, as in `vqspeech.codes.CodeTable`
    """

    space: CodeSpace
    level: str
    levels: tuple[str, ...]
    source: Mapping[str, str]
    sample_rate: int
    hop_samples: int
    pitch: int = 0

    @property
    def code_sizes(self) -> tuple[int, ...]:
        """Number of codes of each codebook of the model, without those of F0."""
        return self.space.codebook_sizes[: len(self.space.codebook_sizes) - self.pitch]


class CodeTask(RowTask):
    """A prior and the codes of one level of a store."""

    store: CodeStore

    def __init__(self, config: RunConfig, store: CodeStore) -> None:
        self.level: LevelCodes = store.at(config.model["level"])
        space, unknown = self.level.space, int((self.level.conditions == UNKNOWN).sum())
        if not config.model["conditioned"]:
            space = _unconditioned(space)
        elif space.conditions and unknown:
            raise ConfigError(
                f"model.conditioned = true needs the speaker or class of every row, and {unknown} of {len(store)} have "
                "none; set model.conditioned = false"
            )
        self.space = space
        model = build_prior(config.model, space)
        hop = store.facts["hop_samples"]
        self.crop_frames = math.ceil(config.train.crop_samples / hop) if hop else config.train.crop_samples
        sizes = getattr(model, "codebook_sizes", space.codebook_sizes)
        super().__init__(
            config, store, config.model, model, values_per_row=self._values_per_row(), codebook_sizes=tuple(sizes)
        )

    def _values_per_row(self) -> int:
        books, codes = len(self.space.codebook_sizes), self.level.codes
        if isinstance(codes, Sequences):
            return max(1, round(float(np.minimum(codes.lengths, self.crop_frames).mean()))) * books
        return math.prod(codes.shape[1:])

    def make(self, rows: Rows) -> CodeBatch:
        """Make a batch of grids, or of stretches of sequences."""
        condition = above = lengths = None
        if self.space.conditions:
            condition = torch.from_numpy(self.level.conditions[rows.indices])
        if self.level.above is not None:
            above = torch.from_numpy(self.level.above[rows.indices].astype(np.int64))
        if isinstance(self.level.codes, Sequences):
            codes, lengths = self._stretches(self.level.codes, rows)
        else:
            codes = torch.from_numpy(self.level.codes[rows.indices].astype(np.int64))
        return CodeBatch(codes, lengths=lengths, condition=condition, above=above, share=rows.share)

    def frames(self, indices: npt.NDArray[np.int64]) -> int:
        """Count the frames of the stretches of some rows."""
        if isinstance(self.level.codes, Sequences):
            return int(np.minimum(self.level.codes.lengths[indices], self.crop_frames).sum())
        return len(indices) * math.prod(self.space.grid or ())

    def parts(self) -> dict[str, str]:
        """Return the prior, and a quantizer that it names."""
        quantizer = self.config.model.get("quantizer")
        named = {"quantizer": quantizer["name"]} if isinstance(quantizer, Mapping) and "name" in quantizer else {}
        return {"prior": self.config.model["name"], **named}

    def facts(self) -> dict[str, Any]:
        """Describe the codes of the prior, and the model that made them."""
        facts = self.store.facts
        return {
            "codes": {
                "space": self.space.plain(),
                "level": self.level.level.name,
                "levels": [level.name for level in self.store.levels],
                "source": self.store.source,
                "conditions": list(self.store.condition_names),
                "sample_rate": facts["sample_rate"],
                "hop_samples": facts["hop_samples"],
                "pitch": len(self.store.pitch_sizes),
            }
        }

    def _stretches(self, codes: Sequences, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        """Cut codes (rows, codebooks, frames) from a random place of each sequence, zeros beyond its end."""
        whole = codes.lengths[rows.indices]
        lengths = np.minimum(whole, self.crop_frames)
        starts = (rows.uniform * (whole - lengths + 1)).astype(np.int64)
        longest = min(self.crop_frames, int(codes.lengths[rows.whole].max()))
        batch = np.zeros((len(lengths), len(self.space.codebook_sizes), longest), np.int64)
        for number, (row, start, length) in enumerate(zip(rows.indices, starts, lengths, strict=True)):
            batch[number, :, :length] = codes[int(row)][start : start + length].T
        return torch.from_numpy(batch), torch.from_numpy(lengths)


class CodesModality:
    """Codes of other runs; its models are priors. See `vqspeech.modality.Modality`."""

    def check(self, config: RunConfig) -> RunConfig:
        """Check the name and the options of the prior, and complete them."""
        if config.corpus not in (CORPUS, CorpusConfig()):
            raise ConfigError(
                f"corpus.name = {config.corpus.name!r}: a prior is trained on the codes that --data-dir names; omit "
                "[corpus]"
            )
        if config.train.window_samples != TrainConfig().window_samples:
            raise ConfigError("train.window_samples is about decoders of speech; omit it")
        values = dict(config.model)
        if not isinstance(values.get("name"), str):
            raise ConfigError("model.name: the name of a prior; `vqspeech plugins list --kind prior` lists them")
        own = {key: values.pop(key, default) for key, default in OWN.items()}
        for key, default in OWN.items():
            if type(own[key]) is not type(default):
                raise ConfigError(f"model.{key} = {own[key]!r}: a {type(default).__name__}")
        model = {"name": values["name"], **own, **parts.complete("prior", values, "model")}
        return dataclasses.replace(config, corpus=CORPUS, model=model)

    def prepare(self, config: RunConfig, data_dir: Path | None, directory: Path, progress: Report | None) -> CodeStore:
        """Encode the data of a run by its model, or read tables of codes; see `store_codes` for errors."""
        if data_dir is None:
            raise InputError(
                "a prior is trained on codes; give a run, or a table of codes, with --data-dir RUN or CODES.parquet"
            )
        return store_codes(data_dir.expanduser().absolute(), directory, config.model, progress)

    def open(self, directory: Path) -> CodeStore:
        """Open a store that `prepare` made."""
        return CodeStore.open(directory)

    def task(self, config: RunConfig, store: CodeStore) -> CodeTask:
        """Build the prior and its batches."""
        return CodeTask(config, store)

    def load(self, path: Path, facts: Mapping[str, Any], device: torch.device | str = "cpu") -> LoadedPrior:
        """Load a prior.

        Raises
        ------
        CheckpointError : when it is damaged
        PluginError : when the prior is not registered
        """
        try:
            about, model_values = facts["codes"], dict(facts["model"])
            space, step = CodeSpace.parse(about["space"]), int(facts["step"])
            names = {key: tuple(about[key]) for key in ("levels", "conditions")}
            rates = {key: int(about[key]) for key in ("sample_rate", "hop_samples")}
            if not 0 <= (pitch := int(about.get("pitch", 0))) < len(space.codebook_sizes):
                raise ValueError(f"{pitch} of {len(space.codebook_sizes)} codebooks are of F0")
            level, source = str(about["level"]), dict(about["source"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}/config.json is not that of a prior: {error}") from error
        model = build_prior(model_values, space)
        load_weights(path, model)
        return LoadedPrior(
            model=model.to(device).eval(),
            config=model_values,
            path=path,
            step=step,
            facts=facts,
            codebook_sizes=space.codebook_sizes,
            space=space,
            level=level,
            source=source,
            levels=names["levels"],
            conditions=names["conditions"],
            pitch=pitch,
            **rates,
        )

    def encode(self, loaded: LoadedPrior, inputs: Sequence[Path], *, progress: Report | None = None) -> CodeTable:
        """Refuse: a prior encodes nothing."""
        raise self._refusal(loaded)

    def encode_store(self, loaded: LoadedPrior, store: CodeStore, *, progress: Report | None = None) -> CodeTable:
        """Refuse: a prior encodes nothing."""
        raise self._refusal(loaded)

    def decode(self, loaded: LoadedPrior, table: CodeTable, out: Path, options: Mapping[str, Any]) -> list[Path]:
        """Refuse: the model whose codes they are decodes them."""
        raise self._refusal(loaded)

    def preview(self, loaded: LoadedPrior, table: CodeTable, path: Path) -> Path:
        """Refuse: the model whose codes they are shows them."""
        raise self._refusal(loaded)

    def _refusal(self, loaded: LoadedPrior) -> InputError:
        run = loaded.source["run"]
        return InputError(
            f"{loaded.path} is a prior over the codes of {run}; name that run instead, or draw from the prior: "
            f"vqspeech sample {run} --prior {loaded.path}"
        )


def load_prior(run: Path | str, which: str = "last", device: torch.device | str = "cpu") -> LoadedPrior:
    """Load the prior of a run; arguments and errors as in `vqspeech.codec.load`.

    Raises
    ------
    CheckpointError : also when the run is not of a prior
    """
    prior = load(run, which, device)
    if not isinstance(prior, LoadedPrior):
        raise CheckpointError(f"{prior.path} is no prior; `vqspeech train` makes one with modality = 'codes'")
    return prior


def build_prior(values: Mapping[str, Any], space: CodeSpace) -> Prior:
    """Build the prior of a checked table ``model`` with fresh weights."""
    options = {key: value for key, value in values.items() if key not in OWN}
    prior: Prior = parts.build("prior", options, space, "model")
    return prior


def _unconditioned(space: CodeSpace) -> CodeSpace:
    above = None if space.above is None else _unconditioned(space.above)
    return dataclasses.replace(space, conditions=0, above=above)
