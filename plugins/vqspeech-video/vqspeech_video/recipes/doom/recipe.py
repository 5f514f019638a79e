"""The recipe `doom`: prepare, train, encode, prior, evaluate, report."""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from importlib.util import find_spec

import numpy as np
import torch
from vqspeech_image.evaluation.codes import book_uses, unigram_nats
from vqspeech_image.evaluation.references import psnr_db
from vqspeech_image.models import LoadedImages, load_images
from vqspeech_image.store import ImageStore

from vqspeech.config import RunConfig, plain
from vqspeech.corpora.code_store import CodeStore
from vqspeech.experiments import Experiment, RecipeOutcome, RecipeRequest, Result, Results, Stage, run_experiment, say
from vqspeech.experiments.components import draw_codebooks, draw_training
from vqspeech.experiments.facts import say_skipped
from vqspeech.files import whole_directory
from vqspeech.runs import RunDirectory
from vqspeech.runs.made import remove_made
from vqspeech.training import run as runs
from vqspeech.training.codes import LoadedPrior
from vqspeech.training.trainer import TrainResult
from vqspeech_video.films import save_animation, save_film, save_strips
from vqspeech_video.modality import load_frames_prior
from vqspeech_video.recipes.doom import measuring
from vqspeech_video.recipes.doom.clips import Clips, clip_starts, decoded, held_out_clips, require_clips, training_pairs
from vqspeech_video.recipes.doom.page import page
from vqspeech_video.recipes.doom.priors import train_together
from vqspeech_video.recipes.doom.results import collect, goals, summary
from vqspeech_video.recipes.doom.settings import PRIOR, TWIN, DoomSettings, resolve_settings

SPLIT = "test"
PAIRS = 6000
"""Training frames that the reader of actions is fitted on, at most."""


def run(request: RecipeRequest) -> RecipeOutcome:
    """Run the requested stages and write the report.

    Raises
    ------
    InputError : for settings that cannot be used, or a directory of another run
    """
    settings = resolve_settings(request, __package__ or "")
    for sentence in settings.choices:
        say(sentence)
    recipe = DoomRecipe(RunDirectory(request.out), settings)
    runs.open_run(request.out, settings.run, fresh=request.fresh)
    for name, config in settings.priors.items():
        runs.open_run(request.out / name, config, fresh=request.fresh)
    return run_experiment(request, recipe.experiment())


