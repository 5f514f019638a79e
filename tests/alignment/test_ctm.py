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
