"""A table gives every row of its file with the values that were written, or is refused by line and reason."""

import pytest

from vqspeech.corpora import folder
from vqspeech.corpora.found import find_recordings
from vqspeech.corpora.table import NoTableError, read_rows
from vqspeech.errors import CorpusError


def rows(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    return [(row.values["path"], row.values["speaker"], row.values.get("text")) for row in read_rows(path)]


PLAIN = [(f"w/{number}.wav", f"s{number % 2}", f"sentence {number}") for number in range(1, 7)]


def lines(delimiter, end="\n", texts=None):
    table = [("path", "speaker", "text"), *PLAIN]
    for number, text in (texts or {}).items():
        table[number] = (*table[number][:2], text)
    return end.join(delimiter.join(row) for row in table) + end


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_every_row_is_read_whatever_ends_a_line(tmp_path, delimiter, end):
    assert rows(tmp_path / "t.csv", lines(delimiter, end)) == PLAIN


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_characters_that_python_takes_for_line_breaks_are_part_of_a_text(tmp_path, character):
    found = rows(tmp_path / "t.csv", lines(",", texts={2: f"one{character}two"}))
    assert [one[2] for one in found] == ["sentence 1", f"one{character}two", *(one[2] for one in PLAIN[2:])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({2: '"so he said', 4: 'and left" quickly'}, r"line 3: .* expected after '\"'"),
        ({2: '"so he said', 4: 'and left"'}, "line 3: a quote opens a value here that holds whole rows"),
        ({2: '"so he said'}, "line 3: unexpected end of data"),
        ({6: '"so he said'}, "line 7: unexpected end of data"),
    ],
)
def test_an_open_quote_is_refused_by_its_line_and_swallows_no_row(tmp_path, delimiter, texts, message):
    with pytest.raises(CorpusError, match=message) as caught:
        rows(tmp_path / "t.csv", lines(delimiter, texts=texts))
    assert caught.value.exit_code == 2


def test_a_quote_within_a_text_and_a_quoted_line_break_are_kept(tmp_path):
    found = rows(tmp_path / "t.csv", lines(",", texts={1: 'say "hello"', 2: '"a, b ""c"""', 3: '"line one\nline two"'}))
    assert [one[2] for one in found[:3]] == ['say "hello"', 'a, b "c"', "line one\nline two"]
    assert len(found) == 6


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_names_keep_their_letters_in_every_encoding_that_is_read(tmp_path, encoding):
    speakers = ["René", "Renè", "Renê", "王芳"]
    content = "path\tspeaker\n" + "".join(f"{number}.wav\t{name}\n" for number, name in enumerate(speakers))
    if encoding.startswith("utf-16-"):
        content = "\ufeff" + content
    assert [one[1] for one in rows(tmp_path / "t.csv", content, encoding)] == speakers


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("latin-1", "line 3: byte 0xE9 is not UTF-8.*iconv -f WINDOWS-1252"),
        ("cp1252", "line 3: byte 0xE9 is not UTF-8"),
        ("utf-16-le", "NUL characters.*UTF-16"),
        ("utf-32", "NUL characters"),
        ("shift-jis", "is not UTF-8"),
    ],
)
def test_another_encoding_is_refused_by_name_and_line(tmp_path, encoding, message):
    name = "王芳" if encoding == "shift-jis" else "é"
    with pytest.raises(CorpusError, match=message):
        rows(tmp_path / "t.csv", f"path,speaker\na.wav,ann\nb.wav,Ren{name}\n", encoding)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,speaker,text\na.wav,ann,hello, world\n", "line 2: 4 values, the header has 3 columns"),
        ("path,speaker\na.wav," + "x" * 140_000 + "\n", "line 2: field larger than field limit"),
        ("path,speaker\na.wav," + "x" * 5000 + "\n", "line 2: speaker has 5000 characters"),
        ('path,speaker\na.wav,"an\nn"\n', r"line 2: speaker 'an\\nn' holds a control character"),
        ("path,speaker\na.wav,ann\x85\n", r"line 2: speaker 'ann\\x85' holds a control character"),
        ("path,speaker\na.wav,\x1b[31mann\n", "line 2: speaker .* holds a control character"),
        ("path,speaker,Speaker\na.wav,ann,bob\n", "several columns have the name speaker"),
    ],
)
def test_what_no_row_may_hold_is_refused_by_its_line(tmp_path, content, message):
    with pytest.raises(CorpusError, match=message):
        rows(tmp_path / "t.csv", content)


def test_short_rows_empty_columns_and_the_line_of_excel_are_read(tmp_path):
    content = "sep=;\npath;speaker;text;mood\n1.wav;ann\n2.wav;bob;hi;glad;;\n;;;\n"
    assert rows(tmp_path / "t.csv", content) == [("1.wav", "ann", ""), ("2.wav", "bob", "hi")]


def test_a_path_of_a_folder_or_too_long_is_one_skipped_row(tmp_path, tone):
    tone(tmp_path / "a.wav")
    long = "x" * 300 + "/b.wav"
    (tmp_path / "metadata.csv").write_text(f"path,speaker\n.,p0\n..,p0\n/,p0\n{long},p0\na.wav,p0\n")
    corpus = folder.read(tmp_path)
    assert [one.id for one in corpus.utterances] == ["a"]
    assert len(corpus.skipped) == 4
    assert "File name too long" in corpus.skipped[str(tmp_path / long)]


def test_a_recording_in_two_rows_is_refused(tmp_path, tone):
    tone(tmp_path / "a.wav")
    (tmp_path / "metadata.csv").write_text("id,path,speaker\nu0,a.wav,ann\nu1,a.wav,bob\n")
    with pytest.raises(CorpusError, match=r"line 3: a\.wav has a row before, of speaker 'ann'"):
        folder.read(tmp_path)


def test_a_broken_table_above_a_recording_is_named_and_another_csv_is_not_read(tmp_path, tone):
    path = tone(tmp_path / "ann" / "a.wav")
    (tmp_path / "metadata.csv").write_bytes(b"LJ001|Hello there\n")
    assert [one.speaker for one in find_recordings([path]).utterances] == ["ann"]
    with pytest.raises(NoTableError, match="no column path"):
        folder.read(tmp_path)
    (tmp_path / "metadata.csv").write_bytes("path,speaker\nann/a.wav,René\n".encode("latin-1"))
    with pytest.raises(CorpusError, match="0xE9"):
        find_recordings([path])
