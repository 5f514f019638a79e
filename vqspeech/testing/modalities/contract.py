"""Checks of configuration, data and batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from vqspeech.config import plain
from vqspeech.errors import VQSpeechError
from vqspeech.modality import checked
from vqspeech.runs import RunDirectory
from vqspeech.testing.modalities.subject import ModalitySubject, equal, require_same, tensors


def configuration(subject: ModalitySubject) -> None:
    """A checked configuration is complete and can be written as JSON; an unknown model key is a named error."""
    with subject.run() as (config, _, _):
        again = checked(plain(config))
        assert plain(again) == plain(config), "checking a checked configuration changes it"
        assert type(again.train) is type(config.train), "check changes the class of config.train"
        values = plain(config)
        values["model"]["no_such_key"] = 1
        try:
            checked(values)
        except VQSpeechError as error:
            assert "no_such_key" in str(error), f"the error for an unknown key does not name it: {error}"
        except Exception as error:
            raise AssertionError(f"an unknown key gives {type(error).__name__}: {error}; raise ConfigError") from error
        else:
            raise AssertionError("an unknown key of the model is accepted")


def stored_data(subject: ModalitySubject) -> None:
    """What `prepare` stored can be opened again, as the same data; the store knows the folder that it came from."""
    with subject.run() as (config, store, run):
        opened = subject.modality(config).open(RunDirectory(run).store)
        one, two = subject.task(config, store), subject.task(config, opened)
        assert one.fingerprint and one.fingerprint == two.fingerprint, "the opened store has another fingerprint"
        assert isinstance(opened.corpus.root, Path), "store.corpus.root is not a Path"
        assert hasattr(opened.corpus, "skipped"), "store.corpus.skipped is missing"
        require_same(one.batch(0, 0, 1), two.batch(0, 0, 1), "a batch of the opened store")


def batches(subject: ModalitySubject) -> None:
    """A batch is a function of the step alone; steps differ; validation batches are fixed; there is a start batch."""
    with subject.run() as (config, store, _):
        one, two = subject.task(config, store), subject.task(config, store)
        for step in (3, 0, 3):
            require_same(one.batch(step, 0, 1), two.batch(step, 0, 1), f"the batch of step {step}")
        assert tensors(one.batch(0, 0, 1)), "a batch holds no tensors (as attributes, or in a dataclass)"
        require_same(one.validation_batch(0, 0, 1), one.validation_batch(0, 0, 1), "a validation batch")
        different = any(not equal(one.batch(0, 0, 1), one.batch(step, 0, 1)) for step in range(1, 5))
        assert different, "five training batches in a row are the same"
        assert tensors(one.start_batch().to(torch.device("cpu"))), "start_batch gives no tensors"
        assert one.steps_per_epoch >= 1 and one.samples_per_step >= 1


CHECKS: tuple[Callable[[ModalitySubject], None], ...] = (configuration, stored_data, batches)
