"""Training on a real GPU: the losses of a CPU, other devices afterwards, no waiting, kernels that are the layers."""

import json
import shutil
import warnings

import pytest
import torch
from runs import MODEL, folder, rows, run

from vqspeech.modality import modality
from vqspeech.nn.decoders.wavenet import PLAIN, TRITON, WaveNet
from vqspeech.training.draws import step_generator
from vqspeech.training.processes import alone
from vqspeech.training.stepper import Stepper

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

WIDE = {**MODEL, "decoder": {**MODEL["decoder"], "residual_channels": 16}}
"""A model whose layers have kernels in Triton."""


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("graph", ["auto", False])
def test_losses_follow_those_of_a_cpu(tmp_path, make_config, store, graph, precision):
    train = {"steps": 200, "log_every": 20, "validate_every": 200, "checkpoint_every": 200, "learning_rate": 0.002}
    train |= {"model": WIDE, "optimizer": "muon", "cuda_graph": graph, "precision": precision}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*(CUDA graph|Triton|torch.compile failed)")
        for place in ("cpu", "cuda"):
            run(make_config(accelerator=place, **train), tmp_path / place, store)
    here, there = (rows(tmp_path / place, "train") for place in ("cpu", "cuda"))
    for one, other in zip(there, here, strict=True):
        assert one["nll_bits"] == pytest.approx(other["nll_bits"], rel=0.02)
    facts = json.loads((folder(tmp_path / "cuda", 200) / "config.json").read_text())
    assert facts["decoder_path"] == TRITON


@pytest.mark.parametrize(("first", "second"), [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_run_continues_on_the_other_device(tmp_path, make_config, store, first, second):
    train = {"model": WIDE, "optimizer": "muon", "steps": 12}
    run(make_config(accelerator=first, **train), tmp_path / "run", store)
    wanted = rows(tmp_path / "run", "train")
    for step in (8, 10, 12):
        shutil.rmtree(folder(tmp_path / "run", step))
    run(make_config(accelerator=second, **train), tmp_path / "run", store)
    found = rows(tmp_path / "run", "train")
    assert [row["step"] for row in found] == [2, 4, 6, 8, 10, 12]
    for one, other in zip(found, wanted, strict=True):
        assert one["nll_bits"] == pytest.approx(other["nll_bits"], rel=0.02)


def test_a_step_waits_for_nothing(make_config, store):
    config = make_config(accelerator="cuda", model=WIDE, optimizer="muon", cuda_graph=False, steps=20)
    stepper = Stepper(config, modality(config).task(config, store), alone(config.train))
    stepper.model.start(stepper.task.start_batch().to(stepper.fabric.device), step_generator(0, -1))
    stepper.model.train()
    for _ in range(4):
        stepper._advance()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(4):
            stepper._advance()
    finally:
        torch.cuda.set_sync_debug_mode("default")
        stepper.close()


@pytest.mark.parametrize(("width", "dtype"), [(64, torch.float32), (64, torch.bfloat16), (128, torch.bfloat16)])
def test_kernels_are_the_plain_layers(width, dtype):
    torch.manual_seed(0)
    decoder = WaveNet(
        dim=8, hop_samples=320, dilations=(1, 2, 512), residual_channels=width, skip_channels=64, condition_channels=8
    ).cuda()
    levels, latents = torch.randint(256, (2, 6400)).cuda(), torch.randn(2, 8, 20).cuda()
    found = []
    for way in (TRITON, PLAIN):
        decoder.zero_grad()
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            nll = decoder.negative_log_likelihood(levels, decoder.conditions(latents, None), computation=way)
        nll.mean().backward()
        found.append([nll.detach(), *(weight.grad for weight in decoder.parameters() if weight.grad is not None)])
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() <= (1e-4 if dtype == torch.float32 else 0.03) * other.norm()
