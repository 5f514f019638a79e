"""Checks of trained models: exact resumption, loading, encoding and decoding."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest
import torch

from vqspeech.checkpoints.directory import CONFIG
from vqspeech.errors import InputError
from vqspeech.nn.quantize.fingerprint import codebook_hash
from vqspeech.runs import RunDirectory
from vqspeech.testing.modalities.subject import ModalitySubject, weights


def resumption(subject: ModalitySubject) -> None:
    """Four steps, and two, a stop and two more, end with the same bits; checkpoints are whole directories."""
    with subject.run() as (config, store, run):
        config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=4))
        straight = subject.train(config, store, run / "a")
        subject.train(config, store, run / "b", stop_at=2)
        one, two = weights(straight), weights(subject.train(config, store, run / "b"))
        assert one.keys() == two.keys()
        differ = [name for name in one if not torch.equal(one[name].nan_to_num(), two[name].nan_to_num())]
        assert not differ, f"after a stop and a resumption other weights in {', '.join(differ[:3])}"
        left = [path.name for path in RunDirectory(run / "a").checkpoints.iterdir() if path.name.startswith(".")]
        assert not left, f"half-written checkpoints stay behind: {left}"


def use(subject: ModalitySubject) -> None:
    """A trained model loads, encodes its store to codes in range, the same again, and decodes and shows a row of them.

    `InputError` refuses codes of another codebook, and everything where a model encodes nothing, as a prior.
    """
    with subject.run() as (config, store, run):
        kind = subject.modality(config)
        if not hasattr(kind, "load"):
            pytest.skip(f"the modality {subject.name!r} has no load")
        path = subject.train(config, store, run / "trained")
        loaded = kind.load(path, json.loads((path / CONFIG).read_text(encoding="utf-8")), "cpu")
        sizes = tuple(subject.task(config, store).codebook_sizes)
        assert not loaded.model.training, "the loaded model is in training mode"
        assert (loaded.path, loaded.step) == (path, config.train.steps), "path or step of the loaded model are others"
        try:
            table = kind.encode_store(loaded, store)
        except InputError:
            return
        assert tuple(table.codebook_sizes) == tuple(loaded.codebook_sizes) == sizes, "codebook sizes differ"
        assert len(table.rows), "encode_store returned no rows"
        for row in table:
            for book, size in zip(row.codes, sizes, strict=True):
                assert ((book >= 0) & (book < size)).all(), f"codes of row {row.id!r} are not in [0, {size})"
        again = kind.encode_store(loaded, store)
        assert all((one.codes == two.codes).all() for one, two in zip(table, again, strict=True)), "codes are random"
        shortest = dataclasses.replace(table, rows=(min(table.rows, key=lambda row: row.codes.size),))
        files = kind.decode(loaded, shortest, run / "decoded", {})
        assert len(files) == 1 and files[0].is_file(), f"decode of one row gave {files}"
        assert table.codebook == codebook_hash(loaded.model), "table.codebook is not codebook_hash(loaded.model)"
        try:
            kind.decode(loaded, dataclasses.replace(shortest, codebook="0" * 64), run / "refused", {})
        except InputError:
            pass
        else:
            raise AssertionError("decode takes codes of another codebook; raise InputError")
        shown = kind.preview(loaded, shortest, run / "preview.png")
        assert shown.is_file(), f"preview wrote nothing at {shown}"


CHECKS: tuple[Callable[[ModalitySubject], None], ...] = (resumption, use)
