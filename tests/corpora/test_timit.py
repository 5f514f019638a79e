import os

import pytest

from vqspeech.alignment.base import SILENCE
from vqspeech.corpora import timit
from vqspeech.errors import CorpusError

PHN = "0 800 h#\n800 2400 ix\n2400 3200 h#\n"


def sentence(tone, folder, name, upper=False, container="WAV"):
    parts = {"phn": PHN, "wrd": "800 2400 in\n", "txt": "0 3200 In here.\n"}
    case = str.upper if upper else str.lower
    tone(folder / case(f"{name}.wav"), format=container)
    for suffix, content in parts.items():
        (folder / case(f"{name}.{suffix}")).write_text(content)


def test_the_ldc_tree_is_read_from_nist_files_in_upper_case(tmp_path, tone):
    for part, speaker in (("TRAIN", "FCJF0"), ("TEST", "MDAB0")):
        for name in ("SA1", "SI648"):
            sentence(tone, tmp_path / "TIMIT" / part / "DR1" / speaker, name, upper=True, container="NIST")
    corpus = timit.read(tmp_path)
    assert [u.id for u in corpus.utterances] == ["fcjf0_sa1", "fcjf0_si648", "mdab0_sa1", "mdab0_si648"]
    assert corpus.variant == "TIMIT, LDC tree"
    assert all((u.split == "test") == (u.speaker == "mdab0") for u in corpus.utterances)
    first = corpus.utterances[0]
    assert first.text == "In here."
    assert [phone.label for phone in first.alignment.phones] == [SILENCE, "ih", SILENCE]
    assert first.duration_s == pytest.approx(0.2)


def test_the_nltk_sample_is_read_and_split_by_hash(tmp_path, tone):
    for number in range(10):
        for name in ("sa1", "sx3", "si5"):
            sentence(tone, tmp_path / f"dr1-fab{'abcdefghij'[number]}0", name)
    corpus = timit.read(tmp_path, split_by="speaker")
    assert corpus.variant == "TIMIT, NLTK sample"
    assert len(corpus.utterances) == 30
    assert len({(u.speaker, u.split) for u in corpus.utterances}) == 10
    assert timit.read(tmp_path) == timit.read(tmp_path)


def test_a_copy_with_both_nist_and_riff_files_counts_once(tmp_path, tone):
    folder = tmp_path / "train/dr1/fcjf0"
    sentence(tone, folder, "sa1")
    tone(folder / "sa1.wav.wav")
    corpus = timit.read(tmp_path)
    assert len(corpus.utterances) == 1
    assert any("1: " in note and "sa1" in note for note in corpus.notes)


def test_an_unreadable_alignment_costs_a_note_and_not_the_utterance(tmp_path, tone):
    sentence(tone, tmp_path / "dr1-faba0", "sa1")
    (tmp_path / "dr1-faba0/sa1.phn").write_text("rubbish\n")
    corpus = timit.read(tmp_path)
    assert corpus.utterances[0].alignment is None
    assert "alignment not used" in corpus.skipped[str(tmp_path / "dr1-faba0/sa1.phn")]


def test_a_pipe_beside_a_recording_is_not_read(tmp_path, tone):
    sentence(tone, tmp_path / "dr1-faba0", "sa1")
    (tmp_path / "dr1-faba0" / "sa1.txt").unlink()
    os.mkfifo(tmp_path / "dr1-faba0" / "sa1.txt")
    (tmp_path / "dr1-faba0" / "sa1.wrd").write_bytes(b"0 800 one\x85\n800 1600 two\n")
    assert timit.read(tmp_path).utterances[0].text == "one two"


def test_other_folders_are_refused(tmp_path, tone):
    tone(tmp_path / "p225/p225_001.wav")
    with pytest.raises(CorpusError, match=r"TRAIN\|TEST/DRn/SPEAKER.*1 other audio files"):
        timit.read(tmp_path)


def test_the_real_sample(real_data):
    corpus = timit.read(real_data("timit-sample"))
    assert (len(corpus.utterances), len(corpus.speakers)) == (110, 11)
    assert all(
        u.alignment is not None and abs(u.alignment.phones[-1].end_s - u.duration_s) < 0.2 for u in corpus.utterances
    )
    assert not corpus.skipped
