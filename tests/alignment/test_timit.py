from pathlib import Path

import pytest

from vqspeech.alignment.base import SILENCE, Interval
from vqspeech.alignment.inventories import INVENTORIES
from vqspeech.alignment.timit import read_phn, read_wrd
from vqspeech.errors import InputError


def test_times_are_seconds_silences_join_and_q_leaves_a_gap(tmp_path):
    path = tmp_path / "a.phn"
    path.write_text("0 1600 h#\n1600 2400 pau\n2400 4000 ao\n4000 4800 q\n4800 6400 tcl\n6400 7200 t\n")
    alignment = read_phn(path)
    assert alignment.phones == (
        Interval(0.0, 0.15, SILENCE),
        Interval(0.15, 0.25, "aa"),
        Interval(0.3, 0.4, SILENCE),
        Interval(0.4, 0.45, "t"),
    )
    assert alignment.labels_at([0.0, 0.2, 0.27, 0.44, 0.45]) == [SILENCE, "aa", None, "t", None]
    assert [phone.label for phone in read_phn(path, fold=False).phones] == ["h#", "pau", "ao", "q", "tcl", "t"]


def test_silences_of_other_aligners_are_silence_too(tmp_path):
    (tmp_path / "a.phn").write_text("0 1600 #\n1600 3200 SP\n3200 4800 t\n")
    assert read_phn(tmp_path / "a.phn").phones == (Interval(0.0, 0.2, SILENCE), Interval(0.2, 0.3, "t"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no intervals"),
        ("0 1600\n", "line 1"),
        ("a b c\n", "line 1.*first_sample end_sample phone"),
        ("1600 0 aa\n", "impossible"),
        ("0 1600 aa\n800 2400 b\n", "overlaps"),
        (f"0 {'9' * 400} aa\n", "line 1"),
        (f"0 {'9' * 15} aa\n", "impossible"),
    ],
)
def test_broken_files_are_refused_with_the_place(tmp_path, text, message):
    (tmp_path / "a.phn").write_text(text)
    with pytest.raises(InputError, match=message):
        read_phn(tmp_path / "a.phn")


def test_every_phn_of_the_timit_sample_reads():
    folder = Path(__file__).parents[2] / "../shared/data/timit-sample"
    if not folder.is_dir():
        pytest.skip("needs the real recordings in ../shared/data/timit-sample")
    labels = {phone.label for path in folder.glob("*/*.phn") for phone in read_phn(path).phones}
    assert labels == set(INVENTORIES["timit-39"].classes)


def test_words_are_read_in_order_and_may_run_into_each_other(tmp_path):
    path = tmp_path / "a.wrd"
    path.write_text("1600 4000 she\n3840 8000 had\n")
    assert read_wrd(path) == (Interval(0.1, 0.25, "she"), Interval(0.24, 0.5, "had"))
    path.write_text("1600 she\n")
    with pytest.raises(InputError, match=r"line 1.*first_sample end_sample word"):
        read_wrd(path)
