import pytest

from vqspeech.alignment.base import SILENCE, Interval
from vqspeech.alignment.ctm import read_ctm, read_ctm_utterances
from vqspeech.errors import InputError, UnknownNameError

TWO = ";; made by hand\nu1 1 0.00 0.25 SIL\nu1 1 0.25 0.25 AH0_B 0.9\nu2 A 0.5 0.1 t\n"


def test_utterances_are_told_apart_and_durations_become_ends(tmp_path):
    (tmp_path / "all.ctm").write_text(TWO)
    found = read_ctm_utterances(tmp_path / "all.ctm")
    assert list(found) == ["u1", "u2"]
    assert found["u1"].phones == (Interval(0.0, 0.25, SILENCE), Interval(0.25, 0.5, "AH0"))


def test_the_file_s_name_or_the_caller_chooses_among_several(tmp_path):
    for name in ("u2.ctm", "all.ctm"):
        (tmp_path / name).write_text(TWO)
    assert read_ctm(tmp_path / "u2.ctm").phones == (Interval(0.5, 0.6, "t"),)
    assert len(read_ctm(tmp_path / "all.ctm", utterance="u1").phones) == 2
    with pytest.raises(InputError, match=r"2 utterances.*'all'"):
        read_ctm(tmp_path / "all.ctm")
    with pytest.raises(UnknownNameError, match="unknown utterance 'u3'; known: u1, u2"):
        read_ctm(tmp_path / "all.ctm", utterance="u3")


@pytest.mark.parametrize("text", ["", ";; nothing\n", "u1 1 0.0 aa\n", "u1 1 zero 0.1 aa\n", "u1 1 0.2 -0.1 aa\n"])
def test_broken_files_are_refused(tmp_path, text):
    (tmp_path / "a.ctm").write_text(text)
    with pytest.raises(InputError, match=r"a\.ctm"):
        read_ctm(tmp_path / "a.ctm")


EXACT = ((0.0, 0.14125, "sil"), (0.14125, 0.2543, "sh"), (0.2543, 0.3291, "iy"), (0.3291, 0.4766, "hh"))


@pytest.mark.parametrize("decimals", [2, 3, 4])
def test_neighbours_meet_where_start_and_duration_are_rounded(tmp_path, decimals):
    lines = [f"u 1 {start:.{decimals}f} {end - start:.{decimals}f} {label}" for start, end, label in EXACT]
    (tmp_path / "u.ctm").write_text("\n".join(lines))
    phones = read_ctm(tmp_path / "u.ctm").phones
    assert [phone.label for phone in phones] == ["sil", "sh", "iy", "hh"]
    assert [phone.end_s for phone in phones[:-1]] == [phone.start_s for phone in phones[1:]]
    for phone, (start_s, end_s, _) in zip(phones, EXACT, strict=True):
        assert phone.start_s == pytest.approx(start_s, abs=0.51 * 10**-decimals)
        assert phone.end_s == pytest.approx(end_s, abs=1.01 * 10**-decimals)


def test_a_gap_and_an_overlap_of_two_units_stay_what_they_are(tmp_path):
    (tmp_path / "a.ctm").write_text("a 1 0.00 0.10 aa\na 1 0.12 0.10 b\n")
    assert read_ctm(tmp_path / "a.ctm").phones == (Interval(0.0, 0.1, "aa"), Interval(0.12, 0.22, "b"))
    (tmp_path / "a.ctm").write_text("a 1 0.00 0.12 aa\na 1 0.10 0.10 b\n")
    with pytest.raises(InputError, match=r"a\.ctm, utterance 'a': 'b' at 0\.1 s overlaps 'aa'"):
        read_ctm(tmp_path / "a.ctm")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("bad 1 0.10 0.50 b", "overlaps"),
        ("bad 1 0.5", "line 3: 'bad 1 0.5' is not"),
        ("bad 1 nan 0.5 b", "line 3"),
        ("bad 1 1e300 0.5 b", "impossible"),
        ("bad 1 * * <ALT_BEGIN>", "line 3"),
        ("bad 2 0.50 0.50 b", "channels 1 and 2; keep one"),
    ],
)
def test_a_bad_utterance_is_named_and_leaves_the_others(tmp_path, line, why):
    (tmp_path / "all.ctm").write_text(f"good 1 0.0 0.5 aa\nbad 1 0.00 0.50 aa\n{line}\nlast 1 0.0 0.5 t\n")
    refused = {}
    assert list(read_ctm_utterances(tmp_path / "all.ctm", refused)) == ["good", "last"]
    assert list(refused) == ["bad"] and why in refused["bad"]
    for read in (read_ctm_utterances, lambda path: read_ctm(path, utterance="bad")):
        with pytest.raises(InputError, match=r"all\.ctm, utterance 'bad': "):
            read(tmp_path / "all.ctm")
    assert read_ctm(tmp_path / "all.ctm", utterance="last").phones == (Interval(0.0, 0.5, "t"),)
