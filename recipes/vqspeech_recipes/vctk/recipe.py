"""The VCTK recipe: prepare, train, encode, reconstruct, convert, phonemes, report."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.analysis import codebook
from vqspeech.analysis.phonemes import training_audio
from vqspeech.analysis.phonemes.score import PROTOCOL, score
from vqspeech.codes import CodeTable
from vqspeech.config import plain
from vqspeech.corpora.store import AudioStore
from vqspeech.encoding import encode_store
from vqspeech.errors import InputError
from vqspeech.experiments.request import RecipeOutcome, RecipeRequest
from vqspeech.experiments.stages import Result, Stages, last_row
from vqspeech.files import write_json
from vqspeech.model import Checkpoint, load
from vqspeech.progress import Progress
from vqspeech.runs import RunDirectory
from vqspeech.training import run as runs
from vqspeech_recipes.vctk import listening
from vqspeech_recipes.vctk.page import Evidence, write_page
from vqspeech_recipes.vctk.settings import Settings, settle

STAGES = ("prepare", "train", "encode", "reconstruct", "convert", "phonemes", "report")
VERSIONS = ("vqspeech", "torch", "torchaudio", "librosa", "numpy", "scikit-learn")


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the wanted stages in a run directory and write its report; stages whose inputs are unchanged are not repeated.

    Raises
    ------
    InputError : for settings that cannot be used, or a directory of another run
    """
    settings = settle(request)
    for sentence in settings.choices:
        _say(sentence)
    runs.open_run(request.out, settings.run, fresh=request.fresh)
    return _Recipe(request, settings).run()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class _Recipe:
    def __init__(self, request: RecipeRequest, settings: Settings) -> None:
        self.request, self.settings = request, settings
        self.out = RunDirectory(request.out)
        self.seed = settings.run.seed
        self.stages = Stages(self.out.stages, _say)
        self._loaded: Checkpoint | None = None

    def run(self) -> RecipeOutcome:
        wants, out = self.request.wants, self.out
        data = str(self.settings.data_dir.absolute()) if self.settings.data_dir else None
        corpus = {"corpus": plain(self.settings.run)["corpus"], "data_dir": data}
        prepared = self.stages.run("prepare", corpus, self._prepare, wanted=wants("prepare"), made=(out.store,))
        if self._ends_at("prepare"):
            return self._partial()
        self._has(prepared, "prepare")
        self.store = AudioStore.open(out.store)
        trained = self.stages.run(
            "train",
            {"config": plain(self.settings.run), "data": self.store.fingerprint},
            self._train,
            wanted=wants("train"),
            made=(out.checkpoints,),
        )
        if self._ends_at("train"):
            return self._partial()
        trained = self._has(trained, "train")
        model = {"data": self.store.fingerprint, "train": trained, "seed": self.seed}
        heard = {**model, "listen": plain(self.settings.listen)}
        table, folder = out.codes, out.listening
        coded = self.stages.run("encode", model, self._encode, wanted=wants("encode"), made=(table,))
        rebuilt = self.stages.run("reconstruct", heard, self._reconstruct, wanted=wants("reconstruct"), made=(folder,))
        converted = self.stages.run("convert", heard, self._convert, wanted=wants("convert"), made=(folder,))
        if wants("phonemes"):
            self._has(coded, "encode")
        protocol = {**model, "protocol": PROTOCOL}
        scored = self.stages.run("phonemes", protocol, self._phonemes, wanted=wants("phonemes"), made=(table,))
        if not wants("report"):
            return self._partial()
        return self._report(
            trained,
            self._has(coded, "encode"),
            self._has(rebuilt, "reconstruct"),
            self._has(converted, "convert"),
            self._has(scored, "phonemes"),
        )

    def _ends_at(self, stage: str) -> bool:
        """Whether no wanted stage comes after this one."""
        wanted = self.request.stages
        return wanted is not None and wanted[-1] in STAGES[: STAGES.index(stage) + 1]

    def _partial(self) -> RecipeOutcome:
        stages = ", ".join(self.request.stages or ())
        return RecipeOutcome(message=f"stages done: {stages}; without --stages the rest follows, with the report")

    def _has(self, result: Result | None, stage: str) -> Result:
        """The result of a stage that another one needs."""
        if result is None:
            raise InputError(
                f"stage {stage!r} has not run in {self.out.path}; add it to --stages, or leave --stages away"
            )
        return result

    def _checkpoint(self) -> Checkpoint:
        if self._loaded is None:
            self._loaded = load(self.out.path)
        return self._loaded

    def _prepare(self) -> Result:
        store = runs.prepare(self.settings.run, self.out.path, self.settings.data_dir)
        corpus = store.corpus
        _say(
            f"{corpus.variant}: {len(store.rows)} utterances of {len(store.speakers)} speakers, {store.duration_s / 60:.1f} min"
        )
        for path, reason in list(corpus.skipped.items())[:5]:
            _say(f"skipped {path}: {reason}")
        if len(corpus.skipped) > 5:
            _say(f"skipped {len(corpus.skipped)} files in all; `vqspeech corpora check {corpus.name}` names them")
        return {"fingerprint": store.fingerprint, "utterances": len(store.rows), "skipped": len(corpus.skipped)}

    def _train(self) -> Result:
        result = runs.train(self.settings.run, self.out.path, self.store)
        return {"steps": result.step, "seconds": result.seconds, "checkpoint": result.checkpoint.name}

    def _encode(self) -> Result:
        table = encode_store(self._checkpoint(), self.store, _shower("encode"))
        table.write(self.out.codes)
        use = codebook.usage(table)
        return {
            "frame_rate_hz": use.frame_rate_hz,
            "bits_per_second": use.bits_per_second,
            "entropy_bits_per_second": use.entropy_bits_per_second,
            "codebooks": [
                {
                    "size": book.size,
                    "codes_used": book.codes_used,
                    "perplexity": book.perplexity,
                    "normalised_entropy": book.normalised_entropy,
                    "counts": np.asarray(book.counts).tolist(),
                }
                for book in use.codebooks
            ],
        }

    def _reconstruct(self) -> Result:
        folder = self.out.listening
        return listening.reconstruct(
            self._checkpoint(), self.store, self.settings.listen, folder, self.seed, _shower("reconstruct")
        )

    def _convert(self) -> Result:
        folder = self.out.listening
        return listening.convert_voices(
            self._checkpoint(), self.store, self.settings.listen, folder, self.seed, _shower("convert")
        )

    def _phonemes(self) -> Result:
        alignments = {row.id: row.alignment for row in self.store.rows if row.alignment is not None}
        if not alignments:
            return {
                "scores": None,
                "reason": f"{self.store.corpus.variant} comes without phone alignments; put TextGrids of the Montreal Forced Aligner "
                "beside the audio and read it as the corpus `folder`, or score the run on another corpus with "
                "`vqspeech analyze phonemes`",
            }
        table = CodeTable.read(self.out.codes)
        scores = score(
            table,
            alignments,
            lambda name: self.store.waveform(self.store.by_id(name)),
            seed=self.seed,
            model=self._checkpoint(),
            trained_on=training_audio.of_store(self.store, self.seed),
        )
        return {
            "scores": scores.summary(),
            "counts": scores.counts.tolist(),
            "phone_names": list(scores.phone_names),
            "code_names": list(scores.code_names),
            "reason": None,
        }

    def _report(
        self, trained: Result, coded: Result, rebuilt: Result, converted: Result, scored: Result
    ) -> RecipeOutcome:
        _say("[report]")
        results = self._results(trained, coded, rebuilt, converted, scored)
        path = write_json(self.out.results, results)
        evidence = Evidence(
            out=self.out.path,
            store=self.store,
            checkpoint=self._checkpoint(),
            results=results,
            coded=coded,
            rebuilt=rebuilt,
            converted=converted,
            scored=scored,
            choices=self.settings.choices,
            command=self.request.command(),
        )
        page = write_page(evidence)
        return RecipeOutcome(report=page, results=path, message=_summary(results, path))

    def _results(self, trained: Result, coded: Result, rebuilt: Result, converted: Result, scored: Result) -> Result:
        corpus, valid = self.store.corpus, last_row(self.out.metrics, "valid")
        books = coded["codebooks"]
        return {
            "corpus": {
                "name": corpus.name,
                "variant": corpus.variant,
                "synthetic": corpus.synthetic,
                "utterances": len(self.store.rows),
                "speakers": len(self.store.speakers),
                "minutes": self.store.duration_s / 60,
                "skipped": len(corpus.skipped),
                "fingerprint": self.store.fingerprint,
            },
            "seed": self.seed,
            "steps": trained["steps"],
            "train_seconds": trained["seconds"],
            "frame_rate_hz": coded["frame_rate_hz"],
            "codebook_size": [book["size"] for book in books] if len(books) > 1 else books[0]["size"],
            "codes_used": [book["codes_used"] for book in books] if len(books) > 1 else books[0]["codes_used"],
            "perplexity": [book["perplexity"] for book in books] if len(books) > 1 else books[0]["perplexity"],
            "bits_per_second": coded["bits_per_second"],
            "entropy_bits_per_second": coded["entropy_bits_per_second"],
            "nll_bits_per_sample": valid.get("nll_bits"),
            "nll_shuffled_codes_bits_per_sample": valid.get("shuffled_nll_bits"),
            "phonemes": scored["scores"],
            "phonemes_reason": scored["reason"],
            "reconstruction": rebuilt["scores"],
            "conversion": converted["scores"],
            "conversion_reason": converted["reason"],
            "sampling": rebuilt["sampling"],
            "checkpoint": self.out.list_checkpoints()[-1].name,
            "config": plain(self.settings.run),
            "versions": {name: version(name) for name in VERSIONS} | {"python": sys.version.split()[0]},
        }


