"""The processes of a job: how they are started, and what they exchange."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from vqspeech.config import TrainConfig
from vqspeech.errors import ConfigError, VQSpeechError
from vqspeech.untrusted import environment_number

T = TypeVar("T")

PATIENCE = timedelta(days=1)
"""How long processes wait for the first one, which may be preparing a corpus; one that dies ends the wait."""


class FirstProcessError(VQSpeechError):
    """A failure that the first process reports; the others end with its exit code and print nothing."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Processes:
    """The processes of a job, of which this is one; or one process alone.

    Parameters
    ----------
    fabric : launched
    """

    def __init__(self, fabric: Any) -> None:
        self.fabric = fabric
        self.rank: int = fabric.global_rank
        self.count: int = fabric.world_size
        # Control messages have a gloo group with a timeout of its own: they neither wait for a GPU nor stop it.
        self._control: Any = dist.new_group(backend="gloo", timeout=PATIENCE) if self.count > 1 else None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def first(self, work: Callable[[], T]) -> T:
        """Let the first process work while the others wait; all return its result, which must be small.

        Raises
        ------
        FirstProcessError : on the others, when the first one fails, which raises its own error
        """
        if self.count == 1:
            return work()
        outcome: list[Any] = [None, None]
        try:
            if self.is_first:
                outcome = [None, work()]
        except BaseException as error:
            outcome = [(str(error), getattr(error, "exit_code", 1)), None]
            raise
        finally:
            dist.broadcast_object_list(outcome, 0, group=self._control)
        failure, result = outcome
        if failure is not None:
            raise FirstProcessError(*failure)
        return result

    def largest(self, value: int) -> int:
        """Return the largest value of all processes."""
        if self.count == 1:
            return value
        number = torch.tensor(value)
        dist.all_reduce(number, dist.ReduceOp.MAX, group=self._control)
        return int(number)

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return sums over all processes, on the CPU; the given tensors are not changed."""
        sums = [tensor.detach().to("cpu", copy=True) for tensor in tensors]
        for tensor in sums if self.count > 1 else ():
            dist.all_reduce(tensor, group=self._control)
        return sums

    def align(self, module: torch.nn.Module) -> None:
        """Give every process the first one's parameters and buffers, bit for bit."""
        for tensor in module.state_dict().values() if self.count > 1 else ():
            dist.broadcast(tensor, 0)

    def add_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Sum gradients over all processes; a gradient that no process has stays None."""
        if self.count == 1:
            return
        missing = torch.tensor([parameter.grad is None for parameter in parameters], dtype=torch.int32)
        dist.all_reduce(missing, dist.ReduceOp.MIN, group=self._control)
        by_type: dict[torch.dtype, list[torch.nn.Parameter]] = {}
        for parameter, nowhere in zip(parameters, missing.tolist(), strict=True):
            if not nowhere:
                by_type.setdefault(parameter.dtype, []).append(parameter)
        for alike in by_type.values():
            gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in alike]
            flat = torch.cat([gradient.flatten() for gradient in gradients])
            dist.all_reduce(flat)
            for one, total in zip(alike, flat.split([one.numel() for one in alike]), strict=True):
                one.grad = total.view_as(one)

    def shared_error(self, error: VQSpeechError) -> VQSpeechError:
        """Return this process's error for an error of all: the error itself on the first one."""
        return error if self.is_first else FirstProcessError(str(error), error.exit_code)

    def close(self) -> None:
        """Wait for the other processes, and end the exchange."""
        if self.count > 1:
            dist.barrier(group=self._control)
            dist.destroy_process_group()


def launch(train: TrainConfig) -> Processes:
    """Start the processes of a configuration, or join those of torchrun or SLURM.

    Raises
    ------
    ConfigError : for an accelerator, or a number of devices or crops, that is not possible
    """
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    devices, nodes = _wanted(train)
    train.require_shares(devices * nodes)
    # It logs the precision at every start.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Buffers are equal on all processes, see `Quantizer.update`.
    several = DDPStrategy(broadcast_buffers=False, gradient_as_bucket_view=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fabric = Fabric(
                accelerator=train.accelerator,
                strategy=several if devices * nodes > 1 else "auto",
                devices=devices,
                num_nodes=nodes,
                precision=precision_of(train),
            )
        except (ValueError, RuntimeError, MisconfigurationException) as error:
            raise ConfigError(
                f"cannot start {devices * nodes} processes with train.accelerator = {train.accelerator!r}, "
                f"train.devices = {train.devices}, train.nodes = {train.nodes}: {error}"
            ) from error
        fabric.launch()
    return Processes(fabric)


def alone(train: TrainConfig) -> Processes:
    """Return a single process, for work that several cannot share, such as a recipe.

    Raises
    ------
    ConfigError : when there are several
    """
    devices, nodes = _wanted(train)
    if devices * nodes > 1:
        raise ConfigError(
            f"recipes run in a single process, but {devices * nodes} were started; run without torchrun, and with "
            "train.devices and train.nodes = 1. `vqspeech train` runs in several"
        )
    return launch(train)


def _wanted(train: TrainConfig) -> tuple[int, int]:
    """Return the numbers of processes per node and of nodes, from torchrun if it is used.

    Raises
    ------
    ConfigError : when others were started than the configuration says, or none that could be the other nodes
    """
    if dist.is_available() and dist.is_torchelastic_launched():
        here = environment_number("LOCAL_WORLD_SIZE", 1, least=1)
        return here, environment_number("WORLD_SIZE", here, least=1) // here
    # Of a step of srun; a batch script has the tasks of the job in its environment, and is one process.
    tasks, wanted = environment_number("SLURM_STEP_NUM_TASKS", 1, least=1), train.devices * train.nodes
    if tasks not in (1, wanted):
        raise ConfigError(
            f"SLURM started {tasks} tasks, but train.devices = {train.devices} and train.nodes = {train.nodes} are "
            f"{wanted}; each task is a process: set train.devices to the tasks per node, or start one task"
        )
    if train.nodes > 1 and tasks == 1 and "MASTER_ADDR" not in os.environ:
        raise ConfigError(
            f"train.nodes = {train.nodes}, but nothing started processes on other machines: start them with torchrun "
            "or srun, or omit train.nodes"
        )
    return train.devices, train.nodes


def precision_of(train: TrainConfig) -> Any:
    """Return ``train.precision``; for ``"auto"`` bf16 mixed precision where the hardware supports it, else 32 bits."""
    if train.precision != "auto":
        return train.precision
    if torch.cuda.is_available() and train.accelerator in ("auto", "cuda", "gpu"):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"
