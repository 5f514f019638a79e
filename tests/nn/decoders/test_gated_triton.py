"""The gated layers in Triton: in its interpreter the plain layers' results and gradients, and code for a Hopper GPU."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

INTERPRETED = """
import torch
from vqspeech.nn.decoders.gated_triton import triton_stack
from vqspeech.nn.decoders.dilated import dilated_taps, residual_block

def plain_stack(hidden, conditions, gates, residual, dilations):
    outputs = []
    for layer, dilation in enumerate(dilations):
        mix = None if layer == len(residual) else lambda z, layer=layer: torch.nn.functional.linear(z, *residual[layer])
        taps = dilated_taps(hidden, len(gates[layer]), dilation)
        z, hidden = residual_block(hidden, taps, conditions[:, :, layer], gates[layer], mix)
        outputs.append(z)
    return torch.cat(outputs, -1)

def compared(width, taps, dilations, frames, samples, dtype=torch.float32, batch=2):
    torch.manual_seed(0)
    layers, time = len(dilations), frames * samples
    made = [torch.randn(batch, time, width), torch.randn(batch, frames, layers, 2 * width)]
    made += [torch.randn(taps, width, 2 * width) / (taps * width) ** 0.5 for _ in dilations]
    made += [torch.randn(width, width) / width**0.5 for _ in dilations[1:]]
    made += [torch.randn(width) for _ in dilations[1:]]
    outer = torch.randn(batch, time, layers * width).to(dtype)
    results = []
    for stack, kind in ((triton_stack, dtype), (plain_stack, torch.float64)):
        leaves = [one.to(dtype).to(kind).requires_grad_() for one in made]
        hidden, conditions, *weights = leaves
        residual = list(zip(weights[layers : 2 * layers - 1], weights[2 * layers - 1 :]))
        z = stack(hidden, conditions, weights[:layers], residual, dilations)
        results.append([z.detach(), *torch.autograd.grad(z, leaves, outer.to(kind))])
    most = 2e-5 if dtype == torch.float32 else 0.02
    for found, wanted in zip(*results, strict=True):
        assert found.shape == wanted.shape
        error = ((found.double() - wanted).norm() / wanted.norm().clamp_min(1e-30)).item()
        assert error < most, (width, taps, dilations, tuple(found.shape), error)

compared(16, 2, (1, 2, 4), frames=3, samples=8)
compared(16, 3, (3, 40), frames=2, samples=20)
compared(32, 1, (1,), frames=1, samples=70)
# The interpreter multiplies the bits of bfloat16 as if they were integers.
compared(16, 2, (1, 8), frames=2, samples=16, dtype=torch.float16)
print("the same")
"""

COMPILED = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from vqspeech.nn.decoders import gated_triton as kernels

matrices = dict.fromkeys(
    ("x", "weights", "conditions", "mix", "bias", "z", "above", "grad_z", "grad_above", "grad_both", "grad_x"), "*bf16"
)
numbers = dict.fromkeys(("time", "dilation", "condition_stride", "z_stride"), "i32")
kinds = {**matrices, **numbers, "grad_conditions": "*fp32"}
small = [(64, kernel) for kernel in (kernels.forward_layer, kernels.backward_gates, kernels.backward_taps)]
for width, kernel in (*small, (128, kernels.backward_gates)):
    fixed = {"WIDTH": width, "TAPS": 2, "INPUTS": 2 * width, "SAMPLES": 320, "ROWS": 64, "LAST": False}
    fixed = {name: value for name, value in fixed.items() if name in kernel.arg_names}
    signature = {name: "constexpr" if name in fixed else kinds[name] for name in kernel.arg_names}
    places = [place for place, name in enumerate(kernel.arg_names) if name not in (*fixed, "dilation")]
    aligned = {(place,): [["tt.divisibility", 16]] for place in places}
    source = ASTSource(fn=kernel, signature=signature, constexprs=fixed, attrs=aligned)
    done = compile(source, target=GPUTarget("cuda", 90, 32), options=kernels.block(width))
    assert done.metadata.shared * (2 if width == 64 else 1) < 227 * 1024, done.metadata.shared
    # Products on tensor cores, and 16 bytes at a time.
    code = done.asm["ptx"]
    assert "wgmma" in code and "ld.global.v4.b32" in code and "ld.global.b16" not in code
print("compiled")
"""


def python(code, **environment):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_outputs_and_gradients_are_those_of_the_plain_layers():
    assert python(INTERPRETED, TRITON_INTERPRET="1") == "the same\n"


@pytest.mark.slow
def test_the_kernels_compile_for_a_gpu_that_need_not_be_there(tmp_path):
    """Hopper; two blocks of 64 channels share the memory of a multiprocessor."""
    assert python(COMPILED, TRITON_CACHE_DIR=str(tmp_path), TRITON_INTERPRET="0") == "compiled\n"
