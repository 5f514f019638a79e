import os

import pytest

from vqspeech.corpora import librispeech
from vqspeech.errors import CorpusError


def test_the_tree_is_read_with_its_transcripts(tmp_path, tone):
    for subset, speaker in (("train-clean-100", "19"), ("dev-clean", "84"), ("test-other", "367")):
        folder = tmp_path / "LibriSpeech" / subset / speaker / "100"
        for number in range(2):
            tone(folder / f"{speaker}-100-000{number}.flac")
        (folder / f"{speaker}-100.trans.txt").write_text(
            f"{speaker}-100-0000 GO ON\n{speaker}-100-0001 IT IS {speaker}\n"
        )
    corpus = librispeech.read(tmp_path)
    assert corpus.variant == "LibriSpeech, dev-clean, test-other, train-clean-100"
    assert {u.id: u.text for u in corpus.utterances}["84-100-0001"] == "IT IS 84"
    by_speaker = librispeech.read(tmp_path, split_by="speaker")
    assert {u.speaker: u.split for u in by_speaker.utterances} == {"19": "train", "84": "valid", "367": "test"}


def test_bare_files_are_read(tmp_path, tone):
    tone(tmp_path / "84-121123-0000.flac")
    tone(tmp_path / "extra.flac")
    corpus = librispeech.read(tmp_path)
    assert [(u.id, u.speaker, u.text) for u in corpus.utterances] == [("84-121123-0000", "84", None)]
    assert any("extra.flac" in note for note in corpus.notes)


def test_odd_characters_in_a_transcript_end_no_line_and_a_pipe_is_not_read(tmp_path, tone):
    tone(tmp_path / "84-1-0000.flac")
    (tmp_path / "84-1.trans.txt").write_text("84-1-0000 ONE\u2028TWO\x0bTHREE\x85FOUR\n", encoding="utf-8")
    os.mkfifo(tmp_path / "85-1.trans.txt")
    assert librispeech.read(tmp_path).utterances[0].text == "ONE\u2028TWO\x0bTHREE\x85FOUR"


def test_other_folders_are_refused(tmp_path, tone):
    tone(tmp_path / "a.wav")
    with pytest.raises(CorpusError, match=r"SPEAKER-CHAPTER-NNNN\.flac"):
        librispeech.read(tmp_path)


def test_the_real_files(real_data):
    corpus = librispeech.read(real_data("librispeech-251"))
    assert (len(corpus.utterances), len(corpus.speakers)) == (251, 251)
