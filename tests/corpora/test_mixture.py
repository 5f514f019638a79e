import pytest

from vqspeech.config import CorpusConfig
from vqspeech.corpora.reading import read_corpus
from vqspeech.errors import ConfigError, CorpusError, InputError, UnknownNameError


@pytest.fixture
def data(tmp_path, tone):
    for name in ("own/ann/1.wav", "own/ann/2.wav", "own/bob/1.wav", "libri/84-1-0000.flac", "libri/85-1-0000.flac"):
        tone(tmp_path / name)
    (tmp_path / "libri/84-1.trans.txt").write_text("84-1-0000 GO ON\n")
    return tmp_path


def mixed(root, *parts, **options):
    return read_corpus(CorpusConfig(name="mixture", options={"parts": list(parts), **options}), root)


OWN = {"corpus": "folder", "folder": "own"}
LIBRI = {"corpus": "librispeech", "folder": "libri"}


def test_parts_are_read_by_their_corpora_and_keep_ids_speakers_texts_and_splits(data):
    corpus = mixed(data, OWN, LIBRI)
    alone = {u.id: u for part in (OWN, LIBRI) for u in mixed(data, part).utterances}
    assert [u.id for u in corpus.utterances] == ["84-1-0000", "85-1-0000", "ann-1", "ann-2", "bob-1"]
    assert all(u == alone[u.id] for u in corpus.utterances)
    assert corpus.speakers == ("84", "85", "ann", "bob")
    assert corpus.utterances[0].text == "GO ON"
    assert corpus.variant == "own (one folder per speaker); libri (LibriSpeech, files without subset folders)"


def test_speakers_are_chosen_and_left_out_per_part(data):
    corpus = mixed(data, OWN | {"without": ["bob"]}, LIBRI | {"speakers": ["85"], "split": "test"})
    assert corpus.speakers == ("85", "ann")
    assert [u.split for u in corpus.utterances if u.speaker == "85"] == ["test"]
    with pytest.raises(UnknownNameError, match=r"speaker of corpus\.options\.parts\.0 'bop'.*Did you mean 'bob'"):
        mixed(data, OWN | {"without": ["bop"]})
    with pytest.raises(CorpusError, match=r"parts\.0: no utterance is left"):
        mixed(data, OWN | {"without": ["ann", "bob"]})


def test_names_that_an_earlier_part_has_get_the_label_of_their_part(data, tone):
    tone(data / "more/own/ann/1.wav")
    tone(data / "more/own/eve/1.wav")
    more = OWN | {"folder": "more/own"}
    corpus = mixed(data, OWN, more)
    assert [(u.id, u.speaker) for u in corpus.utterances] == [
        ("ann-1", "ann"),
        ("ann-2", "ann"),
        ("bob-1", "bob"),
        ("own-2-ann-1", "own-2-ann"),
        ("own-2-eve-1", "eve"),
    ]
    assert any("own-2-, 1: ann" in note for note in corpus.notes)
    assert mixed(data, OWN, more, same_speakers=True).speakers == ("ann", "bob", "eve")


def test_skipped_files_notes_and_synthetic_speech_are_those_of_the_parts(data):
    (data / "own/bob/2.wav").write_text("no audio")
    corpus = mixed(data, OWN, {"corpus": "librispeech", "folder": "libri", "speakers": ["85"]})
    assert list(corpus.skipped) == [str(data / "own/bob/2.wav")]
    assert not corpus.synthetic
    assert not corpus.notes


def test_synthetic_parts_need_no_folder(data):
    pytest.importorskip("espeakng_loader")
    demo = {"corpus": "demo", "options": {"speakers": 1, "utterances_per_speaker": 1}}
    corpus = mixed(data, demo, OWN)
    assert corpus.synthetic
    assert "demo: Synthetic speech." in corpus.notes
    assert len(corpus.speakers) == 3


@pytest.mark.parametrize(
    ("part", "error", "message"),
    [
        ({"corpus": "folder", "folder": "none"}, CorpusError, r"none: no such folder"),
        ({"corpus": "foldr"}, UnknownNameError, r"corpus 'foldr'.*Did you mean 'folder'"),
        ({"corpus": "mixture"}, InputError, r"parts\.0\.corpus = 'mixture'"),
        (OWN | {"options": {"mic": "mic1"}}, UnknownNameError, r"corpus\.options\.parts\.0\.options\.mic"),
        ({"folder": "own"}, ConfigError, r"parts\.0\.corpus"),
        (
            {"corpus": "folder", "speaker": ["ann"]},
            ConfigError,
            r"parts\.0\.speaker'.*Did you mean '.*parts\.0\.speakers'",
        ),
        ({"corpus": "folder", "split": "training"}, ConfigError, r"parts\.0\.split"),
    ],
)
def test_unusable_parts_are_errors_that_name_their_key(data, part, error, message):
    with pytest.raises(error, match=message):
        mixed(data, part)


def test_a_mixture_needs_parts_and_a_folder(data):
    with pytest.raises(CorpusError, match="parts is empty"):
        mixed(data)
    with pytest.raises(CorpusError, match="--data-dir"):
        mixed(None, OWN)


def test_real_voices_and_librispeech(real_data):
    root = real_data("voices").parent
    voices = {"corpus": "folder", "folder": "voices", "options": {"split_by": "text"}}
    corpus = mixed(root, voices, {"corpus": "librispeech", "folder": "librispeech-251"})
    assert len(corpus.speakers) == 7 + 251
    assert "librispeech-251-4088" in corpus.speakers
