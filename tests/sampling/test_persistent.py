"""The persistent kernel, in Triton's interpreter on the CPU and compiled for a Hopper GPU that need not be there."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

INTERPRETED = """
import torch
from triton.runtime import interpreter
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.cuda import CudaSampler
from vqspeech.sampling.reference import ReferenceSampler
from vqspeech.sampling.cpu import CpuSampler

patch = interpreter._patch_lang_tensor
def patch_index(tensor, scope):  # NumPy 2.4 makes no number of an array of one, as Triton 3.6 expects of it
    patch(tensor, scope)
    scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))
interpreter._patch_lang_tensor = patch_index

torch.manual_seed(0)
decoder = WaveNet(dim=3, hop_samples=4, dilations=(1, 3), kernel_size={taps}, residual_channels=5, skip_channels=6).requires_grad_(False)
decoder.logits.weight *= 20
for layer in decoder.residual:
    layer.bias.normal_()
conditions, draws = decoder.conditions(torch.randn(2, 3, 6), None), torch.rand(2, 22, dtype=torch.float64)
for temperature in (0.8, 0.0):
    expected = ReferenceSampler(decoder, 2).draw(conditions, draws, temperature)
    sampler = CudaSampler(decoder, 2, device="cpu", way="persistent")
    found = [sampler.draw(conditions[:, :2], draws[:, :8], temperature), sampler.draw(conditions[:, 2:], draws[:, 8:], temperature)]
    assert torch.equal(torch.cat(found, 1), expected), (found, expected)
    assert temperature == 0 or len(expected.unique()) > 10
for weights in ("fp32", "bf16"):
    logits = CudaSampler(decoder, 2, device="cpu", weights=weights, way="persistent").logits(conditions[:, :2], expected[:, :7])
    exact = CudaSampler(decoder, 2, device="cpu", weights=weights).logits(conditions[:, :2], expected[:, :7])
    assert (logits - exact).abs().max() < 1e-4
print("the same")
"""

COMPILED = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from vqspeech.sampling.persistent_kernel import draw

matrix = {matrix!r}
kinds = dict(
    conditions="*fp32", uniforms="*fp64", temperature="*fp64", levels="*i64", seen="*fp32", level_of="*i64", clock="i32", rings="*fp32",
    starts="*i64", dilations="*i64", scratch="*fp32", embedding="*fp32", gates=matrix, residual=matrix, residual_bias="*fp32", skip=matrix,
    inner=matrix, last=matrix, head_bias="*fp32", count="i32", condition_samples="i32", streams="i32",
)
fixed = dict(LAYERS=30, TAPS=2, WIDTH=64, SKIP=256, STREAMS=16, GREEDY=False, FORCED=False, PRECISION={precision!r})
source = ASTSource(fn=draw, signature=kinds | dict.fromkeys(fixed, "constexpr"), constexprs=fixed)
done = compile(source, target=GPUTarget("cuda", 90, 32), options=dict(num_warps=8, num_stages=1))
assert done.metadata.shared < 200_000
assert "mma" in done.asm["ptx"] and len(done.asm["cubin"]) > 10_000
print("compiled")
"""


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("taps", [1, 2, 3])
def test_its_samples_are_those_of_the_reference(taps):
    assert python(INTERPRETED.format(taps=taps), TRITON_INTERPRET="1") == "the same\n"


@pytest.mark.parametrize(("matrix", "precision"), [("*fp32", "tf32x3"), ("*bf16", "tf32")])
def test_it_compiles_for_the_gpu_it_is_meant_for(matrix, precision, tmp_path):
    code = COMPILED.format(matrix=matrix, precision=precision)
    assert python(code, TRITON_CACHE_DIR=str(tmp_path), TRITON_INTERPRET="0") == "compiled\n"
