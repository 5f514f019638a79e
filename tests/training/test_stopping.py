"""Signals are noted and given back; failures of PyTorch are said in the user's terms."""

import os
import signal
import time

import pytest
import torch

from vqspeech.errors import VQSpeechError
from vqspeech.nn.vqvae import VQVAE
from vqspeech.training.run import open_run, train
from vqspeech.training.stopping import TrainingError, deferred_signals, described


def test_signals_are_given_back_and_a_second_one_kills():
    before = signal.getsignal(signal.SIGINT)
    with deferred_signals() as caught:
        os.kill(os.getpid(), signal.SIGINT)
        assert caught == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_a_launcher_passes_on_at_once_is_the_same_wish():
    """Ctrl-C reaches the processes of a terminal directly, and again from torchrun."""
    with deferred_signals(duplicate_s=0.2) as caught:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert caught == [signal.SIGINT]
        time.sleep(0.25)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


GPU_FULL = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 8 GiB. Of the allocated memory ..."
)


@pytest.mark.parametrize(
    "method, calls, message",
    [
        (
            "loss",
            3,
            r"at step 2: CUDA out of memory\. .*train\.accumulate \(now 1\).*train\.batch_size \(now 4\).*"
            r"train\.window_samples \(now 1024\).*train\.crop_samples \(now 2560\)$",
        ),
        ("start", 1, r"at the start: CUDA out of memory\. .*train\.start_crops \(now 6\).*train\.crop_samples"),
    ],
)
def test_a_gpu_out_of_memory_says_what_to_lower(tmp_path, make_config, store, monkeypatch, method, calls, message):
    original, called = getattr(VQVAE, method), []

    def full(self, *arguments):
        called.append(1)
        if len(called) == calls:
            raise torch.cuda.OutOfMemoryError(GPU_FULL)
        return original(self, *arguments)

    monkeypatch.setattr(VQVAE, method, full)
    config = make_config()
    open_run(tmp_path / "run", config)
    with pytest.raises(TrainingError, match=message) as error:
        train(config, tmp_path / "run", store)
    assert error.value.exit_code == 1


@pytest.mark.parametrize(
    "message",
    ["[../gloo/transport/tcp/pair.cc:538] Read error: Connection reset by peer", "NCCL error: remote process exited"],
)
def test_a_lost_process_is_told_from_other_failures(make_config, message):
    train_config = make_config().train
    lost = described(RuntimeError(message), train_config, 7)
    assert isinstance(lost, VQSpeechError)
    assert str(lost).startswith("another process of this job ended or cannot be reached")
    other = RuntimeError("shapes do not fit")
    assert described(other, train_config, 7) is other


CPU_FULL = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "102400000000 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.mark.parametrize(
    "error, reason",
    [
        (
            RuntimeError(CPU_FULL),
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 102400000000 bytes",
        ),
        (MemoryError("Unable to allocate 7 GiB for an array"), "Unable to allocate 7 GiB for an array"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_cpu_out_of_memory_says_what_to_lower(make_config, error, reason):
    found = described(error, make_config().train, 7)
    assert isinstance(found, TrainingError)
    assert str(found).startswith(f"out of memory at step 7: {reason}")
    assert ". Raise train.accumulate (now 1)" in str(found)
