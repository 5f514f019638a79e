"""A recorder of training steps on CPUs: it repeats operations on the memory that they had, as a CUDA graph does."""

import importlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "unique")
"""Operations whose result, or its shape, a GPU tells the CPU."""


class WaitedError(RuntimeError):
    """An operation for which the CPU would wait for a GPU."""


def count_steps_on_cpus(monkeypatch):
    """Let Adam keep its number of steps in a tensor, as on a GPU."""
    adam = importlib.import_module("torch.optim.adam")
    monkeypatch.setattr(adam, "_get_capturable_supported_devices", lambda **kwargs: ["cpu"])


def waits(func, args):
    name = func.overloadpacket.__name__
    if name in ("index", "index_put", "index_put_"):
        return any(index is not None and index.dtype == torch.bool for index in args[1])
    return any(name.startswith(one) for one in WAITING)


class NoWaiting(TorchDispatchMode):
    """Raises `WaitedError` for operations that wait for a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if waits(func, args):
            raise WaitedError(str(func))
        result = func(*args, **kwargs)
        self.ran(func, args, kwargs, result)
        return result

    def ran(self, func, args, kwargs, result):
        pass


class Calls(NoWaiting):
    """Keeps operations, to run them again on the same tensors."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def ran(self, func, args, kwargs, result):
        if isinstance(kwargs.get("generator"), torch.Generator):
            raise WaitedError(f"{func} draws numbers on the CPU")
        self.calls.append((func, args, kwargs, result))

    @torch.no_grad()
    def replay(self):
        for func, args, kwargs, result in self.calls:
            for old, new in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class CpuRecorder:
    """See `vqspeech.training.recording.Recorder`; what `state` lists is put back after recording."""

    def __init__(self, state):
        self.state, self.replays, self.memory = state, 0, 0.0

    def warm(self, step):
        step()

    def used(self):
        return self.memory

    def record(self, step):
        calls, before = Calls(), [(one, one.detach().clone()) for one in self.state()]
        try:
            with calls:
                step()
        finally:
            with torch.no_grad():
                for place, values in before:
                    place.copy_(values)

        def replay():
            self.replays += 1
            calls.replay()

        return replay
