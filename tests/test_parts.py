"""Parts of a model by name: options and what factories return, of plugins too."""

from __future__ import annotations

import pytest

from vqspeech import parts
from vqspeech.errors import ConfigError, FailedPluginError, PluginError

PLUGIN = """
    from pathlib import Path

    import vqspeech
    from vqspeech.nn.encoders.protocol import Encoder
    from vqspeech.registry.specs import EncoderSpec

    def encoder(sample_rate, *, dim: int = 4, weights: Path = Path("default")):
        if dim < 2:
            raise ValueError(f"dim = {dim} is too small")
        if dim > 99:
            raise KeyError("dim")
        made = Encoder()
        made.dim, made.hop_samples, made.weights = dim, 160, weights
        return made

    def without_hop(sample_rate):
        made = Encoder()
        made.dim = 4
        return made

    def demanding(sample_rate, *, dim: int):
        return encoder(sample_rate, dim=dim)

    @vqspeech.hookimpl
    def register_encoders():
        targets = {"plain": encoder, "without-hop": without_hop, "demanding": demanding}
        return [EncoderSpec(name=name, target=target, summary="") for name, target in targets.items()]
"""


@pytest.fixture(autouse=True)
def plugin(fake_dist, isolated_registry):
    fake_dist("vqspeech-odd", PLUGIN)
    isolated_registry()


def build(name, **options):
    return parts.build("encoder", {"name": name, **options}, 16000)


def test_a_value_error_of_a_factory_says_that_options_cannot_be_used():
    with pytest.raises(ConfigError, match=r"encoder 'plain' of vqspeech-odd 0\.3 .*dim = 1 is too small"):
        build("plain", dim=1)
    with pytest.raises(FailedPluginError, match="KeyError"):
        build("plain", dim=100)


def test_a_part_without_what_the_model_reads_is_named():
    with pytest.raises(PluginError, match=r"encoder 'without-hop' of vqspeech-odd 0\.3 .*hop_samples"):
        build("without-hop")


def test_a_missing_option_is_named():
    with pytest.raises(ConfigError, match=r"model\.encoder\.dim: encoder 'demanding' .*dim: int"):
        build("demanding")
    assert build("demanding", dim=5).dim == 5


def test_a_value_that_is_no_json_stays_as_it_was_given():
    """Checked twice, it is still the same; a default that is no JSON is left to the factory."""
    given = {"name": "plain", "weights": "some/file"}
    complete = parts.complete("encoder", given)
    assert complete == given | {"dim": 4}
    assert parts.complete("encoder", complete) == complete
    assert build(**complete).weights.name == "file"
    assert "weights" not in parts.complete("encoder", {"name": "plain"})
