"""The processes of a job: how they are started, and what they say to each other beside gradients."""

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

T = TypeVar("T")

PATIENCE = timedelta(days=1)
"""How long processes wait for the first one, which may be preparing a large corpus. A process that dies is noticed at once."""


class FirstProcessError(VQSpeechError):
    """What the first process has already told the user; the others end with its exit code and say nothing."""

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
        # Words go over the network between hosts, so that they neither wait for a GPU nor stop it, and have a patience of their own.
        self._words: Any = dist.new_group(backend="gloo", timeout=PATIENCE) if self.count > 1 else None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def first(self, work: Callable[[], T]) -> T:
        """Let the first process do something while the others wait; all get its (small) result.

        Raises
        ------
        FirstProcessError : on the others, when it fails on the first one; there it raises what it raises
        """
        if self.count == 1:
            return work()
        said: list[Any] = [None, None]
        try:
            if self.is_first:
                said = [None, work()]
        except BaseException as error:
            said = [(str(error), getattr(error, "exit_code", 1)), None]
            raise
        finally:
            dist.broadcast_object_list(said, 0, group=self._words)
        failure, result = said
        if failure is not None:
            raise FirstProcessError(*failure)
        return result

    def largest(self, value: int) -> int:
        """The largest of the values that all processes give."""
        if self.count == 1:
            return value
        number = torch.tensor(value)
        dist.all_reduce(number, dist.ReduceOp.MAX, group=self._words)
        return int(number)

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Sums over all processes, on the CPU; the given tensors stay what they are."""
        sums = [tensor.detach().to("cpu", copy=True) for tensor in tensors]
        for tensor in sums if self.count > 1 else ():
            dist.all_reduce(tensor, group=self._words)
        return sums

    def align(self, module: torch.nn.Module) -> None:
        """Give every process the first one's parameters and buffers, bit for bit."""
        for tensor in module.state_dict().values() if self.count > 1 else ():
            dist.broadcast(tensor, 0)

    def said_once(self, error: VQSpeechError) -> VQSpeechError:
        """An error that all processes raise alike, for this one to raise: the first says it."""
        return error if self.is_first else FirstProcessError(str(error), error.exit_code)

    def close(self) -> None:
        """Part in good order, at the end of all work."""
        if self.count > 1:
            dist.barrier(group=self._words)
            dist.destroy_process_group()


def launch(train: TrainConfig) -> Processes:
    """Start the processes that a configuration asks for, or join those that torchrun or SLURM started (Lightning Fabric).

    Raises
    ------
    ConfigError : for an accelerator, a number of devices or of crops that cannot be
    """
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    devices, nodes = _wanted(train)
    train.require_shares(devices * nodes)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells the precision at every start
    several = DDPStrategy(
        broadcast_buffers=False, gradient_as_bucket_view=True
    )  # buffers are alike: see `Quantizer.update`
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fabric = Fabric(
                accelerator=train.accelerator,
                strategy=several if devices * nodes > 1 else "auto",
                devices=devices,
                num_nodes=nodes,
                precision=_precision(train),
            )
        except (ValueError, RuntimeError, MisconfigurationException) as error:
            raise ConfigError(
                f"cannot start {devices * nodes} processes with train.accelerator = {train.accelerator!r}, train.devices = "
                f"{train.devices}, train.nodes = {train.nodes}: {error}"
            ) from error
        fabric.launch()
    return Processes(fabric)


def alone(train: TrainConfig) -> Processes:
    """One process, for work that several cannot share, such as a recipe.

    Raises
    ------
    ConfigError : when there are several
    """
    devices, nodes = _wanted(train)
    if devices * nodes > 1:
        raise ConfigError(
            f"recipes run in one process, and here are {devices * nodes}; leave torchrun away and train.devices and train.nodes at 1. "
            "`vqspeech train` takes several"
        )
    return launch(train)


def _wanted(train: TrainConfig) -> tuple[int, int]:
    """Processes per node, and nodes; torchrun has decided where it was used."""
    if dist.is_available() and dist.is_torchelastic_launched():
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        return here, int(os.environ["WORLD_SIZE"]) // here
    return train.devices, train.nodes


def _precision(train: TrainConfig) -> Any:
    """bf16 mixed precision where the hardware multiplies in it, else 32 bits."""
    if train.precision != "auto":
        return train.precision
    if torch.cuda.is_available() and train.accelerator in ("auto", "cuda", "gpu"):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"
