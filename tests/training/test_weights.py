"""The moving average of weights against its definition."""

import pytest
import torch

from vqspeech.training.weights import WeightAverage


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


def move(model, step):
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
        model[1].running_mean.add_(1)


def test_it_is_the_average_with_a_growing_decay(model):
    average = WeightAverage(model, 0.5)
    wanted = model[0].weight.detach().clone().double()
    for step in range(1, 20):
        move(model, step)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * model[0].weight.detach().double()
    torch.testing.assert_close(average.weights()["0.weight"].double(), wanted, atol=1e-5, rtol=1e-5)


def test_buffers_are_live_and_the_names_are_those_of_the_model(model):
    average = WeightAverage(model, 0.9)
    move(model, 1)
    assert average.weights().keys() == model.state_dict().keys()
    assert torch.equal(average.weights()["1.running_mean"], model[1].running_mean)
    model.load_state_dict(average.weights(), strict=True)


def test_no_averaging_gives_the_weights(model):
    average = WeightAverage(model, 0.0)
    move(model, 1)
    average.update(1)
    assert torch.equal(average.weights()["0.weight"], model[0].weight)
    with average.applied():
        assert torch.equal(average.weights()["0.weight"], model[0].weight)


def test_the_model_computes_with_the_average_only_within_the_context(model):
    average = WeightAverage(model, 0.9)
    start = model[0].weight.detach().clone()
    move(model, 1)
    live = model[0].weight.detach().clone()
    with average.applied():
        assert torch.equal(model[0].weight, start)
    assert torch.equal(model[0].weight, live)
    with pytest.raises(RuntimeError, match="boom"), average.applied():
        raise RuntimeError("boom")
    assert torch.equal(model[0].weight, live)
    move(model, 2)
    assert torch.equal(average.weights()["0.weight"], start)


def test_its_state_goes_there_and_back(model):
    average = WeightAverage(model, 0.9)
    move(model, 1)
    average.update(1)
    state = {name: tensor.clone() for name, tensor in average.state_dict().items()}
    other = WeightAverage(model, 0.9)
    other.load_state_dict(state)
    for one in (average, other):
        one.update(2)
    assert all(torch.equal(tensor, other.weights()[name]) for name, tensor in average.weights().items())
