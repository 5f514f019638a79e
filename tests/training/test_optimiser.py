"""Muon against PyTorch's own and against the singular value decomposition; who steps which parameter."""

import pytest
import torch
from replayed import count_steps_on_cpus
from torch import nn

from vqspeech.config import TrainConfig
from vqspeech.errors import ConfigError
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.training.optimiser import (
    Muon,
    can_be_captured,
    fused_rounds,
    make_optimisers,
    orthogonalised,
    peaked,
    portable,
    set_capturable,
    set_rates,
)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 8, 20), (2, 20, 8), (1, 1, 5)])
def test_singular_values_become_about_one_and_singular_vectors_stay(shape):
    torch.manual_seed(0)
    matrices = torch.randn(shape, dtype=torch.float64)
    result = orthogonalised(matrices)
    assert result.shape == matrices.shape
    values = torch.linalg.svdvals(result)
    assert ((values > 0.3) & (values < 1.3)).all()
    u, _, vt = torch.linalg.svd(matrices, full_matrices=False)
    turned = u.mT @ result @ vt.mT
    torch.testing.assert_close(turned, torch.diag_embed(turned.diagonal(dim1=1, dim2=2)), atol=1e-9, rtol=0)


def test_a_zero_matrix_stays_zero():
    assert not orthogonalised(torch.zeros(1, 3, 5)).any()


def test_steps_are_those_of_torchs_muon():
    """Which works in bfloat16, hence the tolerance."""
    torch.manual_seed(0)
    start, gradients = torch.randn(12, 8), torch.randn(5, 12, 8)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    pairs = (ours, Muon([ours], lr=0.1)), (theirs, torch.optim.Muon([theirs], lr=0.1))
    for gradient in gradients:
        for parameter, optimiser in pairs:
            parameter.grad = gradient.clone()
            optimiser.step()
    assert (ours - theirs).norm() < 0.03 * (ours - start).norm()


def test_matrices_of_one_shape_step_as_they_would_alone():
    torch.manual_seed(0)
    together = [nn.Parameter(torch.randn(2, 3, 4)) for _ in range(3)]
    alone = [nn.Parameter(parameter.detach().clone()) for parameter in together]
    for one, other in zip(together, alone, strict=True):
        one.grad = torch.randn(2, 3, 4)
        other.grad = one.grad.clone()
    Muon(together, lr=0.1).step()
    for parameter in alone:
        Muon([parameter], lr=0.1).step()
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other)


def wavenet():
    return WaveNet(dim=2, hop_samples=8, dilations=(1, 2), residual_channels=4, skip_channels=6, condition_channels=3)


def test_every_parameter_has_one_optimiser():
    model = wavenet()
    train = TrainConfig(optimizer="muon", learning_rate=1e-3, matrix_learning_rate=0.05)
    groups = {"main": list(model.parameters())}
    adam, muon = make_optimisers(model, train, groups)["main"]
    stepped = [parameter for each in (adam, muon) for group in each.param_groups for parameter in group["params"]]
    assert len(stepped) == len({id(parameter) for parameter in stepped}) == len(list(model.parameters()))
    assert {id(matrix) for matrix in muon.param_groups[0]["params"]} == {id(m) for m in model.hidden_matrices()}
    assert (adam.param_groups[0]["peak"], muon.param_groups[0]["peak"]) == (1e-3, 0.05)
    (alone,) = make_optimisers(model, TrainConfig(optimizer="adam"), groups)["main"]
    assert sum(len(group["params"]) for group in alone.param_groups) == len(list(model.parameters()))


def test_a_model_without_hidden_matrices_is_left_to_adam():
    model = torch.nn.Linear(2, 2)
    model.hidden_matrices = list
    made = make_optimisers(model, TrainConfig(optimizer="muon"), {"main": list(model.parameters())})
    assert [type(optimiser) for optimiser in made["main"]] == [torch.optim.Adam]


def test_muon_needs_matrices():
    with pytest.raises(ConfigError, match=r"'muon' needs a model with hidden_matrices.*Linear has none"):
        model = nn.Linear(2, 2)
        make_optimisers(model, TrainConfig(optimizer="muon"), {"main": list(model.parameters())})


@pytest.mark.parametrize("shape", [(2, 8, 20), (3, 6, 6)])
def test_the_rounds_of_a_gpu_are_those_of_a_cpu(shape):
    torch.manual_seed(0)
    matrices = torch.randn(shape, dtype=torch.float64)
    start = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    torch.testing.assert_close(fused_rounds(start), orthogonalised(matrices))
    near = fused_rounds(start.bfloat16()).double()
    assert (near - orthogonalised(matrices)).norm() < 0.05 * near.norm()


def test_learning_rates_in_tensors_step_alike(monkeypatch):
    """Which a recorded step reads; the state that is stored has numbers."""
    count_steps_on_cpus(monkeypatch)
    torch.manual_seed(0)
    start, gradients = torch.randn(3, 12, 8), torch.randn(4, 3, 12, 8)
    found = []
    for capturable in (False, True):
        parameters = [nn.Parameter(one.clone()) for one in start]
        optimisers = [peaked(Muon(parameters[:2], lr=0.1)), peaked(torch.optim.Adam(parameters[2:], lr=0.1))]
        assert all(can_be_captured(one) for one in optimisers)
        for step, each in enumerate(gradients):
            for parameter, gradient in zip(parameters, each, strict=True):
                parameter.grad = gradient.clone()
            for optimiser in optimisers:
                if capturable and step == 1:
                    set_capturable(optimiser, True)
                    rate = optimiser.param_groups[0]["lr"]
                set_rates(optimiser, 1 / (1 + step))
                assert not (capturable and step == 1) or optimiser.param_groups[0]["lr"] is rate
                optimiser.step()
        found.append((torch.stack(parameters), [portable(one.state_dict()) for one in optimisers]))
        for optimiser in optimisers:
            set_capturable(optimiser, False)
            assert type(optimiser.param_groups[0]["lr"]) is float
    (one, states), (other, others) = found
    torch.testing.assert_close(one, other)
    for state, another in zip(states, others, strict=True):
        torch.testing.assert_close(state["state"], another["state"])
        assert state["param_groups"][0] == {**another["param_groups"][0], "lr": state["param_groups"][0]["lr"]}