def _shower(label: str) -> Callable[[int, int], None]:
    progress: list[Progress] = []

    def show(done: int, total: int) -> None:
        if not progress:
            progress.append(Progress(label, total))
        progress[0].update(done)

    return show


def _summary(results: dict[str, Any], path: Path) -> str:
    """The main numbers, a line each."""
    lines = [f"results: {path}"]
    scores = results["phonemes"]
    if scores:
        lines.append(
            f"phonemes: {scores['accuracy']:.1%} of {scores['frames']} frames named by the codes; k-means on MFCC "
            f"{scores['kmeans_mfcc']:.1%}, random codes {scores['random_codes']:.1%}, most frequent phone {scores['prior']:.1%}"
        )
    lines.append(f"codes used: {results['codes_used']} of {results['codebook_size']}")
    if results["nll_bits_per_sample"] is not None:
        lines.append(
            f"negative log-likelihood: {results['nll_bits_per_sample']:.3f} bit/sample, "
            f"{results['nll_shuffled_codes_bits_per_sample']:.3f} with the codes shuffled"
        )
    if results["reconstruction"]:
        lines.append(
            f"reconstruction (free-running): log-mel distance {results['reconstruction']['log_mel_distance_db']:.1f} dB, "
            f"to another utterance {results['reconstruction']['yardstick_db'] or float('nan'):.1f} dB"
        )
    if results["conversion"] and results["conversion"].get("target_speaker_accuracy") is not None:
        lines.append(
            f"conversion: {results['conversion']['target_speaker_accuracy']:.0%} of {results['conversion']['pairs']} heard as the target "
            f"speaker, {results['conversion']['source_speaker_accuracy']:.0%} as the source"
        )
    return "\n".join(lines)
