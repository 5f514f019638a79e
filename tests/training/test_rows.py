"""Batches of rows are functions of the step, and every row is seen equally often."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from vqspeech.config import RunConfig, TrainConfig
from vqspeech.corpora.base import CorpusFacts
from vqspeech.corpora.rows import RowStore
from vqspeech.errors import CorpusError
from vqspeech.nn.share import Share
from vqspeech.training.rows import RowBatches, Rows, RowTask


@pytest.mark.parametrize("rows, size", [(10, 4), (7, 7), (3, 8), (1, 5)])
def test_every_row_is_drawn_once_in_an_epoch(rows, size):
    batches = RowBatches(np.arange(rows) + 100, seed=3, batch_size=size)
    epochs = 2 * size
    drawn = np.concatenate([batches.training(step) for step in range(epochs * rows // size)])
    for epoch in range(epochs):
        assert sorted(drawn[epoch * rows : (epoch + 1) * rows]) == list(range(100, 100 + rows))


def test_a_batch_depends_on_seed_and_step_and_not_on_what_was_drawn_before():
    one, two = (RowBatches(np.arange(50), seed=3, batch_size=8) for _ in range(2))
    before = [one.training(step) for step in range(20)]
    assert np.array_equal(two.training(13), before[13])
    assert not np.array_equal(RowBatches(np.arange(50), seed=4, batch_size=8).training(13), before[13])
    assert one.steps_per_epoch == 6


def test_no_rows_are_no_batches():
    with pytest.raises(CorpusError, match="split is empty"):
        RowBatches(np.arange(0), seed=0, batch_size=2)


def test_fixed_batches_go_through_the_rows_and_start_again():
    batches = RowBatches(np.arange(5), seed=0, batch_size=2)
    drawn = np.concatenate([batches.fixed(number, 3) for number in range(5)])
    assert all(sorted(drawn[first : first + 5]) == [0, 1, 2, 3, 4] for first in (0, 5, 10))
    assert np.array_equal(batches.fixed(7, 3), batches.fixed(7, 3))


def test_a_start_has_at_most_all_rows_each_once():
    assert sorted(RowBatches(np.arange(5), seed=0, batch_size=2).start(64)) == [0, 1, 2, 3, 4]


class Batch(NamedTuple):
    indices: torch.Tensor
    uniform: torch.Tensor
    share: Share | None


class Task(RowTask):
    def make(self, rows: Rows) -> Batch:
        return Batch(torch.from_numpy(rows.indices), torch.from_numpy(rows.uniform), rows.share)

    def frames(self, indices):
        return int(indices.sum())


def task(tmp_path, splits):
    store = RowStore(
        directory=tmp_path,
        arrays={},
        splits=np.array(splits, np.uint8),
        corpus=CorpusFacts(name="x", root=tmp_path, variant=""),
        fingerprint="f",
    )
    train = TrainConfig(batch_size=4, start_crops=5)
    return Task(RunConfig(seed=2, train=train), store, None, torch.nn.Linear(1, 1), values_per_row=6, codebook_sizes=())


def test_shares_are_rows_of_the_global_batch_with_its_normalisers(tmp_path):
    made = task(tmp_path, [0] * 20)
    whole, shares = made.batch(7, 0, 1), [made.batch(7, rank, 3) for rank in range(3)]
    assert whole.share is None
    for rank, share in enumerate(shares):
        assert torch.equal(share.indices, whole.indices[rank::3]) and torch.equal(share.uniform, whole.uniform[rank::3])
        assert share.share == Share(rank=rank, ranks=3, rows=4, frames=int(whole.indices.sum()))


def test_random_numbers_of_rows_differ_between_steps_and_kinds_of_batches(tmp_path):
    made = task(tmp_path, [0] * 20)
    drawn = [made.batch(0, 0, 1), made.batch(1, 0, 1), made.validation_batch(0, 0, 1), made.start_batch()]
    first = {float(one.uniform[0]) for one in drawn}
    assert len(first) == 4 and all(0 <= number < 1 for number in first)


def test_training_and_validation_draw_from_their_splits(tmp_path):
    made = task(tmp_path, [0, 1, 0, 1, 1, 2, 0])
    assert {int(row) for step in range(9) for row in made.batch(step, 0, 1).indices} == {0, 2, 6}
    assert {int(row) for number in range(9) for row in made.validation_batch(number, 0, 1).indices} == {1, 3, 4}
    assert len(made.start_batch().indices) == 3 and made.samples_per_step == 24 and made.steps_per_epoch == 1


def test_without_held_out_rows_validation_takes_training_rows(tmp_path):
    made = task(tmp_path, [0, 0, 2])
    assert {int(row) for row in made.validation_batch(0, 0, 1).indices} == {0, 1}
