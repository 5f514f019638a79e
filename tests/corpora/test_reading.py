"""Corpora of a kind of data are found by name, and options that a reader does not take are named."""

import pytest

from vqspeech.config import CorpusConfig
from vqspeech.corpora.reading import check_corpus, read_corpus
from vqspeech.errors import ConfigError, UnknownNameError

pytest_plugins = ["vqspeech.testing.fixtures"]

SOURCE = """
import vqspeech
from vqspeech.registry.specs import CorpusSpec

@vqspeech.hookimpl
def register_corpora():
    return [
        CorpusSpec(name="clips", target=read, summary="clips", licence="none", media="other"),
        CorpusSpec(name="free", target=free, summary="anything", licence="none", media="other"),
    ]

def read(root, *, count=3):
    return (root, count + 0)

def free(root, **options):
    return options
"""


@pytest.fixture
def clips(fake_dist, isolated_registry):
    fake_dist("vqspeech-clips", SOURCE)
    isolated_registry()


def test_the_reader_is_called_with_folder_and_options(clips, tmp_path):
    assert read_corpus(CorpusConfig(name="clips", options={"count": 5}), tmp_path, "other") == (tmp_path, 5)
    assert read_corpus(CorpusConfig(name="free", options={"any": 1}), None, "other") == {"any": 1}


def test_an_option_that_does_not_exist_is_named_with_its_neighbour(clips):
    with pytest.raises(UnknownNameError, match=r"corpus.options.coutn.*corpus.options.count"):
        check_corpus(CorpusConfig(name="clips", options={"coutn": 5}), "other")


def test_a_value_of_the_wrong_type_is_an_error_of_the_configuration(clips):
    with pytest.raises(ConfigError, match=r"'clips'.*'count': 'many'"):
        read_corpus(CorpusConfig(name="clips", options={"count": "many"}), None, "other")


def test_a_corpus_of_something_else_is_refused_with_those_that_would_do(clips):
    with pytest.raises(ConfigError, match=r"'vctk' holds audio.*other: clips, free"):
        check_corpus(CorpusConfig(name="vctk"), "other")
    with pytest.raises(ConfigError, match="holds other"):
        check_corpus(CorpusConfig(name="clips"), "audio")


def test_silence_is_trimmed_of_audio_only(clips):
    with pytest.raises(ConfigError, match=r"corpus\.trim_db"):
        check_corpus(CorpusConfig(name="clips", trim_db=40), "other")
