"""Checks of the loss: shares, parameter groups, evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from vqspeech.modality import Terms
from vqspeech.nn.decoders.protocol import MAIN
from vqspeech.testing.modalities.subject import ModalitySubject, tensors
from vqspeech.training.draws import step_generator
from vqspeech.training.groups import ParameterGroups


def shares(subject: ModalitySubject) -> None:
    """The shares of two processes are rows 0::2 and 1::2 of the whole batch, and their losses sum to its loss."""
    with subject.run() as (config, store, _):
        task = subject.task(config, store)
        whole = tensors(task.batch(2, 0, 1))
        parts = [tensors(task.batch(2, rank, 2)) for rank in (0, 1)]
        rows = config.train.batch_size
        per_row = [name for name, tensor in whole.items() if tensor.ndim and len(tensor) == rows]
        assert per_row, f"no tensor of the batch has {rows} rows (train.batch_size)"
        for name in per_row:
            for rank in (0, 1):
                assert torch.equal(parts[rank][name], whole[name][rank::2]), (
                    f"{name} of process {rank} of 2 is not rows {rank}::2 of the batch"
                )
        model: Any = task.model.eval()
        with torch.no_grad():
            total = model.loss(task.batch(2, 0, 1)).total
            summed = sum(model.loss(task.batch(2, rank, 2)).total for rank in (0, 1))
        assert torch.isclose(total, torch.as_tensor(summed), rtol=1e-3), (
            f"the losses of two shares sum to {summed}, that of the whole batch is {total}: "
            "divide by what the whole batch counts"
        )


def loss(subject: ModalitySubject) -> None:
    """The loss of each parameter group is finite and gives every trainable parameter of the group a gradient."""
    with subject.run() as (config, store, _):
        task = subject.task(config, store)
        model: Any = task.model.train()
        model.start(task.start_batch(), step_generator(config.seed, -1))
        groups = ParameterGroups(task.model)
        for group, parameters in groups.items():
            model.zero_grad()
            with groups.only(group):
                chosen = {"group": group} if len(groups) > 1 else {}
                result = model.loss(task.batch(0, 0, 1), step_generator(config.seed, 0), **chosen)
                assert result.total.ndim == 0 and torch.isfinite(result.total), f"the loss is {result.total}"
                assert result.total.requires_grad, f"the loss of group {group!r} depends on none of its parameters"
                result.total.backward()
            if group == MAIN:
                _check_terms(result, model.criterion, task.codebook_sizes)
            names = {id(parameter): name for name, parameter in model.named_parameters()}
            idle = [names[id(parameter)] for parameter in parameters if parameter.grad is None]
            assert not idle, f"no gradient for {', '.join(idle[:3])} (several processes would wait for it)"


def _check_terms(result: Terms, criterion: str, codebook_sizes: tuple[int, ...]) -> None:
    terms, codes, mask = result.terms, result.codes, result.mask
    assert criterion in terms, f"terms are {sorted(terms)}; the criterion {criterion!r} must be among them"
    assert not any(term.requires_grad for term in terms.values()), "terms carry gradients; detach them"
    assert codes.dtype == torch.int64 and codes.ndim == 3, "codes are not (batch, codebooks, time) int64"
    assert codes.shape[1] == len(codebook_sizes), (
        f"codes have {codes.shape[1]} codebooks, codebook_sizes has {len(codebook_sizes)}"
    )
    assert mask.dtype == torch.bool and mask.shape == (codes.shape[0], codes.shape[2]), "mask is not (batch, time) bool"


def evaluation(subject: ModalitySubject) -> None:
    """In evaluation mode the loss repeats and changes nothing; shuffled is None or finite."""
    with subject.run() as (config, store, _):
        task = subject.task(config, store)
        model: Any = task.model.train()
        model.start(task.start_batch(), step_generator(config.seed, -1))
        model.loss(task.batch(0, 0, 1), step_generator(config.seed, 0))
        model.update(step_generator(config.seed, 0))
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.eval()
        batch = task.validation_batch(0, 0, 1)
        with torch.no_grad():
            first, second = (model.loss(batch).total for _ in range(2))
            shuffled = model.shuffled(batch)
        assert torch.equal(first, second), "the loss in evaluation mode is random"
        assert shuffled is None or torch.isfinite(shuffled), (
            "shuffled is not finite; return None when there is nothing to shuffle"
        )
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor.nan_to_num(), before[name].nan_to_num()), f"evaluation changes {name}"


CHECKS: tuple[Callable[[ModalitySubject], None], ...] = (shares, loss, evaluation)
