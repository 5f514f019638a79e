"""The quantizer plugin of docs/plugins.md works as it stands there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from vqspeech.registry import lookup

TEXT = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return found


def test_the_documented_plugin_registers_and_quantizes(fake_dist, isolated_registry):
    project = tomllib.loads(block("toml"))
    (points,) = project["project"]["entry-points"].values()
    ((plugin, module),) = points.items()
    fake_dist(project["project"]["name"], block("python"), entry_points=f"[vqspeech]\n{plugin} = {module}\n")
    host = isolated_registry()
    assert project["tool"]["setuptools"]["py-modules"] == [module]
    make = lookup.get("quantizer", plugin)
    assert not host.failures
    torch = pytest.importorskip("torch")
    quantizer = make(6, bits=3)
    z = torch.randn(2, 6, 5, requires_grad=True)
    quantized = quantizer(z)
    codes = quantizer.encode(z)
    assert codes.shape == (2, 1, 5)
    assert codes.dtype == torch.int64
    assert torch.equal(codes, quantized.codes)
    assert torch.allclose(quantizer.decode(codes), quantized.z_q, atol=1e-6)
    assert int(codes.max()) < quantizer.codebook_sizes[0] == 8
    quantized.z_q.sum().backward()
    assert z.grad is not None and z.grad.abs().sum() > 0


def test_the_documented_plugin_is_cheap_to_import():
    assert "import torch" not in block("python").split("def make")[0]


@pytest.mark.parametrize(
    "variable", ["VQSPEECH_PLUGINS", "VQSPEECH_DISABLE_PLUGINS", "VQSPEECH_STRICT_PLUGINS", "VQSPEECH_PLUGIN_DEBUG"]
)
def test_every_environment_variable_is_documented(variable):
    assert f"`{variable}" in TEXT