class DoomRecipe:
    """The work of each stage.

    Parameters
    ----------
    run : its run directory, which is that of the model of frames
    settings : settings that it depends on
    """

    def __init__(self, run: RunDirectory, settings: DoomSettings) -> None:
        self.run, self.settings = run, settings

    def experiment(self) -> Experiment:
        """Declare the stages."""
        run, settings = self.run, self.settings
        config = plain(settings.run)
        data = os.path.realpath(settings.data_dir) if settings.data_dir else None
        evaluate = plain(settings.evaluate)
        length = settings.evaluate.length
        stages = (
            Stage(
                name="prepare",
                work=self._prepare,
                config={"corpus": config["corpus"], "data_dir": data, "length": length},
                files=(run.store,),
            ),
            Stage(
                name="train",
                work=self._train,
                after=("prepare",),
                config={**config, "tokenizer": str(settings.tokenizer or "")},
                files=(run.checkpoints,),
            ),
            Stage(
                name="encode",
                work=self._encode,
                after=("train",),
                files=(run.below(PRIOR).store, run.pictures / "codebook-0.png"),
            ),
            Stage(
                name="prior",
                work=self._priors,
                after=("encode",),
                config={name: plain(prior) for name, prior in settings.priors.items()},
                files=tuple(run.below(name).checkpoints for name in settings.priors),
            ),
            Stage(
                name="evaluate",
                work=self._evaluate,
                after=("encode", "prior"),
                config=evaluate,
                files=tuple(run.pictures / name for name in ("strips-0.png", "clip-0.webp")),
            ),
        )
        return Experiment(
            out=run.path,
            stages=stages,
            results=lambda made: collect(made, settings),
            report=lambda made, results: page(run, made, results, settings),
            summary=summary,
            settings={"config": config, "preset": settings.preset, "choices": settings.choices},
        )

    @cached_property
    def store(self) -> ImageStore:
        """The frames."""
        return ImageStore.open(self.run.store)

    @property
    def codes(self) -> CodeStore:
        """Their codes."""
        return CodeStore.open(self.run.below(PRIOR).store)

    @cached_property
    def images(self) -> LoadedImages:
        """The trained model of frames."""
        return load_images(self.run.path, device="cuda" if torch.cuda.is_available() else "cpu")

    def prior(self, name: str) -> LoadedPrior:
        """Return a trained prior; its cached sampler computes on the CPU."""
        return load_frames_prior(self.run.path / name)

    def clips(self) -> Clips:
        """Return the held-out clips that are measured."""
        evaluate = self.settings.evaluate
        return held_out_clips(self.store, self.codes, evaluate.length, evaluate.clips, SPLIT)

    def _prepare(self, made: Results) -> Result:
        store = runs.prepare(self.settings.run, self.run.path, self.settings.data_dir)
        corpus, labels, length = store.corpus, np.asarray(store.labels), self.settings.evaluate.length
        counts = {split: len(store.indices(split)) for split in ("train", "valid", SPLIT)}
        clips = {split: len(clip_starts(store, labels, split, 1)) for split in counts}
        require_clips(len(clip_starts(store, labels, SPLIT, length)), SPLIT, length)
        say(f"{corpus.variant}: " + ", ".join(f"{split} {count:,} frames" for split, count in counts.items()))
        say_skipped(corpus.skipped)
        shares = np.bincount(labels[labels >= 0], minlength=len(store.class_names)) / max(1, (labels >= 0).sum())
        facts = {
            "name": corpus.name,
            "variant": corpus.variant,
            "frames": counts,
            "clips": clips,
            "actions": dict(zip(store.class_names, shares.tolist(), strict=True)),
            "skipped": len(corpus.skipped),
            "fingerprint": store.fingerprint,
        }
        return {"corpus": facts, "notes": corpus.notes}

    def _train(self, made: Results) -> Result:
        taken = self.settings.tokenizer
        if taken is not None and not self.run.list_checkpoints():
            say(f"taking {taken}")
            with whole_directory(self.run.checkpoints / taken.name) as folder:
                shutil.copytree(taken, folder, dirs_exist_ok=True)
            shutil.copyfile(RunDirectory.of_checkpoint(taken).metrics, self.run.metrics)
        return self._trained(self.settings.run, self.run, runs.train(self.settings.run, self.run.path, self.store))

    def _trained(self, config: RunConfig, run: RunDirectory, trained: TrainResult) -> Result:
        name = run.path.name if run.path != self.run.path else "model"
        draw_training(run.metrics, self.run.pictures / f"training-{name}.png")
        return {
            "steps": trained.step,
            "seconds": trained.seconds,
            "checkpoint": trained.checkpoint.name,
            "frames_seen": trained.step * config.train.batch_size,
        }

    def _encode(self, made: Results) -> Result:
        # Codes and priors of another model may be here, or this stage would not run.
        for name in self.settings.priors:
            for stale in (self.run.below(name).store, self.run.below(name).checkpoints):
                remove_made(stale)
        codes = runs.prepare(self.settings.priors[PRIOR], self.run.path / PRIOR, self.run.path)
        rows = codes.indices(SPLIT)
        books = [
            {"size": use.size, "codes_used": use.used, "perplexity": use.perplexity, "counts": list(use.counts)}
            for use in book_uses(codes.at(""), rows)
        ]
        draw_codebooks(books, self.run.pictures)
        return {
            "codebooks": books,
            "grid": list(codes.at("").space.grid or ()),
            "unigram_nats": unigram_nats(codes.at(""), codes.indices("train"), rows),
        }

    def _priors(self, made: Results) -> Result:
        priors, found = self.settings.priors, {}
        for name, trained in zip(priors, train_together(self.run, priors), strict=True):
            found[name] = self._trained(priors[name], self.run.below(name), trained)
            found[name]["parameters"] = sum(weight.numel() for weight in self.prior(name).model.parameters())
        return found

    def _evaluate(self, made: Results) -> Result:
        evaluate, seed = self.settings.evaluate, self.settings.run.seed
        clips, prior, twin, context = self.clips(), self.prior(PRIOR), self.prior(TWIN), evaluate.context
        say(f"measuring on {len(clips)} clips of the split {SPLIT}")
        nats = measuring.costs(prior, twin, clips, evaluate, seed)
        generated = measuring.continuations(prior, twin, clips, evaluate, seed)
        say("comparing frames")
        training = training_pairs(self.store, PAIRS, seed)
        rebuilt = decoded(self.images, clips.codes)
        found = {
            "split": SPLIT,
            "clips": len(clips),
            "tokenizer_psnr_db": psnr_db(clips.pixels, rebuilt),
            "nats": nats,
            "frames": measuring.frames_measured(self.images, clips, generated, context, seed),
            "movement": measuring.movement(self.images, clips, generated, context),
            "actions_read": measuring.actions_read(self.images, clips, generated, training, context, seed),
            "samples": measuring.samples_measured(prior, clips, generated, context),
            "speed": measuring.timed(prior, clips, context, evaluate.frames),
        }
        found["shown"] = self._draw(clips, generated)
        return {**found, "goals": goals(found, made["encode"]["codebooks"][0])}

    def _draw(self, clips: Clips, generated: measuring.Generated) -> list[str]:
        """Draw strips and animations of some clips; returns what their rows are."""
        evaluate, pictures = self.settings.evaluate, self.run.pictures
        context = evaluate.context
        rows = {"real": clips.pixels}
        drawn = {"real actions": generated.true[:, 0], "no actions": generated.twin[:, 0]}
        drawn |= {f"all {name}": codes for name, codes in list(generated.held.items())[:4]}
        for name, codes in drawn.items():
            # The given frames as the prior knows them: decoded from their codes.
            rows[name] = decoded(self.images, np.concatenate([clips.codes[:, :context], codes], 1))
        for number, clip in enumerate(np.linspace(0, len(clips) - 1, evaluate.shown).round().astype(int)):
            shown = [frames[clip] for frames in rows.values()]
            save_strips(shown, context, pictures / f"strips-{number}.png")
            save_animation(shown, context, pictures / f"clip-{number}.webp")
            film = pictures / f"clip-{number}.mp4"
            film.unlink(missing_ok=True)
            if find_spec("av"):
                save_film(shown, context, film)
        return list(rows)
