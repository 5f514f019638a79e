"""The quantizer comparison: one store, one training per quantizer and seed, one table."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vqspeech.config import plain
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import CheckpointError, InputError
from vqspeech.experiments.request import RecipeOutcome, RecipeRequest
from vqspeech.experiments.stages import Stages
from vqspeech.files import write_json
from vqspeech.runs import RunDirectory
from vqspeech.training import run as runs
from vqspeech.training.stopping import Interrupted
from vqspeech_recipes.quantizers.measure import PROTOCOL, Result, measure
from vqspeech_recipes.quantizers.page import write_page
from vqspeech_recipes.quantizers.settings import Settings, settle

MEASURES = (
    "perplexity", "codes_used", "nll_bits_per_sample", "nll_shuffled_codes_bits_per_sample", "phoneme_accuracy",
    "phoneme_accuracy_other_speakers", "phoneme_accuracy_random_codes", "bits_per_second", "entropy_bits_per_second",
    "steps_per_second", "encoding_times_real_time",
)  # fmt: skip
"""What is averaged over seeds."""


def run(request: RecipeRequest) -> RecipeOutcome:
    """Train and measure every quantizer with every seed, and write the table; runs whose inputs are unchanged are not repeated.

    A quantizer that raises is named in the table with what it raised, and is tried again by the next call.

    Raises
    ------
    InputError : for settings that cannot be used, or a directory with something else in it
    """
    settings = settle(request)
    _open(request.out, fresh=request.fresh)
    return _Comparison(request, settings).run()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _open(out: Path, *, fresh: bool) -> None:
    if out.is_dir() and not (out / "comparison.json").exists() and any(out.iterdir()):
        raise InputError(
            f"{out} holds files but no comparison of quantizers; give an empty or a new directory as --out"
        )
    if fresh:
        RunDirectory(out).clear()
        (out / "comparison.json").unlink(missing_ok=True)
        shutil.rmtree(out / "runs", ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "comparison.json").touch()


class _Comparison:
    def __init__(self, request: RecipeRequest, settings: Settings) -> None:
        self.request, self.settings, self.out = request, settings, RunDirectory(request.out)

    def run(self) -> RecipeOutcome:
        wants, settings = self.request.wants, self.settings
        data = str(settings.data_dir.absolute()) if settings.data_dir else None
        inputs = {"corpus": plain(settings.shared)["corpus"], "rate": settings.values["model"].get("sample_rate"), "data_dir": data}  # fmt: skip
        stages = Stages(self.out.stages, _say)
        if stages.run("prepare", inputs, self._prepare, wanted=wants("prepare"), made=(self.out.store,)) is None:
            raise InputError(
                f"stage 'prepare' has not run in {self.out.path}; add it to --stages, or leave --stages away"
            )
        if not wants("runs"):
            if wants("report"):
                raise InputError("stage 'report' goes with 'runs', which repeats nothing; give --stages runs,report")
            return RecipeOutcome(message="prepared; without --stages the rest follows")
        store = AudioStore.open(self.out.store)
        rows = [self._row(name, seed, store) for seed in settings.seeds for name in settings.quantizers]
        rows.sort(key=lambda row: settings.quantizers.index(row["quantizer"]))
        if not wants("report"):
            return RecipeOutcome(
                message=f"{len(rows)} runs in {self.out.path / 'runs'}; without --stages the report follows"
            )
        results = self._results(rows, store)
        path = write_json(self.out.results, results)
        failed = [summary["quantizer"] for summary in results["quantizers"] if summary["failures"]]
        message = f"results: {path}" + (f"\nfailed: {', '.join(failed)}; the table says why" if failed else "")
        return RecipeOutcome(report=write_page(self.request, results), results=path, message=message)

    def _prepare(self) -> Result:
        if (self.out.store).exists():  # of another corpus, or this stage would not run
            shutil.rmtree(self.out.store)
        store = runs.prepare(self.settings.shared, self.out.path, self.settings.data_dir)
        return {"fingerprint": store.fingerprint}

    def _row(self, quantizer: str, seed: int, store: AudioStore) -> Result:
        """The run of a quantizer and a seed: its measures, or ``error`` with what it raised."""
        _say(f"{quantizer}, seed {seed}")
        row: Result = {"quantizer": quantizer, "seed": seed, "error": None}
        try:
            return row | self._run(quantizer, seed, store)
        except Interrupted:
            raise
        except Exception as error:  # a plugin may raise anything, and the others go on
            _say(f"{quantizer}, seed {seed}, failed: {type(error).__name__}: {error}")
            return row | {"error": f"{type(error).__name__}: {error}"}

    def _run(self, quantizer: str, seed: int, store: AudioStore) -> Result:
        config = self.settings.configuration(quantizer, seed)
        folder = self.out.path / "runs" / quantizer.replace("/", "--") / f"seed-{seed}"
        inputs = {"config": plain(config), "data": store.fingerprint}
        stages = Stages(RunDirectory(folder).stages, _say)

        def train() -> Result:
            self._claim(folder, config, store)
            done = runs.train(config, folder, store)
            return {"steps": done.step, "train_seconds": done.seconds, "steps_per_second": done.step / done.seconds}

        trained = stages.run("train", inputs, train, made=(RunDirectory(folder).checkpoints,))
        found = stages.run(
            "measure", {**inputs, "train": trained, "protocol": PROTOCOL}, lambda: measure(folder, store, seed)
        )
        assert trained is not None and found is not None
        return trained | found

    def _claim(self, folder: Path, config: Any, store: AudioStore) -> None:
        """Go on with a run, or start it over when it was made from something else."""
        data = folder / "data.json"
        same = not data.exists() or json.loads(data.read_text(encoding="utf-8")) == store.fingerprint
        try:
            runs.open_run(folder, config, fresh=not same)
        except CheckpointError as error:
            _say(f"starts over: {error}".partition(". Give")[0])
            RunDirectory(folder).clear()
            data.unlink(missing_ok=True)
            runs.claim(folder, config)
        data.write_text(json.dumps(store.fingerprint), encoding="utf-8")

    def _results(self, rows: list[Result], store: AudioStore) -> Result:
        settings, corpus = self.settings, store.corpus
        return {
            "corpus": {
                "name": corpus.name,
                "variant": corpus.variant,
                "synthetic": corpus.synthetic,
                "utterances": len(store.rows),
                "speakers": len(store.speakers),
                "minutes": store.duration_s / 60,
                "fingerprint": store.fingerprint,
            },
            "seeds": list(settings.seeds),
            "steps": settings.shared.train.steps,
            "quantizers": [summarise(name, rows, settings.options.get(name, {})) for name in settings.quantizers],
            "runs": rows,
            "config": settings.values,
            "versions": {name: version(name) for name in ("vqspeech", "torch", "numpy")}
            | {"python": sys.version.split()[0]},
        }


def summarise(name: str, rows: list[Result], options: dict[str, Any]) -> Result:
    """Mean and sample standard deviation over the seeds of a quantizer that did not fail; None for what no seed, or one, can tell.

    Parameters
    ----------
    name : of the quantizer
    rows : of all runs
    options : hyper-parameters it was given
    """
    own = [row for row in rows if row["quantizer"] == name]
    done = [row for row in own if row["error"] is None]
    found: Result = {"quantizer": name, "options": options, "seeds": [row["seed"] for row in done]}
    found["failures"] = {str(row["seed"]): row["error"] for row in own if row["error"] is not None}
    found["codes"] = done[0]["codes"] if done else None
    for key in MEASURES:
        values = [row[key] for row in done if row[key] is not None]
        found[key] = {
            "mean": statistics.fmean(values) if values else None,
            "sd": statistics.stdev(values) if len(values) > 1 else None,
        }
    return found
