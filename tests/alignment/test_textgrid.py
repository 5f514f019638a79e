from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqspeech.alignment.base import SILENCE, Interval
from vqspeech.alignment.textgrid import Tier, read_textgrid, read_tiers, write_textgrid
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
    words, clicks, phones = read_tiers(path)
    assert (words.name, words.rows) == ("words", ((0.0, 0.9, 'say "ah" 12'),))
    assert (clicks.name, clicks.points, clicks.rows) == ("clicks", True, ((0.5, 0.5, "x"),))
    assert (phones.name, phones.points) == ("phones", False)


def test_a_tier_can_be_named_and_quotes_are_doubled(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG)
    assert read_textgrid(path, tier="words").phones == (Interval(0.0, 0.9, 'say "ah" 12'),)
    with pytest.raises(InputError, match=r"'Phones'.*'words', 'phones'"):
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
    with pytest.raises(InputError, match=r"phones, phone.*'words', 'other'"):
        read_textgrid(path)


@pytest.mark.parametrize("text", ["", "hello", SHORT[:-12], "\x00\x01"])
def test_what_is_no_whole_textgrid_is_refused(tmp_path, text):
    path = tmp_path / "a.TextGrid"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.TextGrid"):
        read_textgrid(path)


def test_phones_of_two_speakers_are_not_mixed(tmp_path):
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, [Tier(f"{name} - phones", ((0.0, 1.0, "aa"),)) for name in ("anna", "bert")], 1.0)
    with pytest.raises(InputError, match=r"2 tiers.*'anna - phones', 'bert - phones'"):
        read_textgrid(path)
    assert read_textgrid(path, tier="bert - phones").phones == (Interval(0.0, 1.0, "aa"),)


def test_a_binary_textgrid_says_what_to_do(tmp_path):
    (tmp_path / "a.TextGrid").write_bytes(b"ooBinaryFile\x08TextGrid\x00\x01")
    with pytest.raises(InputError, match="Save as text"):
        read_textgrid(tmp_path / "a.TextGrid")


def test_latin1_text_is_read_when_it_is_no_utf8(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_bytes(SHORT.replace("AH0", "\u00f8").encode("latin-1"))
    assert read_textgrid(path).phones[1].label == "\u00f8"


@st.composite
def tiers(draw) -> list[Tier]:
    texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
    made = []
    for number in range(draw(st.integers(1, 3))):
        times = sorted(draw(st.sets(st.integers(0, 5000), min_size=2, max_size=8)))
        name = f"tier {number} {draw(texts)}"
        if draw(st.booleans()):
            made.append(Tier(name, tuple((t / 1000, t / 1000, draw(texts)) for t in times), points=True))
        else:
            edges = [0, *[t for t in times if 0 < t < 5000], 5000]
            rows = tuple((a / 1000, b / 1000, draw(texts)) for a, b in pairwise(edges))
            made.append(Tier(name, rows))
    return made


@pytest.mark.parametrize("form", ["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=tiers())
def test_what_is_written_reads_back(tmp_path, form, encoding, wanted):
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, wanted, 5.0, form=form, encoding=encoding)
    assert list(read_tiers(path)) == wanted


def test_gaps_are_written_as_empty_intervals_and_overlaps_refused(tmp_path):
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, [Tier("phones", ((0.2, 0.4, "aa"), (0.5, 0.7, "t")))], 1.0)
    assert [row[2] for row in read_tiers(path)[0].rows] == ["", "aa", "", "t", ""]
    with pytest.raises(InputError, match=r"'t' from 0\.3 s to 0.7 s"):
        write_textgrid(path, [Tier("phones", ((0.2, 0.4, "aa"), (0.3, 0.7, "t")))], 1.0)


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
def test_praatio_reads_what_is_written_and_the_other_way_round(tmp_path, form):
    praatio = pytest.importorskip("praatio.textgrid")
    path, again = tmp_path / "a.TextGrid", tmp_path / "b.TextGrid"
    path.write_text(LONG, encoding="utf-8")
    theirs = praatio.openTextgrid(str(path), includeEmptyIntervals=True)
    ours = read_tiers(path)
    assert ours[2].rows == tuple((e.start, e.end, e.label) for e in theirs.getTier("phones").entries)
    theirs.save(str(again), format=form, includeBlankSpaces=True)
    assert read_tiers(again) == ours
    write_textgrid(again, ours, 0.9, form="long" if form == "long_textgrid" else "short")
    reread = praatio.openTextgrid(str(again), includeEmptyIntervals=True)
    for name in ("words", "clicks", "phones"):
        assert reread.getTier(name).entries == theirs.getTier(name).entries


HEAD = 'File type = "ooTextFile"\nObject class = "TextGrid"\n'


@pytest.mark.parametrize(
    "tail", ["1" * 10**6 + "x", "1." * 10**5, "1e" * 10**5, '"' * 100_001, "!" * 10**5, "<a" * 10**5]
)
def test_any_text_is_read_in_linear_time(tmp_path, tail):
    """With quadratic time each of these takes minutes."""
    (tmp_path / "a.TextGrid").write_text(HEAD + tail)
    with pytest.raises(InputError, match="truncated"):
        read_textgrid(tmp_path / "a.TextGrid")


@pytest.mark.parametrize("number", ["1e999", "1" * 400, "-1", "0.5", "1e30"])
def test_sizes_out_of_range_are_refused_with_their_line(tmp_path, number):
    (tmp_path / "a.TextGrid").write_text(f"{HEAD}0\n1\n<exists>\n{number}\n")
    with pytest.raises(InputError, match=r"a\.TextGrid, line 6: .* is no number of tiers"):
        read_textgrid(tmp_path / "a.TextGrid")


def test_times_out_of_range_are_refused_with_their_line(tmp_path):
    (tmp_path / "a.TextGrid").write_text(f"{HEAD}0\n1e999\n")
    with pytest.raises(InputError, match=r"a\.TextGrid, line 4: 1e999 is out of range"):
        read_textgrid(tmp_path / "a.TextGrid")


def test_decimal_commas_and_chronological_files_are_named(tmp_path):
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, [Tier("phones", ((0.0, 0.5, "a"), (0.5, 1.0, "b")))], 1.0)
    path.write_text(path.read_text().replace("0.5", "0,5"))
    with pytest.raises(InputError, match=r"decimal points, not commas: 0,5"):
        read_textgrid(path)
    path.write_text('"Praat chronological TextGrid text file"\n0 1.5   ! Time domain.\n')
    with pytest.raises(InputError, match=r"chronological.*Save as text file"):
        read_textgrid(path)


def test_a_comment_ends_with_its_line_whatever_ends_the_line(tmp_path):
    text = f'{HEAD}0 1 ! domain\n<exists> 1\n"IntervalTier" "phones" 0 1 1 ! one\n0 1 "a"\n'
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "a.TextGrid").write_bytes(text.replace("\n", end).encode())
        assert [phone.label for phone in read_textgrid(tmp_path / "a.TextGrid").phones] == ["a"]
