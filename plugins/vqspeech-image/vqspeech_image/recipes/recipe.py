"""The stages of recipes of images, from data to report."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

import numpy as np
import torch

from vqspeech.config import RunConfig, plain
from vqspeech.corpora.code_store import CodeStore
from vqspeech.experiments import Experiment, RecipeOutcome, RecipeRequest, Result, Results, Stage, run_experiment, say
from vqspeech.experiments.components import draw_codebooks
from vqspeech.experiments.facts import say_skipped
from vqspeech.runs import RunDirectory
from vqspeech.runs.made import remove_made
from vqspeech.training import run as runs
from vqspeech_image.grids import save_grid
from vqspeech_image.models import LoadedImages, load_images
from vqspeech_image.recipes import evaluating, levels, second
from vqspeech_image.recipes.page import page
from vqspeech_image.recipes.pictures import draw_curves, side_by_side, spread
from vqspeech_image.recipes.results import collect, summary
from vqspeech_image.recipes.second import SECOND
from vqspeech_image.recipes.settings import ImageSettings, resolve_settings
from vqspeech_image.store import ImageStore

SHOWN = 12
"""Held-out images that are shown with their reconstructions."""


def run_image_recipe(
    request: RecipeRequest, package: str, corpus: str, title: str, choices: tuple[str, ...] = ()
) -> RecipeOutcome:
    """Run the requested stages and write the report.

    Parameters
    ----------
    package : package of the recipe and its presets
    corpus : name of the corpus
    title : title of the page
    choices : choices of the recipe for the user

    Raises
    ------
    InputError : for settings that cannot be used, or a directory of another run
    """
    settings = resolve_settings(request, package, corpus, choices)
    for sentence in settings.choices:
        say(sentence)
    recipe = ImageRecipe(RunDirectory(request.out), settings, title)
    for name, config in recipe.configurations().items():
        runs.open_run(request.out / name, config, fresh=request.fresh)
    return run_experiment(request, recipe.experiment())


class ImageRecipe:
    """The work of each stage.

    Parameters
    ----------
    run : its run directory
    settings : settings that it depends on
    title : title of the page
    """

    def __init__(self, run: RunDirectory, settings: ImageSettings, title: str) -> None:
        self.run, self.settings, self.title = run, settings, title
        self._loaded: dict[str, LoadedImages] = {}

    def configurations(self) -> dict[str, RunConfig]:
        """Return every run directory of the recipe, relative to `run`, with its configuration."""
        settings = self.settings
        return {
            "": settings.run,
            **settings.priors,
            **({SECOND: settings.second} if settings.second else {}),
            **{f"baselines/{name}": config for name, config in settings.baselines.items()},
        }

    def experiment(self) -> Experiment:
        """Declare the stages."""
        run, settings = self.run, self.settings
        config = plain(settings.run)
        data = os.path.realpath(settings.data_dir) if settings.data_dir else None
        priors = {name: plain(prior) for name, prior in settings.priors.items()}
        baselines = {name: plain(other) for name, other in settings.baselines.items()}
        over = plain(settings.second) if settings.second else None
        pictures = run.pictures
        latents = (run.below(SECOND).checkpoints,) if settings.second else ()
        stages = (
            Stage(
                name="prepare",
                work=self._prepare,
                config={"corpus": config["corpus"], "data_dir": data},
                files=(run.store,),
            ),
            Stage(name="train", work=self._train, after=("prepare",), config=config, files=(run.checkpoints,)),
            Stage(name="baselines", work=self._baselines, after=("prepare",), config=baselines),
            Stage(
                name="reconstruct",
                work=self._reconstruct,
                after=("train", "baselines"),
                config=settings.evaluate.images,
                files=(pictures / "reconstructions.png",),
            ),
            Stage(
                name="encode",
                work=self._encode,
                after=("train",),
                files=(levels.store_directory(run.path, settings), pictures / "codebook-0.png"),
            ),
            Stage(
                name="prior",
                work=self._prior,
                after=("encode",),
                config=priors,
                files=tuple(run.below(name).checkpoints for name in priors),
            ),
            Stage(name="second", work=self._second, after=("encode",), config=over, files=latents),
            Stage(
                name="sample",
                work=self._sample,
                after=("train", "prior", "second"),
                config=plain(settings.sample),
                files=(pictures / "samples.png",),
            ),
            Stage(
                name="evaluate",
                work=self._evaluate,
                after=("train", "baselines", "prior", "second"),
                config=plain(settings.evaluate),
                files=(pictures / "bits.png", pictures / "priors.png"),
            ),
        )
        return Experiment(
            out=run.path,
            stages=stages,
            results=lambda made: collect(made, settings),
            report=lambda made, results: page(run, made, results, settings, self.title),
            summary=summary,
            settings={"title": self.title, "config": config, "preset": settings.preset, "choices": settings.choices},
        )

    @cached_property
    def store(self) -> ImageStore:
        """The images."""
        return ImageStore.open(self.run.store)

    @property
    def codes(self) -> CodeStore:
        """The codes of the images."""
        return CodeStore.open(levels.store_directory(self.run.path, self.settings))

    def model(self, name: str = "") -> LoadedImages:
        """Return the trained model, or the baseline of a name."""
        if name not in self._loaded:
            path = self.run.path / "baselines" / name if name else self.run.path
            self._loaded[name] = load_images(path, device="cuda" if torch.cuda.is_available() else "cpu")
        return self._loaded[name]

    def _prepare(self, made: Results) -> Result:
        store = runs.prepare(self.settings.run, self.run.path, self.settings.data_dir)
        corpus = store.corpus
        counts = {split: len(store.indices(split)) for split in ("train", "valid", "test")}
        say(f"{corpus.variant}: " + ", ".join(f"{split} {count}" for split, count in counts.items()))
        say_skipped(corpus.skipped)
        facts = {
            "name": corpus.name,
            "variant": corpus.variant,
            "images": counts,
            "skipped": len(corpus.skipped),
            "stand_in": store.stand_in,
            "fingerprint": store.fingerprint,
        }
        return {"corpus": facts, "notes": corpus.notes}

    def _train(self, made: Results) -> Result:
        return self._trained("", self.settings.run, self.store)

    def _baselines(self, made: Results) -> Result:
        trained = {}
        for name, config in self.settings.baselines.items():
            say(f"baseline {name}")
            trained[name] = self._trained(f"baselines/{name}", config, self.store)
        return trained

    def _trained(self, name: str, config: RunConfig, store: Any) -> Result:
        trained = runs.train(config, self.run.path / name, store)
        return {
            "steps": trained.step,
            "seconds": trained.seconds,
            "checkpoint": trained.checkpoint.name,
            "images_seen": trained.step * config.train.batch_size,
        }

    def _reconstruct(self, made: Results) -> Result:
        split, rows = self.store.held_out()
        chosen = rows[: self.settings.evaluate.images]
        shown = spread(len(chosen), SHOWN)
        fidelity, versions = {}, [np.asarray(self.store.pixels[chosen[shown]])]
        for name in ("", *self.settings.baselines):
            rebuilt = evaluating.reconstructed(self.model(name), self.store, chosen)
            fidelity[name or self.settings.run.model["kind"]] = evaluating.psnr_db(self.store.pixels[chosen], rebuilt)
            versions.append(rebuilt[shown])
        save_grid(side_by_side(versions), len(shown), self.run.pictures / "reconstructions.png")
        return {"split": split, "images": len(chosen), "psnr_db": fidelity, "shown": len(shown)}

    def _encode(self, made: Results) -> Result:
        # Codes and priors of another model may be here, or this stage would not run.
        for name in (*self.settings.priors, SECOND):
            for stale in (self.run.below(name).store, self.run.below(name).checkpoints):
                remove_made(stale)
        first = next(iter(self.settings.priors))
        store = runs.prepare(self.settings.priors[first], self.run.path / first, self.run.path)
        encoded = levels.encoding(store, self.store.held_out()[1])
        draw_codebooks(encoded["codebooks"][:1], self.run.pictures)
        return encoded

    def _prior(self, made: Results) -> Result:
        trained = {}
        for name, config in self.settings.priors.items():
            say(name)
            trained[name] = self._trained(name, config, self.codes)
        return trained

    def _second(self, made: Results) -> Result:
        if self.settings.second is None:
            return {}
        say("second stage")
        return self._trained(SECOND, self.settings.second, self.codes)

    def _sample(self, made: Results) -> Result:
        settings, model = self.settings, self.model()
        priors = levels.loaded_priors(self.run.path, settings)
        pixels, facts = levels.drawn_images(model, priors, settings.sample, settings.run.seed)
        columns = len(model.conditions) if facts["by_class"] else max(1, round(settings.sample.images**0.5))
        save_grid(pixels, columns, self.run.pictures / "samples.png")
        if settings.second is not None:
            held = self.store.held_out()[1]
            shown = held[spread(len(held), SHOWN)]
            versions = second.from_latents(self.run.path, model, self.codes, shown, settings.run.seed)
            originals = np.asarray(self.store.pixels[shown])
            save_grid(side_by_side([originals, *versions]), len(shown), self.run.pictures / "second.png")
        return facts

    def _evaluate(self, made: Results) -> Result:
        settings, run = self.settings, self.run
        models = {name: self.model(name) for name in ("", *settings.baselines)}
        priors = levels.loaded_priors(run.path, settings)
        measured = evaluating.measured(models, priors, self.store, self.codes, settings)
        rows = self.store.held_out()[1][: settings.evaluate.images]
        trained = {evaluating.MODELS[settings.run.model["kind"]]: run}
        trained |= {name.upper(): run.below(f"baselines/{name}") for name in settings.baselines}
        draw_curves(trained, "bound_nll_bits", "bits/dim, held out", run.pictures / "bits.png")
        over_codes = {name: run.below(name) for name in settings.priors}
        over_codes |= {"second stage": run.below(SECOND)} if settings.second else {}
        draw_curves(over_codes, "nll_bits", "bits per code, held out", run.pictures / "priors.png")
        return {**measured, "second": second.measured(run.path, self.codes, rows) if settings.second else None}
