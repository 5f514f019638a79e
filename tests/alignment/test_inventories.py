from collections import Counter

import pytest

from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.alignment.inventories import (
    INVENTORIES,
    MANNERS,
    PHONES_61,
    label_doubts,
    manner,
    named,
    recognise,
)
from vqspeech.errors import UnknownNameError

TIMIT, ARPABET, MFA = (INVENTORIES[name] for name in ("timit-39", "arpabet-39", "mfa-41"))
_STRESSED = (
    "AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 EH1 EH2 ER0 ER1 ER2 EY0 "
    "EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW0 "
    "UW1 UW2 V W Y Z ZH"
)
CMU_STRESSED = _STRESSED.split()
"""Phones of the dictionary english_us_arpa 3.0.0."""
_IPA = (
    "aj aw b bʲ c cʰ d dʒ dʲ ej f fʲ h i iː j k kʰ l m mʲ m̩ n n̩ ow p pʰ pʲ s t tʃ tʰ tʲ v vʲ w z æ ç ð ŋ ɐ ɑ ɑː ɒ "
    "ɒː ɔj ə ɚ ɛ ɝ ɟ ɡ ɪ ɫ ɫ̩ ɱ ɲ ɹ ɾ ʃ ʉ ʉː ʊ ʎ ʒ ʔ θ"
)
MFA_IPA = _IPA.split()
"""Phones of the dictionary english_us_mfa 2.0.0."""


def test_timit_s_61_phones_fold_to_39_classes():
    assert len(PHONES_61) == len(set(PHONES_61)) == 61
    assert len(TIMIT.classes) == 39
    silent = {phone for phone in PHONES_61 if TIMIT.fold(phone) == SILENCE}
    assert silent == {"h#", "pau", "epi", "bcl", "dcl", "gcl", "pcl", "tcl", "kcl"}
    assert TIMIT.fold("q") is None
    assert [TIMIT.fold(phone) for phone in ("ao", "ax-h", "axr", "hv", "ix", "el", "en", "eng", "zh", "ux", "DX")] == [
        "aa", "ah", "er", "hh", "ih", "l", "n", "ng", "sh", "uw", "dx",
    ]  # fmt: skip


def test_arpabet_with_stress_folds_to_39_and_silence():
    classes = {ARPABET.fold(phone) for phone in CMU_STRESSED}
    assert len(classes) == 39
    assert set(ARPABET.classes) == classes | {SILENCE}
    assert (ARPABET.fold("AH0"), ARPABET.fold("ah"), ARPABET.fold("spn")) == ("ah", "ah", None)


@pytest.mark.parametrize("phones", [CMU_STRESSED, MFA_IPA])
def test_both_phone_sets_of_mfa_fold_to_41(phones):
    assert len(MFA.classes) == 41
    assert all(MFA.knows(phone) for phone in phones)
    folded = {MFA.fold(phone) for phone in [*phones, SILENCE, "spn"]}
    assert folded <= set(MFA.classes)
    if phones is CMU_STRESSED:
        assert folded == set(MFA.classes)


@pytest.mark.parametrize("inventory", INVENTORIES.values(), ids=list(INVENTORIES))
def test_folding_twice_changes_nothing(inventory):
    for label in inventory.folds:
        folded = inventory.fold(label)
        assert folded is None or inventory.fold(folded) == folded


def test_unknown_labels_stay_and_left_out_ones_leave_a_gap():
    before = Alignment(tuple(Interval(t, t + 1.0, label) for t, label in enumerate(("pau", "h#", "q", "ao", "??"))))
    assert TIMIT.fold_alignment(before).phones == (
        Interval(0, 2, SILENCE), Interval(3, 4, "aa"), Interval(4, 5, "??"),
    )  # fmt: skip
    assert not TIMIT.knows("??")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (PHONES_61, "timit-39"),
        (TIMIT.classes, "timit-39"),
        ([*CMU_STRESSED, SILENCE], "arpabet-39"),
        ([*CMU_STRESSED, "spn"], "arpabet-39"),
        ([*MFA_IPA, "spn"], "mfa-41"),
        (["0", "3:", "@", "aI", "tS", "D", "i@", "n", "t"], None),
        (["a", "b", "d", "t"], None),
        ([], None),
    ],
)
def test_the_inventory_of_a_corpus_is_recognised(labels, expected):
    found = recognise(Counter(labels))
    assert (found.name if found else None) == expected


def test_an_unknown_inventory_lists_the_known():
    with pytest.raises(UnknownNameError, match=r"unknown phone inventory 'timit39'.*Did you mean 'timit-39'"):
        named("timit39")


@pytest.mark.parametrize(
    ("phone", "expected"),
    [("aa", "vowel"), ("AH0", "vowel"), ("i@", "vowel"), ("tS", "fricative"), ("D", "fricative"), ("tʰ", "stop"),
     ("ŋ", "nasal"), ("ɹ", "approximant"), (SILENCE, "silence"), ("spn", "other"), ("", "other")],
)  # fmt: skip
def test_phones_of_three_alphabets_have_a_manner(phone, expected):
    assert manner(phone) == expected
    assert expected in MANNERS


def alignments(labels):
    return {"u": Alignment(tuple(Interval(float(i), i + 1.0, label) for i, label in enumerate(labels)))}


@pytest.mark.parametrize("labels", [PHONES_61, CMU_STRESSED, MFA_IPA])
def test_labels_of_a_known_inventory_raise_no_doubt(labels):
    assert label_doubts(alignments(labels)) == ()


def test_labels_of_no_inventory_and_hundreds_of_labels_are_doubted():
    (doubt,) = label_doubts(alignments(["1", "45", "45"]))
    assert "No inventory" in doubt and "2 different labels" in doubt and "'45', '1'" in doubt
    words = alignments([f"word{number}" for number in range(500)])
    assert [("No inventory" in doubt, "500 different" in doubt) for doubt in label_doubts(words)] == [
        (True, True), (False, True),
    ]  # fmt: skip
    (doubt,) = label_doubts(words, "as-written")
    assert "500 different labels" in doubt
    assert label_doubts(alignments(["1", "45"]), "as-written") == ()


def test_labels_that_the_named_inventory_does_not_know_are_doubted():
    (doubt,) = label_doubts(alignments(["aa", "HH_B", "HH_B", "T_E"]), "arpabet-39")
    assert "3 of 4 intervals" in doubt and "arpabet-39" in doubt and "'HH_B'" in doubt
    assert label_doubts(alignments([*CMU_STRESSED, "xx"]), "arpabet-39") == ()
