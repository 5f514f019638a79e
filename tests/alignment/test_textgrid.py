import pytest

from vqspeech.alignment.base import SILENCE, Interval
from vqspeech.alignment.textgrid import read_textgrid, read_tiers
from vqspeech.errors import InputError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 0.9
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 0.9
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 0.9
            text = "say ""ah"" 12"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 0.9
        points: size = 1
        points [1]:
            number = 0.5
            mark = "x"
    item [3]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 0.9
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.3
            text = ""
        intervals [2]:
            xmin = 0.3
            xmax = 0.6
            text = "ɑ"
        intervals [3]:
            xmin = 0.6
            xmax = 0.9
            text = "sp"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
0.9
<exists>
1
"IntervalTier"
"segment"
0
0.9
2
0
0.3
"sil"
0.3
0.9
"AH0"
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_long_form_reads_in_every_encoding_praat_writes(tmp_path, encoding, line_end):
    path = tmp_path / "a.TextGrid"
    raw = LONG.replace("\n", line_end).encode(encoding)
    path.write_bytes(b"\xfe\xff" + raw if encoding == "utf-16-be" else raw)
    assert read_textgrid(path).phones == (
        Interval(0.0, 0.3, SILENCE),
        Interval(0.3, 0.6, "ɑ"),
        Interval(0.6, 0.9, SILENCE),
    )
    assert [tier.name for tier in read_tiers(path)] == ["words", "phones"]


def test_a_tier_can_be_named_and_quotes_are_doubled(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG)
    assert read_textgrid(path, tier="words").phones == (Interval(0.0, 0.9, 'say "ah" 12'),)
    with pytest.raises(InputError, match="no interval tier named 'Phones'; there are: 'words', 'phones'"):
        read_textgrid(path, tier="Phones")


def test_the_short_form_reads_and_its_only_tier_is_taken(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(SHORT)
    assert read_textgrid(path).phones == (Interval(0.0, 0.3, SILENCE), Interval(0.3, 0.9, "AH0"))


def test_a_speaker_before_the_tier_name_does_not_hide_it(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG.replace('"phones"', '"p239 - phones"'))
    assert len(read_textgrid(path).phones) == 3


def test_an_unclear_tier_is_an_error_that_lists_them(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG.replace('"phones"', '"other"'))
    with pytest.raises(InputError, match=r"cannot tell which tier holds phones.*'words', 'other'"):
        read_textgrid(path)


@pytest.mark.parametrize("text", ["", "hello", SHORT[:-12], "\x00\x01"])
def test_what_is_no_whole_textgrid_is_refused(tmp_path, text):
    path = tmp_path / "a.TextGrid"
    path.write_text(text)
    with pytest.raises(InputError, match="not a"):
        read_textgrid(path)


def test_praatio_agrees(tmp_path):
    praatio = pytest.importorskip("praatio.textgrid")
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG, encoding="utf-8")
    theirs = praatio.openTextgrid(str(path), includeEmptyIntervals=True).getTier("phones").entries
    assert read_tiers(path)[1].rows == tuple((e.start, e.end, e.label) for e in theirs)
