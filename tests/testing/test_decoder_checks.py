"""The checks of decoders: a sound decoder passes them all; one with a single fault fails the check meant for it."""

from __future__ import annotations

import faulty_decoders as faulty
import pytest
from sound_decoder import Sound

from vqspeech.errors import UnknownNameError
from vqspeech.testing import decoder_checks
from vqspeech.testing.decoders import CHECKS
from vqspeech.testing.decoders.subject import DecoderSubject

FAULTS = {
    "attributes": [
        (faulty.HalfRate, "it lasts 0.004 s"),
        (faulty.SharedParameters, "shares parameters"),
        (faulty.CalledMain, "called 'main'"),
    ],
    "terms": [
        (faulty.AnotherCriterion, "none of the losses"),
        (faulty.DetachedTerm, "'fooled' of the group 'main' has no gradient"),
    ],
    "group_gradients": [
        (faulty.SwitchesGradients, "switch requires_grad"),
        (faulty.DetachedLatents, "no finite gradient"),
        (faulty.IdleParameter, "the parameter idle no gradient"),
    ],
    "shares": [(faulty.MeanOfShare, "'l1' of two shares"), (faulty.NoiseOfShare, "of two shares sums to")],
    "padding": [(faulty.CountsPadding, "padded to twice the time")],
    "short_crops": [(faulty.DividesByNothing, "of one sample is nan")],
    "reduced_precision": [(faulty.PlainTensor, "fails when cast"), (faulty.CancelsInHalf, "under autocast")],
    "learns": [(faulty.HigherIsBetter, "lower is better")],
    "evaluation_changes_nothing": [
        (faulty.FollowsLevel, "evaluation changes level"),
        (faulty.CountsCalls, "another the second time"),
    ],
    "training_noise": [(faulty.Dropout, "global random state")],
    "same_start": [(faulty.RandomStart, "global random state")],
    "state_round_trip": [(faulty.ForgetsLevel, "some state is not in state_dict")],
    "speakers_matter": [
        (faulty.OneVoice, "does not depend on the speaker"),
        (faulty.NeedsSpeakers, "without speakers fail"),
    ],
    "two_processes": [(faulty.StartOfItsOwn, "ranks differ in level"), (faulty.MeanOverProcesses, "summed over two")],
    "pieces": [
        (faulty.TooLong, "asked for"),
        (faulty.NeverLast, "marked as its last"),
        (faulty.Doubles, "not a float32 array"),
        (faulty.Loud, "outside"),
        (faulty.IndexesFrames, "gives stretches"),
    ],
    "alone_and_among_others": [(faulty.OneStream, "alone differs")],
    "seeds": [(faulty.OtherEveryTime, "other speech"), (faulty.IgnoresTemperature, "at temperature 0")],
    "speaking_changes_nothing": [
        (faulty.StaysInEvaluation, "another mode"),
        (faulty.GlobalDraws, "global random state"),
    ],
    "progress": [(faulty.SilentProgress, "never called"), (faulty.ProgressOfPieces, "progress goes through")],
    "without_speakers": [(faulty.EmbedsNone, "without speakers fails")],
    "stream": [
        (faulty.NarrowMargin, "in stretches of 1 latents speech differs"),
        (faulty.BeginsAgain, "in stretches of 1 latents speech differs"),
        (faulty.WithMargin, "a stretch of 1 latents is float32 of shape"),
    ],
}

ALSO = {
    faulty.CalledMain: {"learns"},
    faulty.AnotherCriterion: {"learns", "speakers_matter"},
    faulty.DetachedLatents: {"learns"},
    faulty.TooLong: {"alone_and_among_others", "progress", "without_speakers", "stream"},
    faulty.Loud: {"stream"},
    faulty.GlobalDraws: {"stream"},
    faulty.IndexesFrames: {check.__name__ for check in CHECKS},
}
"""Further checks that a fault fails by its nature."""


@decoder_checks(Sound)
def test_a_sound_decoder_passes(check):
    check()


def test_every_check_has_a_fault_that_it_finds():
    assert [check.__name__ for check in CHECKS] == list(FAULTS)


CASES = [pytest.param(name, *case, id=f"{name}-{case[0].__name__}") for name, cases in FAULTS.items() for case in cases]


@pytest.mark.parametrize(("name", "decoder", "message"), CASES)
def test_a_faulty_decoder_fails_the_check_meant_for_it(name, decoder, message, monkeypatch):
    monkeypatch.setattr("vqspeech.testing.two_processes.LIMIT_S", 8.0)
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(DecoderSubject(decoder))


@pytest.mark.parametrize(("name", "decoder", "message"), CASES)
def test_a_faulty_decoder_fails_no_other_check(name, decoder, message):
    for check in CHECKS:
        if check.__name__ not in {name, "two_processes"} | ALSO.get(decoder, set()):
            try:
                check(DecoderSubject(decoder))
            except AssertionError as error:
                raise AssertionError(f"{decoder.__name__} also fails {check.__name__}: {error}") from error


def test_an_expected_failure_of_no_check_is_an_error():
    with pytest.raises(UnknownNameError, match=r"unknown check 'piece'.*Did you mean 'pieces'"):
        decoder_checks(Sound, expected_failures={"piece": "because"})
