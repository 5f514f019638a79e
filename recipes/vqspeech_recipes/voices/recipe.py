"""The recipe `voices`: prepare, codes, train, judge, export, report."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from vqspeech.analysis.listening.judge.evaluation import judge_clips
from vqspeech.analysis.listening.judge.judge import Judge
from vqspeech.analysis.listening.judge.sources import corpus_sources, draw, store_sources
from vqspeech.analysis.listening.judge.synthesis import Model, synthesise
from vqspeech.analysis.listening.judge.targets import find_targets
from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import RunConfig, merge, plain
from vqspeech.corpora.reading import read_corpus
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import VQSpeechError
from vqspeech.experiments import Experiment, RecipeOutcome, RecipeRequest, Result, Results, Stage, run_experiment, say
from vqspeech.experiments.components import draw_training
from vqspeech.experiments.directory import open_directory
from vqspeech.experiments.facts import describe, last_row, say_skipped, speech_corpus
from vqspeech.files import write_json
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.progress import reporter
from vqspeech.publishing.export import ExportOptions, export
from vqspeech.runs import RunDirectory
from vqspeech.runs.made import remove_made
from vqspeech.training import run as runs
from vqspeech_recipes.voices.page import collect, page, summary
from vqspeech_recipes.voices.settings import VoicesSettings, resolve_settings

CODES, VOICES, PUBLISHED = "codes", "voices", "published"
"""Run directories of codes and decoder, and directory of the model to publish."""


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the requested stages in a run directory and write its report.

    Raises
    ------
    InputError : for settings that cannot be used, or a directory of another run
    """
    settings = resolve_settings(request)
    open_directory(request.out, "voices", contents=[CODES, VOICES, PUBLISHED], fresh=request.fresh)
    return run_experiment(request, VoicesRecipe(RunDirectory(request.out), settings).experiment())


class VoicesRecipe:
    """The work of each stage.

    Parameters
    ----------
    run : its opened run directory
    settings : settings that it depends on
    """

    def __init__(self, run: RunDirectory, settings: VoicesSettings) -> None:
        self.run, self.settings = run, settings
        self.codes, self.voices = RunDirectory(run.path / CODES), RunDirectory(run.path / VOICES)
        self.seed = settings.codes.seed
        self.published = run.path / PUBLISHED

    def experiment(self) -> Experiment:
        """Declare the stages."""
        run, settings = self.run, self.settings
        config = plain(settings.codes)
        data = {"corpus": config["corpus"], "data_dir": str(settings.data_dir.absolute())}
        return Experiment(
            out=run.path,
            stages=(
                Stage(name="prepare", work=self._prepare, config=data, files=(run.store,)),
                Stage(
                    name="codes",
                    work=lambda made: self._train(self.codes, settings.codes),
                    after=("prepare",),
                    config=config,
                    files=(self.codes.checkpoints, self._curves(self.codes)),
                ),
                Stage(
                    name="train",
                    work=lambda made: self._train(self.voices, self._decoder()),
                    after=("prepare", "codes"),
                    config=settings.values,
                    files=(self.voices.checkpoints, self._curves(self.voices)),
                ),
                Stage(
                    name="judge",
                    work=self._judge,
                    after=("prepare", "train"),
                    config={**plain(settings.evaluate), "speakers": settings.publish.speakers},
                    files=(run.judged,),
                    failure=_unjudged,
                ),
                Stage(
                    name="export",
                    work=self._export,
                    after=("train", "judge"),
                    config=plain(settings.publish),
                    files=(self.published,),
                ),
            ),
            results=lambda made: collect(made, settings),
            report=lambda made, results: page(
                run, made, results, [self._curves(self.codes), self._curves(self.voices)]
            ),
            summary=summary,
            settings={"codes": config, "decoder": settings.values},
        )

    @cached_property
    def store(self) -> AudioStore:
        """The prepared corpus."""
        return AudioStore.open(self.run.store)

    @cached_property
    def codec(self) -> SpeechCodec:
        """The trained model."""
        return load_speech(self.voices.path)

    def _prepare(self, made: Results) -> Result:
        facts = speech_corpus(runs.prepare(self.settings.codes, self.run.path, self.settings.data_dir))
        say(describe(facts))
        say_skipped(self.store.corpus.skipped)
        return {"corpus": facts}

    def _curves(self, run: RunDirectory) -> Path:
        return self.run.pictures / f"{run.path.name}.png"

    def _decoder(self) -> RunConfig:
        """Return the configuration of the decoder's training, on the codes that there are now."""
        return runs.checked(merge(self.settings.values, {"model": {"codes_from": str(self.codes.path)}}))

    def _train(self, directory: RunDirectory, config: RunConfig) -> Result:
        runs.open_run(directory.path, config)
        trained = runs.train(config, directory.path, self.store)
        draw_training(directory.metrics, self._curves(directory))
        return {
            "steps": trained.step,
            "seconds": trained.seconds,
            "checkpoint": trained.checkpoint.name,
            "validation": last_row(directory.metrics, "valid"),
        }

    def _judge(self, made: Results) -> Result:
        """Judge conversions of unheard speakers to the published voices, at each bit rate."""
        wanted, folder, seed = self.settings.evaluate, self.run.judged, self.seed
        judge = Judge.installed()
        for why in judge.unavailable.values():
            say(f"not judged: {why}")
        remove_made(folder)
        folder.mkdir(parents=True)
        voices = self.settings.publish.speakers or self.codec.speakers
        rates = [self.codec.with_codebooks(count) for count in wanted.codebooks] or [self.codec]
        models = [
            Model(name=f"{codec.bits_per_second:.0f} bit/s", codec=codec, voices=tuple(voices)) for codec in rates
        ]
        corpus = read_corpus(wanted.corpus, self.settings.data_dir)
        drawn = draw(corpus_sources(corpus), wanted.utterances, seed, frozenset(self.codec.heard_speakers), "unheard")
        for note in drawn.notes:
            say(note)
        clips = synthesise(
            models,
            drawn.sources,
            folder,
            SpeakOptions(seed=seed),
            lambda label: reporter(f"judge: {label}"),
            conversions=wanted.conversions or None,
        )
        recordings = store_sources(self.store)
        targets = find_targets(list(voices), [recordings], self.codec.path, folder, judge.embedder, drawn.sources)
        results = judge_clips(
            clips,
            judge=judge,
            targets=targets,
            models=models,
            drawn=drawn,
            data={"name": corpus.name, "variant": corpus.variant},
            out=folder,
            seed=seed,
            show=reporter,
        )
        write_json(folder / "results.json", results)
        return results

    def _export(self, made: Results) -> Result:
        """Write the model to publish, with its card."""
        publish = self.settings.publish
        notes = self.run.path / "card-notes.md"
        notes.write_text(publish.notes, encoding="utf-8")
        judged = self.run.judged / "results.json"
        options = ExportOptions(
            speakers=publish.speakers or None,
            allow_changed_codes=True,
            results=judged if judged.is_file() else None,
            notes=notes if publish.notes else None,
            name=publish.name,
        )
        remove_made(self.published)
        exported = export(self.codec, self.published, options)
        say(f"{exported.path} ({exported.megabytes:.1f} MB)")
        changes = exported.changes
        return {
            "path": str(exported.path),
            "megabytes": exported.megabytes,
            "codes_changed": None if changes is None else changes.changed,
            "codes_compared": None if changes is None else changes.codes,
            "missing": list(exported.missing),
        }


def _unjudged(error: Exception) -> dict[str, Any]:
    if not isinstance(error, VQSpeechError):
        raise error
    return {"reason": str(error)}
