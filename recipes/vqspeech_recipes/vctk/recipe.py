"""The recipe `vctk`: prepare, train, encode, reconstruct, convert, analyze, report."""

from __future__ import annotations

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

    def experiment(self) -> Experiment:
        """Declare the stages."""
        run, settings = self.run, self.settings
        config, listen = plain(settings.run), plain(settings.listen)
        data = {
            "corpus": config["corpus"],
            "data_dir": str(settings.data_dir.absolute()) if settings.data_dir else None,
        }
        trained, curves = ("prepare", "train"), run.pictures / "training.png"
        return Experiment(
            out=run.path,
            stages=(
                Stage(name="prepare", work=self._prepare, config=data, files=(run.store,)),
                Stage(
                    name="train", work=self._train, after=("prepare",), config=config, files=(run.checkpoints, curves)
                ),
                Stage(name="encode", work=self._encode, after=trained, files=(run.codes,)),
                Stage(name="reconstruct", work=self._reconstruct, after=trained, config=listen, files=(run.listening,)),
                Stage(name="convert", work=self._convert, after=trained, config=listen, files=(run.listening,)),
                *analysis_stages(settings.analyses, self._coded, run, after=(*trained, "encode")),
            ),
            results=lambda made: collect(made, settings),
            report=lambda made, results: page(run, made, results, settings),
            summary=summary,
            settings={"config": config, "choices": settings.choices},
            groups=(GROUP,),
        )

    @cached_property
    def store(self) -> AudioStore:
        """The prepared corpus."""
        return AudioStore.open(self.run.store)

    @cached_property
    def checkpoint(self) -> SpeechCodec:
        """The trained model."""
        return load_speech(self.run.path)

    def _prepare(self, made: Results) -> Result:
        store = runs.prepare(self.settings.run, self.run.path, self.settings.data_dir)
        facts = speech_corpus(store)
        say(describe(facts))
        say_skipped(store.corpus.skipped)
        return {"corpus": facts}

    def _train(self, made: Results) -> Result:
        trained = runs.train(self.settings.run, self.run.path, self.store)
        draw_training(self.run.metrics, self.run.pictures / "training.png")
        return {
            "steps": trained.step,
            "seconds": trained.seconds,
            "checkpoint": trained.checkpoint.name,
            "decoder_path": self.checkpoint.facts.get("decoder_path"),
            "validation": last_row(self.run.metrics, "valid"),
        }

    def _encode(self, made: Results) -> Result:
        table = encode_store(self.checkpoint, self.store, reporter("encode"))
        table.write(self.run.codes)
        use = codebook_use(table)
        pictures = draw_codebooks(use["codebooks"], self.run.pictures)
        return {**use, "hop_samples": table.hop_samples, "pictures": pictures}

    def _reconstruct(self, made: Results) -> Result:
        return listening.reconstruct(
            self.checkpoint, self.store, self.settings.listen, self.run.listening, self.seed, reporter("reconstruct")
        )

    def _convert(self, made: Results) -> Result:
        return listening.convert_voices(
            self.checkpoint, self.store, self.settings.listen, self.run.listening, self.seed, reporter("convert")
        )

    def _coded(self) -> AnalysisContext:
        """Return the context of the analyses."""
        return store_context(self.checkpoint, self.store, CodeTable.read(self.run.codes), seed=self.seed)
