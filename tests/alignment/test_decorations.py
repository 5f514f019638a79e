"""Phones of labels with a context, a state or a position, and labels that only look like these."""

import pytest

from vqspeech.alignment.base import Interval
from vqspeech.alignment.inventories import PHONES_61
from vqspeech.alignment.lab import read_lab
from vqspeech.alignment.textgrid import Tier, read_textgrid, write_textgrid

HTS = "/A:0_0_0/B:1-1-4@1-1&0-40#1-3$1-4!0-1;0-1|x/C:1+1+3/J:4+3-1"
PLAIN = ["sil", "hh", "ay", "dh", "eh", "r", "sil"]
FORMS = {
    "full context of HTS": [
        "x^x-pau+hh=ay@1_4", "x^pau-hh+ay=dh@2_3", "pau^hh-ay+dh=eh@3_2", "hh^ay-dh+eh=r@1_3", "ay^dh-eh+r=pau@2_2",
        "dh^eh-r+pau=x@3_1", "eh^r-pau+x=x@1_1",
    ],
    "triphones": ["sil", "sil-hh+ay", "hh-ay+dh", "ay-dh+eh", "dh-eh+r", "eh-r+sil", "sil"],
    "triphones within words": ["sil", "hh+ay", "hh-ay", "dh+eh", "dh-eh+r", "eh-r", "sp"],
    "biphones only": ["sil", "hh+ay", "hh-ay", "dh+eh", "dh-eh", "r", "sil"],
    "states": ["sil[2]", "hh[2]", "ay[2]", "dh[2]", "eh[2]", "r[2]", "sil[2]"],
    "positions of Kaldi": ["SIL", "hh_B", "ay_E", "dh_B", "eh_I", "r_E", "SIL"],
    "nothing": PLAIN,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_phone_of_every_form_is_taken(tmp_path, form):
    tail = HTS if "HTS" in form else ""
    lines = [f"{i * 10**6} {(i + 1) * 10**6} {label}{tail}" for i, label in enumerate(FORMS[form])]
    (tmp_path / "a.lab").write_text("\n".join(lines))
    phones = read_lab(tmp_path / "a.lab").phones
    assert [phone.label for phone in phones] == PLAIN
    assert phones[1] == Interval(0.1, 0.2, "hh")
    rows = tuple((i / 10, (i + 1) / 10, f"{label}{tail}") for i, label in enumerate(FORMS[form]))
    write_textgrid(tmp_path / "a.TextGrid", [Tier("phones", rows)], len(rows) / 10)
    assert [phone.label for phone in read_textgrid(tmp_path / "a.TextGrid").phones] == PLAIN


@pytest.mark.parametrize(
    "labels",
    [
        ["sil", "sil-s+ax-h", "s-ax-h+t", "ax-h-t+sil", "sil"],
        ["sil", "s+ax-h", "s-ax-h", "t", "sil"],
        ["x^x-sil+s=ax-h@1", "x^sil-s+ax-h=t@1", "sil^s-ax-h+t=sil@1", "s^ax-h-t+sil=x@1", "ax-h^t-sil+x=x@1"],
    ],
)
def test_a_phone_with_a_hyphen_is_found_in_its_context(tmp_path, labels):
    lines = [f"{i * 10**6} {(i + 1) * 10**6} {label}" for i, label in enumerate(labels)]
    (tmp_path / "a.lab").write_text("\n".join(lines))
    assert [phone.label for phone in read_lab(tmp_path / "a.lab").phones] == ["sil", "s", "ax-h", "t", "sil"]


@pytest.mark.parametrize("context", ["", "x^x-", "sil-"])
def test_the_states_of_a_phone_become_one_interval_and_equal_neighbours_stay_apart(tmp_path, context):
    labels = [("sil", 2), ("sil", 3), ("t", 2), ("t", 3), ("t", 4), ("t", 2), ("t", 3), ("t", 4), ("iy", 2)]
    after = "+y=z@1" if context else ""
    (tmp_path / "a.lab").write_text(
        "\n".join(f"{i * 10**6} {(i + 1) * 10**6} {context}{phone}{after}[{n}]" for i, (phone, n) in enumerate(labels))
    )
    assert read_lab(tmp_path / "a.lab").phones == (
        Interval(0.0, 0.2, "sil"), Interval(0.2, 0.5, "t"), Interval(0.5, 0.8, "t"), Interval(0.8, 0.9, "iy"),
    )  # fmt: skip


def test_states_that_hvite_numbers_are_named_by_the_phone_in_the_fifth_column(tmp_path):
    (tmp_path / "a.lab").write_text(
        "0 1000000 s2 -81.2 sil -160.9 <s>\n1000000 2000000 s3 -79.7\n2000000 3000000 s2 -70.1 hh -70.1 HI\n"
        "3000000 4000000 s2 -70.1 ay -70.1\n"
    )
    assert [(phone.start_s, phone.label) for phone in read_lab(tmp_path / "a.lab").phones] == [
        (0.0, "sil"), (0.2, "hh"), (0.3, "ay"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "labels",
    [
        [*PHONES_61],
        ["a-b", "c", "d-e"],
        ["S_B", "t", "o", "k"],
        ["a[1]", "b", "c"],
        ["+", "-a", "a-", "x+"],
    ],
)
def test_labels_that_only_look_decorated_stay_as_they_are(tmp_path, labels):
    rows = tuple((i / 10, (i + 1) / 10, label) for i, label in enumerate(labels))
    write_textgrid(tmp_path / "a.TextGrid", [Tier("phones", rows)], len(rows) / 10)
    kept = [label for label in labels if label not in ("h#", "pau", "epi")]
    assert [p.label for p in read_textgrid(tmp_path / "a.TextGrid").phones if p.label != "sil"] == kept
