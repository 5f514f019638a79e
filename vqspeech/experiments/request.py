"""Arguments and outcome of a recipe."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RecipeRequest:
    """Arguments of one `recipe run`.

    Parameters
    ----------
    name : the recipe
    out : directory of the run; created when absent, continued when present
    corpus : name of a corpus, or ``"auto"`` for the recipe's own choice
    data_dir : folder of the corpus, or None
    overrides : ``key=value`` settings on top of the recipe's configuration, in order
    stages : the stages to run, None for all
    fresh : start over instead of continuing
    seed : None for the configuration's
    config : a TOML file instead of the recipe's own
    """

    name: str
    out: Path
    corpus: str = "auto"
    data_dir: Path | None = None
    overrides: tuple[str, ...] = ()
    stages: tuple[str, ...] | None = None
    fresh: bool = False
    seed: int | None = None
    config: Path | None = None

    def wants(self, stage: str) -> bool:
        """Return whether a stage is to run."""
        return self.stages is None or stage in self.stages

    def command(self) -> str:
        """Return the command line that repeats this run from the same folder."""
        words = ["vqspeech", "recipe", "run", self.name, "--corpus", self.corpus]
        for option, given in (("--data-dir", self.data_dir), ("--config", self.config), ("--seed", self.seed)):
            words += [option, str(given)] if given is not None else []
        words += ["--out", str(self.out)]
        for setting in self.overrides:
            words += ["--set", setting]
        return shlex.join(words)


@dataclass(frozen=True, kw_only=True)
class RecipeOutcome:
    """What a recipe returns.

    Parameters
    ----------
    report : the page, None when the stage ``report`` did not run
    results : ``results.json``, likewise
    message : a few lines for the user
    """

    report: Path | None = None
    results: Path | None = None
    message: str = ""
