"""The checks of modalities: speech passes them all, and a modality with a single fault fails the check meant for it."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from vqspeech.config import parse_model, plain
from vqspeech.registry import lookup
from vqspeech.testing import modality_checks
from vqspeech.testing.modalities import CHECKS, ModalitySubject
from vqspeech.testing.speech import write_corpus
from vqspeech.training.audio import AudioModality

MODEL = {
    "encoder": {"strides": [[16, 8], [16, 8], [8, 4]], "channels": 8, "dim": 4},
    "quantizer": {"name": "ema", "codebook_size": 8, "revive_every": 2},
    "decoder": {
        "cycles": 1,
        "layers_per_cycle": 3,
        "residual_channels": 6,
        "skip_channels": 8,
        "condition_channels": 4,
    },
    "jitter": 0.1,
}
TRAIN = {"batch_size": 4, "crop_samples": 2560, "window_samples": 1024, "learning_rate": 0.01, "start_crops": 6}


def setup(folder):
    write_corpus(folder)
    return {"corpus": {"name": "folder"}, "model": MODEL, "train": TRAIN}, folder


@modality_checks("audio", setup)
def test_audio(check):
    check()


class Forgiving(AudioModality):
    def check(self, config):
        return dataclasses.replace(
            config, model=plain(parse_model({k: v for k, v in config.model.items() if k != "no_such_key"}))
        )


class Faulty(AudioModality):
    """Speech whose task is changed by `edit`."""

    def task(self, config, store):
        made = super().task(config, store)
        self.edit(made)
        return made

    def edit(self, task):
        pass


class NewFingerprints(Faulty):
    def edit(self, task):
        task.fingerprint = str(id(task))


class RandomBatches(Faulty):
    def edit(self, task):
        whole, task.batch = task.batch, lambda step, rank, ranks: whole(int(torch.randint(99, ())), rank, ranks)


class BlocksOfRows(Faulty):
    def edit(self, task):
        whole = task.batch

        def batch(step, rank, ranks):
            every = whole(step, 0, 1)
            rows = slice(rank * 4 // ranks, (rank + 1) * 4 // ranks)
            return every._replace(
                **{n: getattr(every, n)[rows] for n in ("waveform", "lengths", "speaker", "window_start")}
            )

        task.batch = batch


class MeansOfShares(Faulty):
    """Each share's loss is a mean of its own."""

    def edit(self, task):
        whole, task.batch = task.batch, lambda step, rank, ranks: whole(step, rank, ranks)._replace(share=None)


class IdleParameter(Faulty):
    def edit(self, task):
        task.model.register_parameter("idle", torch.nn.Parameter(torch.zeros(1)))


class IdleGroup(Faulty):
    """A group of parameters that its loss does not use."""

    def edit(self, task):
        task.model.register_parameter("idle", torch.nn.Parameter(torch.zeros(1)))
        task.model.parameter_groups = lambda: {"adversary": [task.model.idle]}
        whole = task.model.loss
        task.model.loss = lambda batch, generator=None, group="main": whole(batch, generator)


class NoCriterion(Faulty):
    def edit(self, task):
        whole = task.model.loss
        terms = {"warmth": torch.zeros(())}
        task.model.loss = lambda batch, generator=None: whole(batch, generator)._replace(terms=terms)


class NothingShuffled(Faulty):
    def edit(self, task):
        task.model.shuffled = lambda batch: torch.tensor(float("nan"))


class LoadsForTraining(Faulty):
    def load(self, path, facts, device):
        return SimpleNamespace(model=torch.nn.Linear(1, 1))


class NamesNoCodebook(AudioModality):
    def encode_store(self, loaded, store, *, progress=None):
        return dataclasses.replace(super().encode_store(loaded, store), codebook="")


class DecodesAnything(AudioModality):
    def decode(self, loaded, table, out, options):
        return super().decode(loaded, dataclasses.replace(table, codebook=""), out, options)


class Dropout(Faulty):
    def edit(self, task):
        plain_loss = task.model.loss

        def loss(batch, generator=None):
            terms = plain_loss(batch, generator)
            return terms._replace(total=terms.total * (1 + 0.1 * torch.rand(())))

        task.model.loss = loss


class Remembers(Faulty):
    """Batches depend on how many were asked for, which a resumed run does not know."""

    def edit(self, task):
        whole, asked = task.batch, []

        def batch(step, rank, ranks):
            asked.append(step)
            return whole(len(asked), rank, ranks)

        task.batch = batch


FAULTS = {
    "configuration": [(Forgiving, "unknown key of the model is accepted")],
    "stored_data": [(NewFingerprints, "another fingerprint")],
    "batches": [(RandomBatches, "not the same twice")],
    "shares": [(BlocksOfRows, "not rows 0::2"), (MeansOfShares, "divide by what the whole batch counts")],
    "loss": [
        (IdleParameter, "no gradient for idle"),
        (IdleGroup, "group 'adversary' depends on none"),
        (NoCriterion, "'nll' must be among them"),
    ],
    "evaluation": [(Dropout, "evaluation mode is random"), (NothingShuffled, "return None when there is nothing")],
    "resumption": [(Remembers, "after a stop and a resumption")],
    "use": [
        (LoadsForTraining, "training mode"),
        (NamesNoCodebook, "codebook_hash"),
        (DecodesAnything, "takes codes of another codebook"),
    ],
}


def test_every_check_has_a_fault_that_it_finds():
    assert [check.__name__ for check in CHECKS] == list(FAULTS)


@pytest.mark.parametrize(
    ("name", "faulty", "message"), [(name, *case) for name, cases in FAULTS.items() for case in cases]
)
def test_a_faulty_modality_fails_the_check_meant_for_it(name, faulty, message, monkeypatch):
    found = lookup.resolve
    monkeypatch.setattr(lookup, "resolve", lambda entry: faulty if entry.spec.kind == "modality" else found(entry))
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(ModalitySubject("audio", setup))
