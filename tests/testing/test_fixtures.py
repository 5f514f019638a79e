"""What plugin authors get beside the checks: fake distributions, an isolated registry, a tiny corpus, light imports."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from vqspeech import audio, testing
from vqspeech.corpora import folder
from vqspeech.registry import lookup
from vqspeech.testing import assert_light_import

SOURCE = """
    import vqspeech
    from vqspeech.registry.specs import QuantizerSpec

    @vqspeech.hookimpl
    def register_quantizers():
        return [QuantizerSpec(name="mine", target="math:sqrt", summary="mine")]
"""


def test_a_fake_distribution_is_seen_by_the_isolated_registry_and_by_it_alone(fake_dist, isolated_registry):
    path = fake_dist("vqspeech-mine", SOURCE, version="1.5")
    host = isolated_registry()
    assert path.name == "vqspeech_mine.py"
    assert [str(plugin.provider) for plugin in host.plugins] == ["vqspeech-mine 1.5"]
    assert lookup.spec("quantizer", "mine").summary == "mine"


def test_the_fake_distribution_of_another_test_is_gone(isolated_registry):
    assert not isolated_registry().plugins
    assert "vqspeech_mine" not in sys.modules


def test_the_tiny_corpus_is_speech_of_three_speakers_with_texts_splits_and_alignments(tiny_corpus):
    corpus = folder.read(tiny_corpus)
    assert len(corpus.utterances) == 12
    assert corpus.speakers == ("ann", "bob", "cid")
    assert not corpus.skipped
    for speaker in corpus.speakers:
        own = [u for u in corpus.utterances if u.speaker == speaker]
        assert sorted(u.split for u in own) == ["test", "train", "train", "valid"]
        assert all(u.text and u.alignment for u in own)
    assert corpus.duration_s < 12
    first = corpus.utterances[0]
    assert [phone.label for phone in first.alignment.phones] == ["sil", *first.text.split(), "sil"]
    samples = audio.read(first.path)
    loud = [np.abs(samples[int(p.start_s * 16000) : int(p.end_s * 16000)]).max() for p in first.alignment.phones]
    assert max(loud[0], loud[-1]) < 0.01 < 0.2 < min(loud[1:-1])


def test_a_light_module_passes(fake_dist):
    fake_dist("vqspeech-light", SOURCE)
    assert_light_import("vqspeech_light")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import json, soxr\nimport numpy as np\n", "imports numpy; import them inside the function"),
        ("from vqspeech.nn.quantize import Quantizer\n", "torch"),
        ("import no_such_package\n", "cannot be imported.*no_such_package"),
    ],
)
def test_a_heavy_or_broken_module_does_not(source, message, fake_dist):
    fake_dist("vqspeech-heavy", source)
    with pytest.raises(AssertionError, match=message):
        assert_light_import("vqspeech_heavy")


def test_the_public_names_exist_and_load_on_use():
    assert set(testing.PUBLIC) == set(testing.__all__)
    for name in testing.__all__:
        assert getattr(testing, name)
    with pytest.raises(AttributeError, match="public: "):
        _ = testing.no_such_name
    code = "import sys, vqspeech.testing; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
