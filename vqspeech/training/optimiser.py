"""Optimisers by name: Adam, or Muon for hidden matrices and Adam for the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vqspeech.config import TrainConfig
from vqspeech.errors import ConfigError
from vqspeech.nn.decoders.protocol import MAIN

ROUNDS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of a x + b x^3 + c x^5, which brings singular values in (0, 1] close to 1 (Jordan et al. 2024)."""


def make_optimisers(
    model: nn.Module, train: TrainConfig, groups: Mapping[str, list[nn.Parameter]]
) -> dict[str, list[torch.optim.Optimizer]]:
    """Make the optimisers of each group: ``train.optimizer`` for ``"main"``, else Adam.

    Raises
    ------
    ConfigError : for Muon when the model has no ``hidden_matrices``
    """
    made: dict[str, list[torch.optim.Optimizer]] = {}
    for name, parameters in groups.items():
        if name == MAIN and train.optimizer == "muon":
            matrices, rest = _split(model, parameters)
            made[name] = [torch.optim.Adam(rest, lr=train.learning_rate)]
            if matrices:
                made[name].append(Muon(matrices, lr=train.matrix_learning_rate))
        else:
            made[name] = [torch.optim.Adam(parameters, lr=train.learning_rate)]
    return {name: [peaked(optimiser) for optimiser in several] for name, several in made.items()}


def peaked(optimiser: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Store an optimiser's learning rates as the ``peak`` of each group, for the schedule."""
    for group in optimiser.param_groups:
        group.setdefault("peak", group["lr"])
    return optimiser


def set_rates(optimiser: torch.optim.Optimizer, share: float) -> None:
    """Set the learning rates to a share of their peaks, in place where they are tensors."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(group["peak"] * share)
        else:
            group["lr"] = group["peak"] * share


def can_be_captured(optimiser: torch.optim.Optimizer) -> bool:
    """Return whether `set_capturable` knows the optimiser."""
    return isinstance(optimiser, torch.optim.Adam | Muon)


def set_capturable(optimiser: torch.optim.Optimizer, on: bool) -> None:
    """Keep learning rates and steps on the device, so that a recorded step reads them there; or on the host again."""
    optimiser = getattr(optimiser, "optimizer", optimiser)
    device = optimiser.param_groups[0]["params"][0].device
    for group in optimiser.param_groups:
        rate = float(group["lr"])
        group["lr"] = torch.tensor(rate, device=device) if on else rate
        if "capturable" in group:
            group["capturable"] = on
    for state in optimiser.state.values():
        if "step" in state:
            state["step"] = state["step"].to(device if on else "cpu")


def portable(state: dict[str, Any]) -> dict[str, Any]:
    """Return an optimiser's state as one has it that `set_capturable` never changed, for any device."""
    groups = [
        {**group, "lr": float(group["lr"]), **({"capturable": False} if "capturable" in group else {})}
        for group in state["param_groups"]
    ]
    inner = {
        key: {
            name: value.cpu() if name == "step" and isinstance(value, Tensor) else value for name, value in one.items()
        }
        for key, one in state["state"].items()
    }
    return {**state, "state": inner, "param_groups": groups}


def _split(model: nn.Module, parameters: list[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split parameters into a model's hidden matrices, if any, and the rest."""
    named: Callable[[], list[nn.Parameter]] | None = getattr(model, "hidden_matrices", None)
    if named is None:
        raise ConfigError(
            f"train.optimizer = 'muon' needs a model with hidden_matrices(), {type(model).__name__} has none; "
            "use 'adam'"
        )
    group = {id(parameter) for parameter in parameters}
    matrices = [matrix for matrix in named() if id(matrix) in group]
    chosen = {id(matrix) for matrix in matrices}
    return matrices, [parameter for parameter in parameters if id(parameter) not in chosen]


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalised steps: all singular values of an update are about one.

    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024: Nesterov momentum, `ROUNDS`
    rounds of a quintic Newton-Schulz iteration, and a step of lr * sqrt(max(1, rows / columns)). Decoupled weight decay
    bounds singular values by its inverse; without it they grow until the loss rises again (after 1,500 steps at a rate
    of 0.05). `torch.optim.Muon` takes two-dimensional parameters one at a time; a WaveNet has dozens of small matrices,
    so those of one shape are orthogonalised together, in fp32.

    Parameters
    ----------
    parameters : tensors of at least two dimensions; all dimensions but the last are rows
    lr : learning rate, in units of the update's largest singular value
    momentum : decay of the momentum
    weight_decay : each step subtracts lr * weight_decay of every parameter
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.1
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Step every parameter that has a gradient."""
        assert closure is None, "Muon takes no closure"
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not parameters:
                continue
            for parameter in parameters:
                if not self.state[parameter]:
                    self.state[parameter]["momentum"] = torch.zeros_like(parameter)
            gradients = [parameter.grad for parameter in parameters]
            momenta = [self.state[parameter]["momentum"] for parameter in parameters]
            torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
            updates = torch._foreach_lerp(gradients, momenta, group["momentum"])
            alike: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
            for parameter, update in zip(parameters, updates, strict=True):
                update = update.flatten(0, -2)
                alike[update.shape[0], update.shape[1]].append((parameter, update))
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            for (rows, columns), pairs in alike.items():
                steps = orthogonalised(torch.stack([update for _, update in pairs]))
                rate = group["lr"] * max(1.0, rows / columns) ** 0.5
                moved: list[Tensor] = [parameter for parameter, _ in pairs]
                if isinstance(rate, Tensor):
                    steps, rate = steps * rate, 1.0
                moves = [step.view_as(parameter) for parameter, step in zip(moved, steps, strict=True)]
                torch._foreach_add_(moved, moves, alpha=-rate)


def orthogonalised(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices (count, rows, columns) close to one.

    They end between 0.7 and 1.2, very small ones below; zero matrices stay zero.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    if matrices.is_cuda:
        # On tensor cores, as Jordan et al. do: its rounding changes singular values by less than they are apart.
        x = fused_rounds(x.bfloat16()).to(matrices.dtype)
    else:
        a, b, c = QUINTIC
        for _ in range(ROUNDS):
            square = x @ x.mT
            x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


def fused_rounds(x: Tensor) -> Tensor:
    """Compute the rounds on matrices (count, rows, columns) in three products each, without passes between them."""
    a, b, c = QUINTIC
    for _ in range(ROUNDS):
        square = x @ x.mT
        mixed = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, mixed, x, beta=a)
    return x
