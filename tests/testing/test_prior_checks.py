"""The checks of priors: a sound prior passes them all; one with a single fault fails the check meant for it."""

from __future__ import annotations

import faulty_priors as faulty
import pytest
from sound_prior import Sound

from vqspeech.errors import UnknownNameError
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.testing import prior_checks
from vqspeech.testing.priors import CHECKS
from vqspeech.testing.priors.subject import PriorSubject

FAULTS = {
    "terms": [
        (faulty.AnotherCriterion, "none of the terms"),
        (faulty.Attached, "carries a gradient"),
        (faulty.AllFramesCount, "frames within lengths"),
    ],
    "sums_to_one": [(faulty.SeesItself, "sees itself"), (faulty.BitsPerFrame, "not in nats per code")],
    "lengths": [(faulty.LooksBeyond, "beyond lengths")],
    "shares": [(faulty.MeanOfShare, "summed over two shares"), (faulty.NoiseOfShare, "summed over two shares")],
    "empty_batch": [(faulty.NoRows, "a share without rows fails")],
    "learning": [(faulty.IdleParameter, "the parameter idle no gradient")],
    "learns": [(faulty.HigherIsBetter, "lower is better")],
    "conditions_matter": [
        (faulty.IgnoresSpeakers, "conditions of another row"),
        (faulty.NothingToShuffle, "shuffled is None"),
        (faulty.ShufflesOtherwise, "conditions of the next row"),
    ],
    "reduced_precision": [(faulty.CancelsInHalf, "under autocast")],
    "sample_shapes": [(faulty.ShortCodes, "int32, not int64"), (faulty.OneTooMany, "are not in")],
    "items": [
        (faulty.OneStream, "others than two items"),
        (faulty.IgnoresSeed, "two seeds give the same"),
        (faulty.DividesByZero, "temperature 0"),
    ],
    "sampling_changes_nothing": [
        (faulty.StaysInEvaluation, "another mode"),
        (faulty.GlobalDraws, "global random state"),
    ],
    "follow_the_likelihood": [
        (faulty.SamplesLateCodes, "total variation"),
        (faulty.IgnoresTemperature, "no likelier than at 1"),
    ],
    "one_by_one": [
        (faulty.ForgetsTheFrame, "one by one"),
        (faulty.SharesRows, "depend on the other rows"),
    ],
    "evaluation_changes_nothing": [
        (faulty.FollowsScale, "evaluation changes scale"),
        (faulty.CountsCalls, "another the second time"),
        (faulty.UpdatesAfterEvaluation, "an update after evaluation changes scale"),
    ],
    "training_noise": [(faulty.Dropout, "global random state")],
    "same_start": [(faulty.RandomStart, "global random state")],
    "state_round_trip": [(faulty.ForgetsScale, "some state is not in state_dict")],
    "two_processes": [(faulty.StartOfItsOwn, "ranks differ in scale"), (faulty.MeanOverProcesses, "summed over two")],
}

ALSO = {
    faulty.AnotherCriterion: {"learns", "conditions_matter"},
    faulty.HigherIsBetter: {"conditions_matter"},
    faulty.ShortCodes: {"follow_the_likelihood"},
    faulty.OneTooMany: {"follow_the_likelihood", "one_by_one"},
    faulty.BitsPerFrame: {"follow_the_likelihood", "one_by_one"},
    faulty.DividesByZero: {"one_by_one"},
    faulty.FollowsScale: {"one_by_one"},
    faulty.CountsCalls: {"one_by_one"},
    faulty.IgnoresTemperature: {"items", "one_by_one"},
    faulty.SamplesLateCodes: {"items", "one_by_one"},
    faulty.SeesItself: {"follow_the_likelihood", "one_by_one"},
    faulty.LooksBeyond: {"shares"},
    faulty.ForgetsScale: {"one_by_one"},
}
"""Further checks that a fault fails by its nature."""


@prior_checks(Sound)
def test_a_sound_prior_passes(check):
    check()


@prior_checks(Sound, space=CodeSpace(codebook_sizes=(6,)))
def test_a_sound_prior_without_conditions_passes(check):
    check()


def test_every_check_has_a_fault_that_it_finds():
    assert [check.__name__ for check in CHECKS] == list(FAULTS)


CASES = [pytest.param(name, *case, id=f"{name}-{case[0].__name__}") for name, cases in FAULTS.items() for case in cases]


@pytest.mark.parametrize(("name", "prior", "message"), CASES)
def test_a_faulty_prior_fails_the_check_meant_for_it(name, prior, message, monkeypatch):
    monkeypatch.setattr("vqspeech.testing.two_processes.LIMIT_S", 8.0)
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(PriorSubject(prior))


@pytest.mark.parametrize(("name", "prior", "message"), CASES)
def test_a_faulty_prior_fails_no_other_check(name, prior, message):
    for check in CHECKS:
        if check.__name__ not in {name, "two_processes"} | ALSO.get(prior, set()):
            try:
                check(PriorSubject(prior))
            except AssertionError as error:
                raise AssertionError(f"{prior.__name__} also fails {check.__name__}: {error}") from error


def test_an_expected_failure_of_no_check_is_an_error():
    with pytest.raises(UnknownNameError, match=r"unknown check 'item'.*Did you mean 'items'"):
        prior_checks(Sound, expected_failures={"item": "because"})
