"""The layout of a run directory."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunDirectory:
    """Paths of all files and folders of a run directory.

    Parameters
    ----------
    path : the directory, which need not exist
    """

    path: Path

    @property
    def config(self) -> Path:
        """JSON file of the checked configuration; its presence makes the directory a run."""
        return self.path / "config.json"

    @property
    def lock(self) -> Path:
        """File that the first process of a job locks while it works; see `vqspeech.runs.lock`."""
        return self.path / ".lock"

    @property
    def store(self) -> Path:
        """Directory of the prepared data."""
        return self.path / "store"

    @property
    def checkpoints(self) -> Path:
        """Directory of checkpoint directories ``step-00001000``."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """JSON file that names the checkpoint of the lowest validation criterion."""
        return self.checkpoints / "best.json"

    @property
    def metrics(self) -> Path:
        """Rows of figures of training, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        """Directory of event files."""
        return self.path / "tensorboard"

    @property
    def decoders(self) -> Path:
        """Directory of a run directory for each further decoder of the codes (`vctk`)."""
        return self.path / "decoders"

    @property
    def codes(self) -> Path:
        """Parquet table of the codes of the prepared data."""
        return self.path / "codes.parquet"

    @property
    def stages(self) -> Path:
        """Directory of the results of a recipe's stages."""
        return self.path / "stages"

    @property
    def listening(self) -> Path:
        """Directory of generated speech."""
        return self.path / "listening"

    @property
    def judged(self) -> Path:
        """Directory of generated speech that was judged."""
        return self.path / "judged"

    @property
    def pictures(self) -> Path:
        """Directory of generated pictures."""
        return self.path / "pictures"

    @property
    def analyses(self) -> Path:
        """Directory of the figures of analyses, a folder for each."""
        return self.path / "analyses"

    @property
    def results(self) -> Path:
        """JSON file of a recipe's results."""
        return self.path / "results.json"

    @property
    def report(self) -> Path:
        """Directory of a recipe's page."""
        return self.path / "report"

    @property
    def contents(self) -> tuple[Path, ...]:
        """Everything that vqspeech makes here; starting over deletes these and nothing else."""
        return (
            self.config, self.store, self.checkpoints, self.metrics, self.tensorboard, self.decoders, self.codes,
            self.stages, self.listening, self.judged, self.pictures, self.analyses, self.report, self.results,
        )  # fmt: skip

    def below(self, name: str) -> RunDirectory:
        """Return the run directory of a part of this run, such as ``"prior"`` or ``"baselines/vae"``."""
        return RunDirectory(self.path / name)

    def checkpoint(self, step: int) -> Path:
        """Return the checkpoint directory of a step."""
        return self.checkpoints / f"step-{step:08}"

    def list_checkpoints(self) -> list[Path]:
        """Return the checkpoint directories, oldest first."""
        return sorted(self.checkpoints.glob("step-*"))

    @classmethod
    def of_checkpoint(cls, checkpoint: Path) -> RunDirectory:
        """Return the run of a checkpoint directory."""
        return cls(checkpoint.absolute().parent.parent)

    def is_empty(self) -> bool:
        """Return whether the directory is empty, apart from the lock."""
        return not self.path.exists() or all(path == self.lock for path in self.path.iterdir())

    def is_trained(self) -> bool:
        """Return whether there is a checkpoint, or a result made with one."""
        made = (
            self.decoders,
            self.codes,
            self.listening,
            self.judged,
            self.pictures,
            self.analyses,
            self.report,
            self.results,
        )
        return bool(self.list_checkpoints()) or any(path.exists() for path in made)

    def clear(self, *, store: bool = True) -> None:
        """Delete `contents`, with or without the prepared data."""
        for path in self.contents:
            if path == self.store and not store:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
