"""What every recipe is given and gives back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RecipeRequest:
    """One wish to run a recipe.

    Parameters
    ----------
    name : the recipe
    out : the run's directory; made when absent, continued when it is there
    corpus : name of a corpus, or ``"auto"``: the recipe's own when ``data_dir`` holds it, else the demo corpus
    data_dir : where the corpus lies; None when nobody said
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
        """Whether a stage is to run."""
        return self.stages is None or stage in self.stages

    def command(self) -> str:
        """The command line that repeats it, from the same folder."""
        words = ["vqspeech", "recipe", "run", self.name, "--corpus", self.corpus]
        for option, given in (("--data-dir", self.data_dir), ("--config", self.config), ("--seed", self.seed)):
            words += [option, str(given)] if given is not None else []
        words += ["--out", str(self.out)]
        for setting in self.overrides:
            words += ["--set", setting]
        return shlex.join(words)


@dataclass(frozen=True, kw_only=True)
class RecipeOutcome:
    """What a recipe leaves.

    Parameters
    ----------
    report : the page to open, None when the stage did not run
    results : results.json, likewise
    message : what to tell the user, a few lines
    """

    report: Path | None = None
    results: Path | None = None
    message: str = ""
