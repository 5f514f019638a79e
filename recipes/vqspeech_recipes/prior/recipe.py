"""The recipe `prior`: prepare, encode, train, sample, measure, speak, judge, report."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from vqspeech.analysis.listening.judge.judge import Judge
from vqspeech.analysis.listening.judge.sources import store_sources
from vqspeech.analysis.sampled.compare import HELD_OUT, Yardstick, windows
from vqspeech.analysis.sampled.held_out import held_out_bits
from vqspeech.analysis.sampled.ngram_draws import NAMES
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.config import plain
from vqspeech.corpora.aligning import aligned
from vqspeech.corpora.code_store import CodeStore
from vqspeech.corpora.reading import read_corpus
from vqspeech.corpora.store import AudioStore, prepare
from vqspeech.encoding import encode_store
from vqspeech.errors import InputError
from vqspeech.experiments import Experiment, RecipeOutcome, RecipeRequest, Result, Results, Stage, run_experiment, say
from vqspeech.experiments.components import draw_codebooks, draw_training
from vqspeech.experiments.directory import MARKER, open_directory
from vqspeech.experiments.facts import codebook_use, describe, last_row, say_skipped, speech_corpus
from vqspeech.files import write_json
from vqspeech.progress import reporter
from vqspeech.runs import RunDirectory
from vqspeech.runs.made import remove_made
from vqspeech.training import run as runs
from vqspeech.training.codes import LoadedPrior, load_prior
from vqspeech.untrusted import json_object
from vqspeech_recipes.prior.coding import joined, phone_map, phones_of_codes
from vqspeech_recipes.prior.drawing import draw_from_ngrams, draw_from_prior, training_rows
from vqspeech_recipes.prior.measuring import measure
from vqspeech_recipes.prior.page import curves, measured, page
from vqspeech_recipes.prior.results import collect, summary
from vqspeech_recipes.prior.settings import FURTHER, MAIN, TRAIN, PriorRun, PriorSettings, resolve_settings
from vqspeech_recipes.prior.speaking import judge_clips, speak, unavailable

SAMPLED, SAMPLE = "sampled", "sample"
"""Folder of drawn codes, a folder for each set; and the name that ``--stages`` uses for drawing."""


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the requested stages in a directory and write its report.

    Raises
    ------
    InputError : for settings that cannot be used, or a directory of something else
    """
    settings = resolve_settings(request)
    for sentence in settings.choices:
        say(sentence)
    open_directory(request.out, "prior", contents=[MAIN, FURTHER, SAMPLED], fresh=request.fresh)
    # The page's command repeats the run wherever VQSPEECH_DATA points.
    request = replace(request, corpus=settings.corpus.name)
    return run_experiment(request, PriorRecipe(RunDirectory(request.out), settings).experiment())


