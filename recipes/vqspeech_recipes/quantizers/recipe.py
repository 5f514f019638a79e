"""The recipe `quantizers`: one store, one training per quantizer and seed, one table."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

from vqspeech.alignment.inventories import label_doubts
from vqspeech.config import RunConfig, plain
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import CheckpointError
from vqspeech.experiments import Experiment, RecipeOutcome, RecipeRequest, Result, Results, Stage, run_experiment, say
from vqspeech.experiments.directory import open_directory
from vqspeech.experiments.facts import speech_corpus
from vqspeech.files import write_json
from vqspeech.report.images import save_figure
from vqspeech.runs import RunDirectory
from vqspeech.runs.made import remove_made
from vqspeech.training import run as runs
from vqspeech_recipes.quantizers.measure import PROTOCOL, measure
from vqspeech_recipes.quantizers.page import comparison, page
from vqspeech_recipes.quantizers.results import collect, summarise, summary
from vqspeech_recipes.quantizers.settings import QuantizersSettings, resolve_settings


def run(request: RecipeRequest) -> RecipeOutcome:
    """Train and measure every quantizer with every seed, and write the table.

    A quantizer that raises is a row of the table with its error, and is tried again by the next call.

    Raises
    ------
    InputError : for settings that cannot be used, or a directory with something else in it
    """
    settings = resolve_settings(request)
    open_directory(request.out, "quantizers", contents=["runs"], fresh=request.fresh)
    return run_experiment(request, QuantizersRecipe(RunDirectory(request.out), settings).experiment())


class QuantizersRecipe:
    """The work of each stage.

    Parameters
    ----------
    run : directory of the comparison, opened
    settings : settings that it depends on
    """

    def __init__(self, run: RunDirectory, settings: QuantizersSettings) -> None:
        self.run, self.settings = run, settings

    def experiment(self) -> Experiment:
        """Declare the stages."""
        run, settings = self.run, self.settings
        data = {
            "corpus": plain(settings.shared)["corpus"],
            "sample_rate": settings.values["model"].get("sample_rate"),
            "data_dir": os.path.realpath(settings.data_dir) if settings.data_dir else None,
        }
        compared = {"quantizers": settings.quantizers, "seeds": settings.seeds, "options": settings.options}
        return Experiment(
            out=run.path,
            stages=(
                Stage(name="prepare", work=self._prepare, config=data, files=(run.store,)),
                *(self._run_stage(name, seed) for seed in settings.seeds for name in settings.quantizers),
                Stage(
                    name="compare",
                    work=self._compare,
                    after=("prepare", "runs"),
                    config=compared,
                    files=(run.pictures / "comparison.png",),
                ),
            ),
            results=lambda made: collect(made, settings),
            report=lambda made, results: page(results, run.pictures / "comparison.png"),
            summary=summary,
            settings=settings.values,
        )

    @cached_property
    def store(self) -> AudioStore:
        """The prepared corpus."""
        return AudioStore.open(self.run.store)

    def _prepare(self, made: Results) -> Result:
        # A store of another corpus may be here, or this stage would not run.
        remove_made(self.run.store)
        store = runs.prepare(self.settings.shared, self.run.path, self.settings.data_dir)
        aligned = {row.id: row.alignment for row in store.rows if row.alignment is not None}
        # The labels of a synthesiser are its own and known to be phones.
        doubts = () if store.corpus.synthetic else label_doubts(aligned)
        for doubt in doubts:
            say(f"warning: {doubt}")
        return {"corpus": speech_corpus(store), "label_doubts": list(doubts)}

    def _run_stage(self, quantizer: str, seed: int) -> Stage:
        """Return the stage that trains and measures a quantizer with a seed."""
        name = f"runs/{quantizer.replace('/', '--')}/seed-{seed}"
        row: Result = {"quantizer": quantizer, "seed": seed, "error": None}
        config: Any
        try:
            config = plain(self.settings.configuration(quantizer, seed))
        except Exception as error:
            # A quantizer of a plugin may raise anything; its stage raises it again and becomes a row of the table.
            config = str(error)

        def work(made: Results) -> Result:
            checked = self.settings.configuration(quantizer, seed)
            return {**row, **self._train_and_measure(self.run.path / name, checked)}

        return Stage(
            name=name,
            group="runs",
            work=work,
            after=("prepare",),
            config={"config": config, "protocol": PROTOCOL},
            files=(RunDirectory(self.run.path / name).checkpoints,),
            failure=lambda error: {**row, "error": f"{type(error).__name__}: {error}"},
        )

    def _train_and_measure(self, folder: Path, config: RunConfig) -> Result:
        self._open(folder, config)
        trained = runs.train(config, folder, self.store)
        return {
            "steps": trained.step,
            "train_seconds": trained.seconds,
            "steps_per_second": trained.step / trained.seconds,
            **measure(folder, self.store, config.seed),
        }

    def _open(self, folder: Path, config: RunConfig) -> None:
        """Continue a run, or start over when it was made with another configuration or from other data."""
        data = folder / "data.json"
        same = not data.exists() or json.loads(data.read_text(encoding="utf-8")) == self.store.fingerprint
        try:
            runs.open_run(folder, config, fresh=not same)
        except CheckpointError as error:
            say(f"starting over: {error}".partition(". Give")[0])
            runs.open_run(folder, config, fresh=True)
        write_json(data, self.store.fingerprint)

    def _compare(self, made: Results) -> Result:
        order = self.settings.quantizers
        rows = [result for name, result in made.items() if name.startswith("runs/")]
        rows.sort(key=lambda row: order.index(row["quantizer"]))
        summaries = [summarise(name, rows, self.settings.options.get(name, {})) for name in order]
        save_figure(comparison(summaries, rows), self.run.pictures / "comparison.png")
        return {"quantizers": summaries, "runs": rows}
