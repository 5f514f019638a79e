"""A train state that does not fit is refused before any of it is in the model."""

import pytest
import torch

from vqspeech.training.train_state import require_state

SIZES = (4, 4)


def model():
    return torch.nn.Linear(2, 3)


def state():
    return {
        "step": 5,
        "model": model().state_dict(),
        "average": {"weight": torch.zeros(3, 2)},
        "optimizers": [],
        "usage": {"steps": 1, "counts": [torch.zeros(4, dtype=torch.int64)] * 2},
        "means": {"steps": 2, "sums": {"nll": torch.tensor(1.0)}},
        "best": 1.0,
        "best_name": None,
    }


def test_a_state_that_fits_and_one_of_an_earlier_release_pass():
    require_state(state(), model(), 5, SIZES)
    require_state({name: value for name, value in state().items() if name != "means"}, model(), 5, SIZES)


@pytest.mark.parametrize("other", [[], "state", 7, None, {}])
def test_what_is_no_state_is_refused(other):
    with pytest.raises(ValueError, match="the train state"):
        require_state(other, model(), 10, SIZES)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"step": 11}, "its step is 11"),
        ({"step": -50}, "its step is -50"),
        ({"step": "x"}, "its step is 'x'"),
        ({"model": {"weight": torch.zeros(3, 2)}}, "weights are others: bias"),
        ({"model": {"weight": torch.zeros(3, 2), "bias": torch.zeros(9)}}, r"bias has shape \(9,\) instead of \(3,\)"),
        ({"model": {"weight": torch.zeros(3, 2), "bias": torch.full((3,), torch.nan)}}, "not finite: bias"),
        ({"model": []}, "model holds other things"),
        ({"average": {"weight": torch.full((3, 2), torch.inf)}}, "average has numbers that are not finite"),
        ({"optimizers": {}}, "optimizers are no list"),
        ({"usage": {"steps": 1, "counts": [torch.zeros(9)]}}, "of other codebooks"),
        ({"usage": 3}, "of other codebooks"),
        ({"means": 5}, "means are no dict"),
        ({"means": {"steps": 1, "sums": [1]}}, "means holds other things"),
    ],
)
def test_parts_that_do_not_fit_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        require_state({**state(), **changes}, model(), 10, SIZES)
