"""Batches made ahead: those of the task, each once, in the order of the shares of a process; what a batch holds."""

import threading
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

from vqspeech.nn.share import Share
from vqspeech.training import ahead
from vqspeech.training.ahead import Ahead
from vqspeech.training.batch_tensors import layout, mapped, measured, pinned, tensors


class Batch(NamedTuple):
    values: torch.Tensor
    more: dict
    share: Share | None = None


@dataclass
class Other:
    values: torch.Tensor
    name: str = "some"
    share: Share | None = None


class Task:
    def __init__(self, broken_at=None):
        self.made, self.threads, self.broken_at = [], set(), broken_at

    def batch(self, step, rank, ranks):
        self.made.append((step, rank, ranks))
        self.threads.add(threading.current_thread().name)
        if step == self.broken_at:
            raise ValueError("no such row")
        return torch.tensor([step, rank, ranks])


@pytest.fixture(autouse=True)
def unpinned(monkeypatch):
    monkeypatch.setattr(ahead, "pinned", lambda batch: batch)


def test_batches_are_made_once_and_nothing_beyond_the_last_step():
    task = Task()
    batches = Ahead(task, 1, 2, 3)
    wanted = [(step, first, 4) for step in range(3) for first in (1, 3)]
    assert [tuple(batches(*place).tolist()) for place in wanted] == wanted
    batches.close()
    assert task.made == wanted
    assert len(task.threads) == 1


def test_another_batch_than_the_next_one_is_made_as_asked_for():
    batches = Ahead(Task(), 0, 1, 9)
    assert [batches(step, 0, 1)[0].item() for step in (0, 5, 5, 2, 3)] == [0, 5, 5, 2, 3]
    batches.close()


def test_an_error_comes_with_its_batch():
    batches = Ahead(Task(broken_at=1), 0, 1, 3)
    batches(0, 0, 1)
    with pytest.raises(ValueError, match="no such row"):
        batches(1, 0, 1)
    batches.close()


@pytest.mark.parametrize(
    "batch", [Batch(torch.ones(2), {"a": torch.zeros(1)}), Other(torch.ones(2)), [torch.ones(2), None, 3]]
)
def test_every_tensor_of_a_batch_is_found(batch):
    twice = mapped(batch, lambda tensor: 2 * tensor)
    assert type(twice) is type(batch)
    for one, other in zip(tensors(twice), tensors(batch), strict=True):
        assert torch.equal(one, 2 * other)
    assert layout(twice) == layout(batch) != layout(mapped(batch, lambda tensor: tensor[:0]))


def test_shares_of_one_layout_may_count_other_samples():
    device = torch.device("cpu")
    one, other, third = (
        measured(Other(torch.ones(2), share=Share(0, 1, rows, samples=count, frames=3)), device)
        for rows, count in ((4, 10), (4, 20), (5, 20))
    )
    assert layout(one) == layout(other) != layout(third)
    assert [int(each.share.samples) for each in (one, other)] == [10, 20]
    assert measured(torch.ones(2), device).tolist() == [1, 1]


def test_a_batch_that_holds_other_things_is_left_alone(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    batch = [torch.ones(1), object()]
    with pytest.raises(TypeError, match="a value of the type object"):
        tensors(batch)
    assert pinned(batch) is batch
