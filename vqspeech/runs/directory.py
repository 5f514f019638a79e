"""The layout of a run directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vqspeech.runs.made import is_checkpoint_name, remove_made
from vqspeech.temporary import left_of


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
    def threads(self) -> Path:
        """JSON file of the number of threads that a training on a CPU uses; see `vqspeech.training.threads`."""
        return self.path / "threads.json"

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
    def alignments(self) -> Path:
        """Directory of TextGrids for the analyses; it depends on the corpus alone, and starting over keeps it."""
        return self.path / "alignments"

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
        """Files and folders that vqspeech makes here; starting over deletes its files there and nothing else."""
        return (
            self.config, self.store, self.checkpoints, self.metrics, self.threads, self.tensorboard, self.decoders,
            self.codes, self.stages, self.listening, self.judged, self.pictures, self.analyses, self.report,
            self.results,
        )  # fmt: skip

    def below(self, name: str) -> RunDirectory:
        """Return the run directory of a part of this run, such as ``"prior"`` or ``"baselines/vae"``."""
        return RunDirectory(self.path / name)

    def checkpoint(self, step: int) -> Path:
        """Return the checkpoint directory of a step."""
        return self.checkpoints / f"step-{step:08}"

    def list_checkpoints(self) -> list[Path]:
        """Return the checkpoint directories, oldest first."""
        return sorted(path for path in self.checkpoints.glob("step-*") if is_checkpoint_name(path.name))

    @classmethod
    def of_checkpoint(cls, checkpoint: Path) -> RunDirectory:
        """Return the run of a checkpoint directory."""
        return cls(checkpoint.absolute().parent.parent)

    @property
    def leftovers(self) -> list[Path]:
        """What a process that was killed before anything was finished left here."""
        # The name of temporary files of earlier versions.
        part = self.path / "config.json.part"
        names = [path.name for path in self.contents] + ["experiment.json"]
        return [path for name in names for path in left_of(self.path / name)] + [part] * part.is_file()

    def is_empty(self) -> bool:
        """Return whether the directory is empty, apart from the lock and leftovers."""
        if not self.path.exists():
            return True
        others = {path for path in self.path.iterdir() if path != self.lock}
        return not others or others <= set(self.leftovers)

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
        """Remove `contents`, with or without the prepared data; files of others there are moved, see `remove_made`."""
        # The configuration last: without it, a directory that is half cleared would be no run.
        for path in reversed(self.contents):
            if path != self.store or store:
                remove_made(path)
