"""What the recipes on images share: prepare, train, baselines, reconstruct, encode, prior, second, sample, evaluate, report."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.config import RunConfig, plain
from vqspeech.errors import InputError
from vqspeech.experiments.request import RecipeOutcome, RecipeRequest
from vqspeech.experiments.stages import Result, Stages
from vqspeech.runs import RunDirectory
from vqspeech.training import run as runs
from vqspeech_image import STAGES
from vqspeech_image.code_store import CodeStore
from vqspeech_image.evaluation.accounting import account
from vqspeech_image.evaluation.codes import swapped_bits
from vqspeech_image.evaluation.yardsticks import gaussian_bits, histogram_bits, psnr_db
from vqspeech_image.models import LoadedImages, load_images
from vqspeech_image.recipes import levels, second
from vqspeech_image.recipes.page import write_page
from vqspeech_image.recipes.pictures import save_grid, side_by_side
from vqspeech_image.recipes.results import MODELS, Evidence
from vqspeech_image.recipes.second import SECOND
from vqspeech_image.recipes.settings import Settings
from vqspeech_image.store import ImageStore

SHOWN = 12
"""Held-out images that are shown with their reconstructions."""
AT_ONCE = 64

FITTED_BYTES = 2**30
"""Yardsticks are fitted on the first training images that fit into this: all 50,000 of CIFAR-10, some of ImageNet."""

MADE_FROM = {
    "train": ("prepare",),
    "baselines": ("prepare",),
    "reconstruct": ("train", "baselines"),
    "encode": ("train",),
    "prior": ("encode",),
    "second": ("encode",),
    "sample": ("train", "prior", "second"),
    "evaluate": ("train", "baselines", "prior", "second"),
}
"""Stage -> those whose results it is made from; when one of them has another result, it runs again."""


class Experiment:
    """One run of a recipe: stages whose inputs are unchanged are not repeated.

    Parameters
    ----------
    request : what was asked for
    settings : what follows from it
    title : of the page
    """

    def __init__(self, request: RecipeRequest, settings: Settings, title: str) -> None:
        self.request, self.settings, self.title = request, settings, title
        self.out = request.out
        self.pictures = RunDirectory(self.out).pictures
        self.stages = Stages(RunDirectory(self.out).stages, say)
        self.results: dict[str, Result] = {}
        self._loaded: dict[Path, LoadedImages] = {}
        self._store: ImageStore | None = None

    def run(self) -> RecipeOutcome:
        """Run the wanted stages.

        Raises
        ------
        InputError : for a directory of another run, or a stage whose forerunners have not run
        """
        settings, out = self.settings, self.out
        for sentence in settings.choices:
            say(sentence)
        runs.open_run(out, settings.run, fresh=self.request.fresh)
        for name, other in self._others().items():
            runs.open_run(out / name, other, fresh=self.request.fresh)
        data = str(settings.data_dir.absolute()) if settings.data_dir else None
        config, priors = plain(settings.run), {name: plain(prior) for name, prior in settings.priors.items()}
        baselines = {name: plain(other) for name, other in settings.baselines.items()}
        images, codes = (RunDirectory(out).store,), (levels.store_directory(out, settings),)
        trained = tuple(RunDirectory(out / name).checkpoints for name in priors)
        latents = (RunDirectory(out / SECOND).checkpoints,) if settings.second else ()
        plan: list[tuple[str, Any, Callable[[], Result], tuple[Path, ...]]] = [
            ("prepare", {"corpus": config["corpus"], "data_dir": data}, self._prepare, images),
            ("train", config, self._train, (RunDirectory(out).checkpoints,)),
            ("baselines", baselines, self._baselines, images),
            ("reconstruct", settings.evaluate.images, self._reconstruct, (self.pictures,)),
            ("encode", None, self._encode, codes),
            ("prior", priors, self._prior, trained),
            ("second", plain(settings.second) if settings.second else None, self._second, latents),
            ("sample", plain(settings.sample), self._sample, (self.pictures,)),
            ("evaluate", plain(settings.evaluate), self._evaluate, images),
        ]
        last = STAGES[-1] if self.request.stages is None else self.request.stages[-1]
        for name, own, work, made in plan:
            before = MADE_FROM.get(name, ())
            if self.request.wants(name):
                self._require(before)
            inputs = {"own": own, "from": {stage: self.results.get(stage) for stage in before}}
            found = self.stages.run(name, inputs, work, wanted=self.request.wants(name), made=made)
            if found is not None:
                self.results[name] = found
            if name == last:
                stages = ", ".join(self.request.stages or ())
                return RecipeOutcome(
                    message=f"stages done: {stages}; without --stages the rest follows, with the report"
                )
        self._require(STAGES[:-1])
        return self._report()

    def _others(self) -> dict[str, RunConfig]:
        """Run directories below this one."""
        return {
            **self.settings.priors,
            **({SECOND: self.settings.second} if self.settings.second else {}),
            **{f"baselines/{name}": config for name, config in self.settings.baselines.items()},
        }

    def _require(self, stages: tuple[str, ...]) -> None:
        for stage in stages:
            if stage not in self.results:
                raise InputError(
                    f"stage {stage!r} has not run in {self.out}; add it to --stages, or leave --stages away"
                )

    @property
    def store(self) -> ImageStore:
        """The images."""
        if self._store is None:
            self._store = ImageStore.open(RunDirectory(self.out).store)
        return self._store

    def _model(self, name: str = "") -> LoadedImages:
        path = self.out / "baselines" / name if name else self.out
        if path not in self._loaded:
            self._loaded[path] = load_images(path, device="cuda" if torch.cuda.is_available() else "cpu")
        return self._loaded[path]

    def _prepare(self) -> Result:
        store = runs.prepare(self.settings.run, self.out, self.settings.data_dir)
        corpus = store.corpus
        counts = {split: len(store.indices(split)) for split in ("train", "valid", "test")}
        said = ", ".join(f"{split} {count}" for split, count in counts.items())
        say(f"{corpus.variant}: {said}")
        for path, reason in list(corpus.skipped.items())[:5]:
            say(f"skipped {path}: {reason}")
        if corpus.skipped:
            say(f"skipped {len(corpus.skipped)} files in all")
        return {"fingerprint": store.fingerprint, "counts": counts, "skipped": len(corpus.skipped)}

    def _train(self) -> Result:
        return self._trained(self.settings.run, self.out, self.store)

    def _baselines(self) -> Result:
        trained = {}
        for name, config in self.settings.baselines.items():
            say(f"baseline {name}")
            trained[name] = self._trained(config, self.out / "baselines" / name, self.store)
        return trained

    def _trained(self, config: RunConfig, directory: Path, store: Any) -> Result:
        result = runs.train(config, directory, store)
        return {
            "steps": result.step,
            "seconds": result.seconds,
            "checkpoint": result.checkpoint.name,
            "images_seen": result.step * config.train.batch_size,
        }

    def _reconstruct(self) -> Result:
        split, rows = self.store.held_out()
        chosen = rows[: self.settings.evaluate.images]
        shown = spread(len(chosen), SHOWN)
        fidelity, versions = {}, [np.asarray(self.store.pixels[chosen[shown]])]
        for name in ("", *self.settings.baselines):
            rebuilt = self._rebuilt(name, chosen)
            fidelity[name or self.settings.run.model["kind"]] = psnr_db(self.store.pixels[chosen], rebuilt)
            versions.append(rebuilt[shown])
        save_grid(side_by_side(versions), len(shown), self.pictures / "reconstructions.png")
        return {"split": split, "images": len(chosen), "psnr_db": fidelity, "shown": len(shown)}

    def _rebuilt(self, name: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        loaded, pieces = self._model(name), []
        for begin in range(0, len(rows), AT_ONCE):
            pixels = torch.from_numpy(np.array(self.store.pixels[rows[begin : begin + AT_ONCE]]))
            pieces.append(loaded.model.reconstruct(pixels.to(loaded.device)).cpu().numpy())
        return np.concatenate(pieces)

    def _encode(self) -> Result:
        for name in (*self.settings.priors, SECOND):  # of another model, or this stage would not run
            of_prior = RunDirectory(self.out / name)
            for left in (of_prior.store, of_prior.checkpoints):
                shutil.rmtree(left, ignore_errors=True)
        directory = levels.store_directory(self.out, self.settings)
        store = runs.prepare(next(iter(self.settings.priors.values())), directory.parent, self.out)
        return levels.encoding(store, self.store.held_out()[1])

    def _prior(self) -> Result:
        trained = {}
        for name, config in self.settings.priors.items():
            say(name)
            trained[name] = self._trained(config, self.out / name, self._codes())
        return trained

    def _second(self) -> Result:
        if self.settings.second is None:
            return {}
        say("second stage")
        return self._trained(self.settings.second, self.out / SECOND, self._codes())

    def _codes(self) -> CodeStore:
        return CodeStore.open(levels.store_directory(self.out, self.settings))

    def _sample(self) -> Result:
        priors = levels.loaded_priors(self.out, self.settings)
        chosen = self.settings.sample
        pixels, told = levels.drawn_images(self._model(), priors, chosen, self.settings.run.seed)
        columns = priors[0].codes.classes if told["by_class"] else max(1, round(chosen.images**0.5))
        save_grid(pixels.numpy(), columns, self.pictures / "samples.png")
        if self.settings.second is not None:
            held = self.store.held_out()[1]
            shown = held[spread(len(held), SHOWN)]
            versions = second.remembered(self.out, self._model(), self._codes(), shown, self.settings.run.seed)
            originals = np.asarray(self.store.pixels[shown])
            save_grid(side_by_side([originals, *versions]), len(shown), self.pictures / "second.png")
        return told

    def _evaluate(self) -> Result:
        settings, store = self.settings.evaluate, self.store
        split, rows = store.held_out()
        rows = rows[: settings.images]
        train = store.indices("train")[: max(2, FITTED_BYTES // int(np.prod(store.shape)))]
        priors = levels.loaded_priors(self.out, self.settings)
        found = levels.costs(self._codes(), {prior.config.level: prior for prior in priors}, train, rows)
        if len(found) > 1:
            swapped = swapped_bits(self._model().model, store, self._codes(), rows)
            found = [{**one, "swapped_bits": swapped[one["name"]]} for one in found]
        kind = MODELS[self.settings.run.model["kind"]]
        uniform = account(self._model().model, kind, store, rows)
        told = " given its class" if any(prior.config.by_class for prior in priors) else ""
        accounts = levels.priced(uniform, found, told)
        for name, config in self.settings.baselines.items():
            model, mine = self._model(name).model, rows
            several = config.model["kind"] == "vimco"
            if several:
                mine = rows[: settings.vimco_images]
            accounts.append(account(model, name.upper(), store, mine, at_once=8 if several else 32))
        for one in accounts:
            for line in one.lines():
                say(line)
        held = np.asarray(store.pixels[rows])
        pixels = np.asarray(store.pixels[train])
        return {
            "split": split,
            "accounts": [one.summary() for one in accounts],
            "levels": found,
            "nats_per_code": levels.over_levels(found),
            "codes_per_image": sum(one["codes"] for one in found),
            "second": second.measured(self.out, self._codes(), rows) if self.settings.second else None,
            "yardsticks": {
                "histogram_bits": histogram_bits(pixels, held),
                "gaussian_bits": gaussian_bits(pixels, held, self.settings.run.seed) if settings.gaussian else None,
            },
        }

    def _report(self) -> RecipeOutcome:
        say("[report]")
        evidence = Evidence(
            out=self.out,
            title=self.title,
            settings=self.settings,
            store=self.store,
            stages=self.results,
            command=self.request.command(),
        )
        return write_page(evidence)


def spread(count: int, wanted: int) -> npt.NDArray[np.int64]:
    """Numbers of at most `wanted` of `count` things, evenly spread: neighbours may be frames of one clip, or of one class."""
    return np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64)


def say(line: str) -> None:
    """Tell the user a line."""
    print(line, file=sys.stderr, flush=True)
