import pytest

from vqspeech.alignment.base import SILENCE, Interval
from vqspeech.alignment.lab import read_lab
from vqspeech.errors import InputError

WANTED = (Interval(0.0, 0.25, SILENCE), Interval(0.25, 0.5, "aa"), Interval(0.5, 1.0, "t"))


@pytest.mark.parametrize(
    "text",
    [
        "0 2500000 sil\n2500000 5000000 aa -63.2 word\n5000000 10000000 t\n",
        "0.0 0.25 pau\n0.25 0.5 aa\n0.5 1.0 t\n",
        "separator ;\nnfields 1\n#\n 0.25 100 pau\n 0.5 100 aa\n 1.0 100 t\n",
    ],
)
def test_htk_units_seconds_and_festival_give_the_same_alignment(tmp_path, text):
    (tmp_path / "a.lab").write_text(text)
    assert read_lab(tmp_path / "a.lab").phones == WANTED


@pytest.mark.parametrize("text", ["", "PLEASE CALL STELLA\n", "0 sil\n", "#\nx 100 pau\n"])
def test_transcripts_and_broken_files_are_refused(tmp_path, text):
    (tmp_path / "a.lab").write_text(text)
    with pytest.raises(InputError, match=r"a\.lab"):
        read_lab(tmp_path / "a.lab")


@pytest.mark.parametrize("times", ["0 2500000 5000000 10000000", "0.0 2500000.0 5000000.0 1e7", "0 2.5e6 5e6 1e7"])
def test_units_of_htk_are_known_by_their_size_however_they_are_written(tmp_path, times):
    edges = times.split()
    lines = [f"{edges[i]} {edges[i + 1]} {label}" for i, label in enumerate(["sil", "aa", "t"])]
    (tmp_path / "a.lab").write_text("\n".join(lines))
    assert read_lab(tmp_path / "a.lab").phones == WANTED


def test_a_master_label_file_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "a.lab").write_text('#!MLF!#\n"*/x.lab"\n0 5000000 sil\n.\n')
    with pytest.raises(InputError, match=r"a\.lab.*one file per utterance"):
        read_lab(tmp_path / "a.lab")