class PriorRecipe:
    """The work of each stage.

    Parameters
    ----------
    run : the directory of the recipe, opened
    settings : settings that it depends on
    """

    def __init__(self, run: RunDirectory, settings: PriorSettings) -> None:
        self.run, self.settings = run, settings
        self.codec, self.window = settings.codec, settings.codes.window
        self.measured = measured(run)
        self._priors: dict[str, LoadedPrior] = {}

    def experiment(self) -> Experiment:
        """Declare the stages."""
        run, settings = self.run, self.settings
        data = {
            "corpus": plain(settings.corpus),
            "sample_rate": self.codec.sample_rate,
            "data_dir": os.path.realpath(settings.data_dir) if settings.data_dir else None,
        }
        model = {"codebook": self.codec.codebook, "model": str(self.codec.path), "step": self.codec.step}
        drawn = (SAMPLE, "encode")
        return Experiment(
            out=run.path,
            stages=(
                Stage(name="prepare", work=self._prepare, config=data, files=(run.store,)),
                Stage(
                    name="encode",
                    work=self._encode,
                    after=("prepare",),
                    config={**plain(settings.codes), **model},
                    files=(run.codes,),
                ),
                *(self._training(prior) for prior in settings.priors),
                *(self._drawing(prior.name, prior) for prior in settings.priors),
                *(self._drawing(name, order) for order, name in NAMES.items()),
                Stage(
                    name="measure",
                    work=self._measure,
                    after=(*drawn, TRAIN),
                    config={"seed": settings.seed},
                    files=(self.measured,),
                ),
                Stage(
                    name="speak",
                    work=self._speak,
                    after=drawn,
                    config={"listen": [settings.listen.clips, *settings.voices], **model},
                    files=(run.listening,),
                ),
                Stage(
                    name="judge",
                    work=self._judge,
                    after=("speak", "prepare"),
                    config={**plain(settings.listen), "unavailable": unavailable(settings.listen.recogniser)},
                    failure=lambda error: {"reason": f"judging failed: {error}"},
                ),
            ),
            results=lambda made: collect(made, settings),
            report=lambda made, results: page(run, made, results, settings),
            summary=summary,
            settings={"priors": [plain(prior.run) for prior in settings.priors], "choices": settings.choices},
        )

    def _training(self, prior: PriorRun) -> Stage:
        directory = prior.directory(self.run)
        return Stage(
            name=prior.stage,
            group=TRAIN,
            work=lambda made: self._train(prior, made["encode"]["sha256"]),
            after=("encode",),
            config=plain(prior.run),
            files=(directory.checkpoints, curves(self.run, prior.name)),
        )

    def _drawing(self, name: str, source: PriorRun | int) -> Stage:
        """Return the stage that draws windows: from a prior, or from n-grams of an order."""
        path, trained = self._sampled(name), () if isinstance(source, int) else (source.stage,)
        return Stage(
            name=f"{SAMPLE}/{name}",
            group=SAMPLE,
            work=lambda made: self._draw(source, path),
            after=("encode", *trained),
            config={**plain(self.settings.sample), "seed": self.settings.seed},
            files=(path,),
        )

    @cached_property
    def store(self) -> AudioStore:
        """The prepared corpus."""
        return AudioStore.open(self.run.store)

    @cached_property
    def table(self) -> CodeTable:
        """The codes of the corpus."""
        return CodeTable.read(self.run.codes)

    @cached_property
    def held_out(self) -> list[UtteranceCodes]:
        """Windows of held-out speech.

        Raises
        ------
        InputError : when there is none
        """
        rows = [row for row in self.table if row.split not in ("", "train")]
        found = windows([row.codes for row in rows], self.window, self.settings.sample.count, seed=self.settings.seed)
        if len(found) < 2:
            raise InputError(
                f"the held-out speech of {self.run.codes} has {len(found)} windows of {self.window} codes; give more "
                "recordings, or shorter windows with --set codes.window=FRAMES"
            )
        return [replace(rows[number], codes=codes) for number, codes in found]

    def prior(self, prior: PriorRun) -> LoadedPrior:
        """Return a trained prior."""
        if prior.name not in self._priors:
            self._priors[prior.name] = load_prior(prior.directory(self.run).path)
        return self._priors[prior.name]

    def _sampled(self, name: str) -> Path:
        return self.run.path / SAMPLED / name / "codes.parquet"

    def _prepare(self, made: Results) -> Result:
        corpus = read_corpus(self.settings.corpus, self.settings.data_dir)
        show = reporter("prepare")
        if self.settings.corpus.aligner is not None:
            corpus = aligned(corpus, self.settings.corpus.aligner, progress=show)
        trim_db, rate = self.settings.corpus.trim_db, self.codec.sample_rate
        facts = speech_corpus(prepare(corpus, self.run.store, sample_rate=rate, trim_db=trim_db, progress=show))
        say(describe(facts))
        say_skipped(self.store.corpus.skipped)
        return {"corpus": facts}

    def _encode(self, made: Results) -> Result:
        own = encode_store(self.codec, self.store, reporter("encode"))
        table = joined(own, self.window)
        table.write(self.run.codes)
        use = codebook_use(table)
        say(f"{len(self.held_out)} windows of held-out speech")
        splits = {split: [row for row in table if row.split == split] for split in ("train", "valid", "test")}
        return {
            **use,
            "pictures": draw_codebooks(use["codebooks"], self.run.pictures),
            "phones": phones_of_codes(own, self.store, self.settings.codes.phones),
            "rows": {split: len(rows) for split, rows in splits.items()},
            "frames": {split: sum(row.codes.shape[1] for row in rows) for split, rows in splits.items()},
            "sha256": _hash(self.run.codes),
        }

    def _train(self, prior: PriorRun, codes: str) -> Result:
        directory = prior.directory(self.run)
        marker = directory.path / MARKER
        runs.open_run(directory.path, prior.run, fresh=marker.is_file() and _codes_of(marker) != codes)
        write_json(marker, {"recipe": "prior", "codes": codes})
        trained = runs.train(prior.run, directory.path, runs.prepare(prior.run, directory.path, self.run.codes))
        draw_training(directory.metrics, curves(self.run, prior.name))
        self._priors.pop(prior.name, None)
        return {
            "steps": trained.step,
            "seconds": trained.seconds,
            "checkpoint": trained.checkpoint.name,
            "parameters": sum(weight.numel() for weight in self.prior(prior).model.parameters()),
            "validation": last_row(directory.metrics, "valid"),
        }

    def _draw(self, source: PriorRun | int, path: Path) -> Result:
        """Draw windows from a prior, or from n-grams of an order."""
        path.parent.mkdir(parents=True, exist_ok=True)
        seed, sample = self.settings.seed, self.settings.sample
        if isinstance(source, int):
            draw_from_ngrams(self.table, self.held_out, source, seed).write(path)
            return {"sha256": _hash(path)}
        drawn = draw_from_prior(self.codec, self.prior(source), self.held_out, sample, seed)
        drawn.table.write(path)
        return {"seconds": drawn.seconds, "seconds_of_one": drawn.seconds_of_one, "sha256": _hash(path)}

    def _drawn(self) -> dict[str, list[UtteranceCodes]]:
        """Return what was drawn: from priors, then from n-grams, the longest first."""
        names = [prior.name for prior in self.settings.priors] + [NAMES[order] for order in sorted(NAMES, reverse=True)]
        return {name: list(CodeTable.read(self._sampled(name))) for name in names}

    def _measure(self, made: Results) -> Result:
        yardstick = Yardstick(
            held_out=[row.codes for row in self.held_out],
            training=[row.codes for row in training_rows(self.table)],
            codebook_sizes=self.table.codebook_sizes,
            frame_rate_hz=self.codec.frame_rate_hz,
            phone_map=phone_map(made["encode"]["phones"]),
            seed=self.settings.seed,
        )
        drawn = {name: [row.codes for row in rows] for name, rows in self._drawn().items()}
        bits = {
            prior.name: held_out_bits(self.prior(prior), CodeStore.open(prior.directory(self.run).store))
            for prior in self.settings.priors
        }
        return measure(bits, drawn, yardstick, self.measured)

    def _speak(self, made: Results) -> Result:
        sets = {HELD_OUT: self.held_out, **self._drawn()}
        remove_made(self.run.listening)
        self.run.listening.mkdir()
        rows = speak(
            self.codec,
            {name: rows[: self.settings.listen.clips] for name, rows in sets.items()},
            self.settings.voices,
            self.run.listening,
            self.settings.seed,
        )
        return {"rows": rows}

    def _judge(self, made: Results) -> Result:
        listen, folder = self.settings.listen, self.run.judged
        judge = Judge.installed(listen.recogniser or None, language=listen.language)
        for why in judge.unavailable.values():
            say(f"not judged: {why}")
        if not (judge.recogniser or judge.embedder or judge.quality):
            return {"reason": next(iter(judge.unavailable.values()))}
        remove_made(folder)
        folder.mkdir()
        recordings = store_sources(self.store)
        return judge_clips(judge, made["speak"]["rows"], self.run.listening, self.codec, recordings, folder)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _codes_of(marker: Path) -> Any:
    """Return the hash of the codes that a run directory was made with; None for a damaged file."""
    try:
        return json_object(marker.read_bytes()).get("codes")
    except (OSError, ValueError):
        return None
