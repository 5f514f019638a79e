"""The recipe `vctk`: prepare, train, decoders, encode, reconstruct, convert, judge, align, analyze, report."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from vqspeech.analysis.contract import AnalysisContext
from vqspeech.analysis.running import store_context
from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable
from vqspeech.config import plain
from vqspeech.corpora.store import AudioStore
from vqspeech.encoding import encode_store
from vqspeech.experiments import Experiment, RecipeOutcome, RecipeRequest, Result, Results, Stage, run_experiment, say
from vqspeech.experiments.analyses import GROUP, analysis_stages
from vqspeech.experiments.components import draw_codebooks, draw_training
from vqspeech.experiments.facts import codebook_use, describe, last_row, say_skipped, speech_corpus
from vqspeech.progress import reporter
from vqspeech.runs import RunDirectory
from vqspeech.training import run as runs
from vqspeech_recipes.vctk import listening
from vqspeech_recipes.vctk.aligning import align_stage, with_alignments
from vqspeech_recipes.vctk.decoders import DECODERS, DecoderRun, curves
from vqspeech_recipes.vctk.judging import judge_stage
from vqspeech_recipes.vctk.page import page
from vqspeech_recipes.vctk.results import collect, summary
from vqspeech_recipes.vctk.settings import VctkSettings, resolve_settings


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the requested stages in a run directory and write its report.

    Raises
    ------
    InputError : for settings that cannot be used, or a directory of another run
    """
    settings = resolve_settings(request)
    for sentence in settings.choices:
        say(sentence)
    runs.open_run(request.out, settings.run, fresh=request.fresh)
    # The page's command repeats the run wherever VQSPEECH_DATA points.
    request = replace(request, corpus=settings.run.corpus.name)
    return run_experiment(request, VctkRecipe(RunDirectory(request.out), settings).experiment())


class VctkRecipe:
    """The work of each stage.

    Parameters
    ----------
    run : its opened run directory
    settings : settings that it depends on
    """

    def __init__(self, run: RunDirectory, settings: VctkSettings) -> None:
        self.run, self.settings = run, settings
        self.seed = settings.run.seed
        self._codecs: dict[str, SpeechCodec] = {}

    def experiment(self) -> Experiment:
        """Declare the stages."""
        run, settings = self.run, self.settings
        config = plain(settings.run)
        data = {
            "corpus": config["corpus"],
            "data_dir": os.path.realpath(settings.data_dir) if settings.data_dir else None,
        }
        trained = ("prepare", "train")
        return Experiment(
            out=run.path,
            stages=(
                Stage(name="prepare", work=self._prepare, config=data, files=(run.store,)),
                *(self._training(decoder) for decoder in settings.decoders),
                Stage(name="encode", work=self._encode, after=trained, files=(run.codes,)),
                *(self._speaking("reconstruct", listening.reconstruct, decoder) for decoder in settings.decoders),
                *(self._speaking("convert", listening.convert_voices, decoder) for decoder in settings.decoders),
                judge_stage(
                    settings.judge,
                    run.judged,
                    lambda: {one.name: self.codec(one.name) for one in settings.decoders},
                    lambda: self.store,
                    self.seed,
                    after=("prepare", *(one.stage for one in settings.decoders)),
                ),
                *self._analyses(trained),
            ),
            results=lambda made: collect(made, settings),
            report=lambda made, results: page(run, made, results, settings),
            summary=summary,
            settings={
                "config": config,
                "decoders": [plain(one.run) for one in settings.decoders],
                "choices": settings.choices,
            },
            groups=(GROUP, DECODERS),
        )

    def _analyses(self, trained: tuple[str, ...]) -> tuple[Stage, ...]:
        """Return the stages of the analyses, after one that aligns what has no alignment."""
        settings = self.settings
        if not settings.analyses:
            return ()
        trim_db = settings.run.corpus.trim_db
        align = align_stage(settings.aligner, lambda: self.store, self.run.alignments, trim_db, after=("prepare",))
        after = (*trained, "encode", align.name)
        return (align, *analysis_stages(settings.analyses, self._coded, self.run, after=after))

    def _training(self, decoder: DecoderRun) -> Stage:
        """Return the stage that trains a decoder: ``train`` for the model's own."""
        directory = decoder.directory(self.run)
        return Stage(
            name=decoder.stage,
            group="" if decoder.is_main else DECODERS,
            work=lambda made: self._train(decoder),
            after=("prepare",) if decoder.is_main else ("prepare", "train"),
            config=plain(decoder.run),
            files=(directory.checkpoints, curves(self.run, decoder.name)),
        )

    def _speaking(self, group: str, work: Callable[..., Result], decoder: DecoderRun) -> Stage:
        """Return a stage that makes clips by a decoder."""
        return Stage(
            name=f"{group}/{decoder.name}",
            group=group,
            work=lambda made: work(
                self.codec(decoder.name),
                self.store,
                self.settings.listen,
                self.run.listening,
                self.seed,
                reporter(f"{group} {decoder.name}"),
                label=decoder.name,
            ),
            after=("prepare", decoder.stage),
            config=plain(self.settings.listen),
            files=(self.run.listening,),
        )

    @cached_property
    def store(self) -> AudioStore:
        """The prepared corpus."""
        return AudioStore.open(self.run.store)

    def codec(self, decoder: str) -> SpeechCodec:
        """Return the trained model with one of the decoders, by name."""
        if decoder not in self._codecs:
            chosen = next(one for one in self.settings.decoders if one.name == decoder)
            self._codecs[decoder] = load_speech(chosen.directory(self.run).path)
        return self._codecs[decoder]

    @property
    def checkpoint(self) -> SpeechCodec:
        """The trained model with its own decoder."""
        return self.codec(self.settings.decoders[0].name)

    def _prepare(self, made: Results) -> Result:
        store = runs.prepare(self.settings.run, self.run.path, self.settings.data_dir)
        facts = speech_corpus(store)
        say(describe(facts))
        say_skipped(store.corpus.skipped)
        return {"corpus": facts}

    def _train(self, decoder: DecoderRun) -> Result:
        directory, config = decoder.directory(self.run), decoder.configuration(self.run)
        if not decoder.is_main:
            runs.open_run(directory.path, config)
        trained = runs.train(config, directory.path, self.store)
        draw_training(directory.metrics, curves(self.run, decoder.name))
        return {
            "steps": trained.step,
            "seconds": trained.seconds,
            "checkpoint": trained.checkpoint.name,
            "decoder_path": self.codec(decoder.name).facts.get("decoder_path"),
            "codebook": self.codec(decoder.name).codebook,
            "validation": last_row(directory.metrics, "valid"),
        }

    def _encode(self, made: Results) -> Result:
        table = encode_store(self.checkpoint, self.store, reporter("encode"))
        table.write(self.run.codes)
        use = codebook_use(table)
        pictures = draw_codebooks(use["codebooks"], self.run.pictures)
        return {**use, "hop_samples": table.hop_samples, "pictures": pictures}

    def _coded(self) -> AnalysisContext:
        """Return the context of the analyses."""
        aligner = self.settings.run.corpus.aligner
        table = CodeTable.read(self.run.codes)
        context = store_context(self.checkpoint, self.store, table, aligner=aligner, seed=self.seed)
        return with_alignments(context, self.settings.aligner, self.store, self.run.alignments)
