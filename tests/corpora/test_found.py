import numpy as np
import pytest

from vqspeech import audio
from vqspeech.corpora.found import find_recordings
from vqspeech.errors import CorpusError, InputError


def recording(path):
    audio.write(path, 0.1 * np.ones(1600, np.float32), 16000)
    return path


def texts(corpus):
    return {one.id: (one.speaker, one.text) for one in corpus.utterances}


def test_a_text_beside_a_recording(tmp_path):
    recording(tmp_path / "ann" / "a.wav")
    (tmp_path / "ann" / "a.txt").write_text("Hello there.\n")
    recording(tmp_path / "bob" / "b.wav")
    assert texts(find_recordings([tmp_path])) == {"a": ("ann", "Hello there."), "b": ("bob", None)}


def test_a_table_above_the_folder_names_speakers_and_texts(tmp_path):
    recording(tmp_path / "one" / "a.wav")
    recording(tmp_path / "one" / "b.wav")
    (tmp_path / "metadata.csv").write_text("path,speaker,text\none/a.wav,ann,Hello\n")
    assert texts(find_recordings([tmp_path / "one"])) == {"a": ("ann", "Hello"), "b": ("one", None)}
    assert find_recordings([tmp_path]).name == "folder"


def test_layouts_are_read_by_their_readers(tmp_path):
    recording(tmp_path / "libri" / "84" / "100" / "84-100-0000.wav")
    (tmp_path / "libri" / "84" / "100" / "84-100.trans.txt").write_text("84-100-0000 HELLO\n")
    recording(tmp_path / "timit" / "dr1-faba0" / "sa1.wav")
    (tmp_path / "timit" / "dr1-faba0" / "sa1.wrd").write_text("0 800 she\n800 1600 had\n")
    recording(tmp_path / "vctk" / "wav48" / "p225" / "p225_001.wav")
    (tmp_path / "vctk" / "txt" / "p225").mkdir(parents=True)
    (tmp_path / "vctk" / "txt" / "p225" / "p225_001.txt").write_text("Please call Stella.\n")
    found = {name: find_recordings([tmp_path / name]) for name in ("libri", "timit", "vctk")}
    assert {name: corpus.name for name, corpus in found.items()} == {
        "libri": "librispeech", "timit": "timit", "vctk": "vctk",
    }  # fmt: skip
    together = find_recordings(list(tmp_path.iterdir()))
    assert texts(together) == {
        "84-100-0000": ("84", "HELLO"), "faba0_sa1": ("faba0", "she had"), "p225_001": ("p225", "Please call Stella."),
    }  # fmt: skip


def test_texts_of_single_files_and_folders_of_a_corpus(tmp_path):
    one = recording(tmp_path / "wav48_silence_trimmed" / "p225" / "p225_001_mic1.flac")
    (tmp_path / "txt" / "p225").mkdir(parents=True)
    (tmp_path / "txt" / "p225" / "p225_001.txt").write_text("Please call Stella.\n")
    for given in (one, one.parent):
        assert texts(find_recordings([given])) == {"p225_001_mic1": ("p225", "Please call Stella.")}


def test_equal_names_are_made_unique(tmp_path):
    files = [recording(tmp_path / name / "hello.wav") for name in ("ann", "bob")]
    assert set(texts(find_recordings(files))) == {"ann-hello", "bob-hello"}
    folders = find_recordings([tmp_path / "ann", tmp_path / "bob"])
    assert set(texts(folders)) == {"ann-hello", "bob-hello"}


def test_speakers_keep_the_names_of_their_folders(tmp_path):
    for name in ("王芳", "李雷"):
        recording(tmp_path / name / "你好.wav")
    found = find_recordings([tmp_path])
    assert found.speakers == ("李雷", "王芳")
    assert len({one.id for one in found.utterances}) == 2


def test_what_cannot_be_used_is_an_error(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        find_recordings([tmp_path / "nowhere"])
    with pytest.raises(InputError, match="no recordings"):
        find_recordings([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="no audio"):
        find_recordings([tmp_path / "empty"])
    (tmp_path / "empty" / "a.wav").write_text("no audio")
    with pytest.raises(CorpusError, match="no usable recording"):
        find_recordings([tmp_path / "empty"])
