"""Corpora of a kind of data are found by name, and options that a reader does not take are named."""

import pytest

from vqspeech.config import CorpusConfig
from vqspeech.corpora.reading import check_corpus, read_corpus
from vqspeech.errors import ConfigError, CorpusError, UnknownNameError

SOURCE = """
import vqspeech
from types import SimpleNamespace
from vqspeech.registry.specs import CorpusSpec

@vqspeech.hookimpl
def register_corpora():
    return [
        CorpusSpec(name="clips", target=read, summary="clips", licence="none", media="other"),
        CorpusSpec(
            name="free", target=free, summary="anything", licence="none", media="other", needs_data_dir=False
        ),
    ]

def read(root, *, count=3):
    return SimpleNamespace(name="clips", root=root, variant="", skipped={}, notes=(), counts={"clips": count})

def free(root, **options):
    return SimpleNamespace(name="free", root=root, variant="", skipped={}, notes=(), counts=options)
"""


@pytest.fixture
def clips(fake_dist, isolated_registry):
    fake_dist("vqspeech-clips", SOURCE)
    isolated_registry()


def test_the_reader_is_called_with_folder_and_options(clips, tmp_path):
    clips = read_corpus(CorpusConfig(name="clips", options={"count": 5}), tmp_path, "other")
    assert (clips.root, clips.counts) == (tmp_path, {"clips": 5})
    assert read_corpus(CorpusConfig(name="free", options={"any": 1}), None, "other").counts == {"any": 1}


def test_an_option_that_does_not_exist_is_named_with_its_neighbour(clips):
    with pytest.raises(UnknownNameError, match=r"corpus.options.coutn.*corpus.options.count"):
        check_corpus(CorpusConfig(name="clips", options={"coutn": 5}), "other")


def test_a_value_of_the_wrong_type_is_an_error_of_the_configuration(clips):
    with pytest.raises(ConfigError, match=r"corpus.options.count = 'many'"):
        read_corpus(CorpusConfig(name="clips", options={"count": "many"}), None, "other")


def test_a_corpus_of_something_else_is_refused_with_those_that_would_do(clips):
    with pytest.raises(ConfigError, match=r"'vctk' holds audio.*other: clips, free"):
        check_corpus(CorpusConfig(name="vctk"), "other")
    with pytest.raises(ConfigError, match="holds other"):
        check_corpus(CorpusConfig(name="clips"), "audio")


def test_silence_is_trimmed_of_audio_only(clips):
    with pytest.raises(ConfigError, match=r"corpus\.trim_db"):
        check_corpus(CorpusConfig(name="clips", trim_db=40), "other")


def test_a_corpus_that_needs_a_folder_says_so(clips):
    with pytest.raises(CorpusError, match="--data-dir"):
        read_corpus(CorpusConfig(name="clips"), None, "other")
