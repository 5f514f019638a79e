import re

import pytest

from vqspeech.alignment.base import Interval
from vqspeech.corpora import folder
from vqspeech.errors import CorpusError


def test_each_folder_is_a_speaker(tmp_path, tone):
    for name in ("ann/one.wav", "ann/two.flac", "ann/deep/one.ogg", "bob/bob-1.WAV", "loose.wav"):
        tone(tmp_path / name)
    corpus = folder.read(tmp_path)
    assert [(u.id, u.speaker) for u in corpus.utterances] == [
        ("ann-deep-one", "ann"),
        ("ann-one", "ann"),
        ("ann-two", "ann"),
        ("bob-1", "bob"),
    ]
    assert any("loose.wav" in note for note in corpus.notes)


def test_recordings_without_speaker_folders_are_one_speaker(tmp_path, tone):
    root = tmp_path / "my voice"
    tone(root / "a b.wav")
    corpus = folder.read(root)
    assert corpus.speakers == ("my_voice",)
    assert corpus.utterances[0].id == "my_voice-a_b"


def test_the_same_stem_in_two_formats_stays_two_utterances(tmp_path, tone):
    tone(tmp_path / "ann/one.wav")
    tone(tmp_path / "ann/one.flac")
    assert [u.id for u in folder.read(tmp_path).utterances] == ["ann-one.flac", "ann-one.wav"]


def test_names_that_would_have_one_id_keep_their_own(tmp_path, tone):
    names = [
        "1/12.wav",
        "12/12.wav",
        "a b/x.wav",
        "a_b/x.wav",
        "王芳/你好.wav",
        "王芳/再见.wav",
        "李雷/你好.wav",
        "王/1.wav",
    ]
    names += ["李/1.wav"]
    for name in names:
        tone(tmp_path / name)
    found = folder.read(tmp_path)
    ids = {str(one.path.relative_to(tmp_path)): one.id for one in found.utterances}
    assert (ids["1/12.wav"], ids["12/12.wav"]) == ("1-12", "12-12")
    assert len(set(ids.values())) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", one) for one in ids.values())
    assert {one.speaker for one in found.utterances} == {name.partition("/")[0] for name in names}
    for path in tmp_path.glob("李*/*"):
        path.unlink()
    fewer = {str(one.path.relative_to(tmp_path)): one.id for one in folder.read(tmp_path).utterances}
    assert fewer["王芳/你好.wav"] == ids["王芳/你好.wav"]


def test_rows_whose_names_would_have_one_id_keep_their_own(tmp_path, tone):
    for name in ("a b.wav", "a_b.wav", "你好.wav", "再见.wav"):
        tone(tmp_path / name)
    (tmp_path / "metadata.csv").write_text(
        "path,speaker\na b.wav,王芳\na_b.wav,李雷\n你好.wav,王芳\n再见.wav,李雷\n", encoding="utf-8"
    )
    corpus = folder.read(tmp_path)
    assert len({one.id for one in corpus.utterances}) == 4
    assert corpus.speakers == ("李雷", "王芳")


def test_alignments_beside_the_audio_are_picked_up(tmp_path, tone):
    for name in ("a", "b", "c", "d"):
        tone(tmp_path / f"ann/{name}.wav")
    (tmp_path / "ann/a.PHN").write_text("0 1600 ix\n")
    (tmp_path / "ann/b.lab").write_text("0 1000000 ih\n")
    (tmp_path / "ann/c.lab").write_text("JUST THE WORDS HERE\n")
    corpus = folder.read(tmp_path)
    found = {u.id: u.alignment and u.alignment.phones for u in corpus.utterances}
    assert found == {
        "ann-a": (Interval(0.0, 0.1, "ih"),),
        "ann-b": (Interval(0.0, 0.1, "ih"),),
        "ann-c": None,
        "ann-d": None,
    }
    assert list(corpus.skipped) == [str(tmp_path / "ann/c.lab")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_says_who_speaks(tmp_path, tone, delimiter):
    tone(tmp_path / "x/1.wav")
    tone(tmp_path / "y/2.wav")
    (tmp_path / "y/2.phn").write_text("0 1600 aa\n")
    rows = [
        ["Path", "speaker", "text", "split", "id", "alignment", "mood"],
        ["x/1.wav", "ann", "hello", "test", "first", "y/2.phn", "glad"],
    ]
    rows += [["y/2.wav", "bob", "", "", "", "", ""], ["gone.wav", "bob", "", "", "", "", ""]]
    table = tmp_path / "metadata.csv"
    table.write_text("\ufeff" + "\n".join(delimiter.join(row) for row in rows) + "\n", encoding="utf-8")
    corpus = folder.read(tmp_path)
    first, second = corpus.utterances
    assert (first.id, first.speaker, first.text, first.split) == ("first", "ann", "hello", "test")
    assert (second.id, second.speaker, second.text) == ("y_2", "bob", None)
    assert first.alignment.phones == second.alignment.phones == (Interval(0.0, 0.1, "aa"),)
    assert corpus.skipped == {str(tmp_path / "gone.wav"): "no such file"}
    assert folder.read(table).utterances == corpus.utterances


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,speaker\na.wav,ann\n", "no column path; .*file, speaker"),
        ("", "no column path and speaker"),
        ("path,speaker\n", "no rows"),
        ("path,speaker,split\na.wav,ann,training\n", "line 2: split 'training'"),
        ("path,speaker\na.wav,\n", "line 2: path or speaker is empty"),
        ("path,speaker\na.wav,ann\na.wav,bob\n", "id 'a'.*unique"),
    ],
)
def test_a_broken_table_is_refused_with_the_line(tmp_path, tone, content, message):
    tone(tmp_path / "a.wav")
    (tmp_path / "metadata.csv").write_text(content)
    with pytest.raises(CorpusError, match=message):
        folder.read(tmp_path)


def test_nothing_usable_is_an_error_that_names_the_first_problems(tmp_path):
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann/notes.txt").write_text("x")
    with pytest.raises(CorpusError, match=r"no audio in .*metadata\.csv"):
        folder.read(tmp_path)
    (tmp_path / "ann/a.wav").write_text("no audio at all")
    with pytest.raises(CorpusError, match=r"no usable recording among 1 files.*a\.wav.*not audio"):
        folder.read(tmp_path)
    with pytest.raises(CorpusError, match="no such file"):
        folder.read(tmp_path / "none.csv")


def test_real_speechocean(real_data):
    corpus = folder.read(real_data("speechocean"))
    assert (len(corpus.utterances), len(corpus.speakers), len(corpus.skipped)) == (670, 67, 0)
    assert corpus.utterances[0].text


def test_splits_by_text_put_no_sentence_into_two_splits(tmp_path, tone):
    rows = ["path,speaker,text"]
    for number in range(30):
        for speaker, text in (("ann", f"Sentence, {number}!"), ("bob", f"SENTENCE {number}")):
            rows.append(f'{speaker}/{number}.wav,{speaker},"{text}"')
            tone(tmp_path / speaker / f"{number}.wav")
    (tmp_path / "metadata.csv").write_text("\n".join(rows) + "\n")
    splits: dict[str, set[str]] = {}
    for utterance in folder.read(tmp_path, split_by="text").utterances:
        splits.setdefault(utterance.id.split("_")[1], set()).add(utterance.split)
    assert all(len(found) == 1 for found in splits.values())
    assert len(set.union(*splits.values())) > 1
