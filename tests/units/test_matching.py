"""Units matched with the utterances of a corpus, by name, rate and length."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vqspeech.corpora.base import Corpus, Utterance
from vqspeech.errors import InputError
from vqspeech.units.matching import KNOWN_RATES, grid_of, match, parse_rate
from vqspeech.units.sequences import collected

DURATIONS = {"anna-u0": 3.0, "anna-u1": 4.37, "bert-u0": 2.61}


def corpus() -> Corpus:
    utterances = tuple(
        Utterance(
            id=name,
            path=Path("/data", name.replace("-", "/") + ".wav"),
            speaker=name[:4],
            text=None,
            split="train",
            duration_s=duration,
        )
        for name, duration in DURATIONS.items()
    )
    return Corpus(name="folder", root=Path("/data"), variant="", utterances=utterances)


def units(rate: float, names: dict[str, str] | None = None, lack: float = 0.25):
    names = names or {key: key for key in DURATIONS}
    rows = [(name, np.arange(int(DURATIONS[key] * rate - lack)) % 7) for name, key in names.items()]
    return collected(Path("units.txt"), rows)


@pytest.mark.parametrize(
    "rename",
    [
        {"anna-u0": "anna-u0", "anna-u1": "anna-u1", "bert-u0": "bert-u0"},
        {"anna/u0": "anna-u0", "anna/u1": "anna-u1", "bert/u0": "bert-u0"},
        {
            "/data2/anna/u0.flac": "anna-u0",
            "/data2/anna/u1.flac": "anna-u1",
            "/data2/bert/u0.FLAC": "bert-u0",
        },
    ],
)
def test_names_may_be_ids_or_audio_files_of_another_place(rename: dict[str, str]) -> None:
    found = match(units(50, rename), corpus())
    assert [row.id for row in found.table] == list(DURATIONS)
    assert (found.table.sample_rate, found.table.hop_samples, found.table.codebook_sizes) == (16000, 320, (7,))
    assert found.table.rows[1].n_samples == round(4.37 * 16000)
    assert [note for note in found.notes if "50 Hz" in note]
    assert len(found.notes) == 1


@pytest.mark.parametrize("rate", [12.5, 25, 50, 75, 100, 200])
def test_the_rate_is_derived_from_durations(rate: float) -> None:
    assert match(units(rate), corpus()).table.frame_rate_hz == pytest.approx(rate)


def test_a_rate_that_is_not_common_has_to_be_stated() -> None:
    with pytest.raises(InputError, match="unit-rate"):
        match(units(46), corpus())
    assert match(units(46), corpus(), Fraction(46)).table.frame_rate_hz == 46


def test_units_without_repetitions_agree_on_no_rate() -> None:
    rows = [(name, np.arange(10)) for name in DURATIONS]
    with pytest.raises(InputError, match="repetitions"):
        match(collected(Path("units.txt"), rows), corpus())
    with pytest.raises(InputError, match="3 of 3 utterances"):
        match(collected(Path("units.txt"), rows), corpus(), Fraction(50))


def test_a_wrong_rate_names_an_utterance_and_both_numbers() -> None:
    with pytest.raises(InputError, match=r"'anna-u0' has 149 units, and its 3.00 s take 75"):
        match(units(50), corpus(), Fraction(25))


def test_an_utterance_of_another_length_is_not_used() -> None:
    file = units(50)
    cut = {**file.units, "anna-u1": file.units["anna-u1"][:, :50]}
    found = match(collected(Path("u"), cut.items()), corpus(), Fraction(50))
    assert [row.id for row in found.table] == ["anna-u0", "bert-u0"]
    assert "'anna-u1' has 50 units" in " ".join(found.notes)


def test_units_of_other_utterances() -> None:
    with pytest.raises(InputError, match=r"no utterance of the corpus.*'dora-u9'.*'anna-u0'"):
        match(collected(Path("u"), [("dora-u9", np.arange(150))]), corpus(), Fraction(50))
    rows = [("anna-u0", np.arange(150)), ("dora-u9", np.arange(150))]
    notes = " ".join(match(collected(Path("u"), rows), corpus(), Fraction(50)).notes)
    assert "1 of 2 units belong to no utterance, the first: 'dora-u9'" in notes
    assert "2 of 3 utterances of the corpus have no units" in notes


def test_the_same_utterance_twice_is_refused() -> None:
    with pytest.raises(InputError, match="the same utterance"):
        match(collected(Path("u"), [("anna-u0", np.arange(9)), ("anna-u0.wav", np.arange(9))]), corpus())


@pytest.mark.parametrize("rate", [*KNOWN_RATES, Fraction(93), Fraction("33.3"), Fraction(44100, 512)])
def test_a_grid_has_the_exact_rate_at_a_rate_of_audio(rate: Fraction) -> None:
    sample_rate, hop = grid_of(rate)
    assert Fraction(sample_rate, hop) == rate
    assert 16000 <= sample_rate <= 32000


@pytest.mark.parametrize(("text", "rate"), [("50", 50), ("12.5", Fraction(25, 2)), ("44100/512", Fraction(11025, 128))])
def test_rates_are_numbers_or_fractions(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "fast", "0", "-50", "1e9", "1e99999999", "1/0", "nan", "inf", "50.00000000000000000001"]
)
def test_other_rates_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="no rate of units"):
        parse_rate(text)
