"""The checks of quantizers: a sound one passes them all, one with a fault fails the check of that fault."""

from __future__ import annotations

import faulty_quantizers as faulty
import pytest
from sound_quantizer import Noisy, Sound

from vqspeech.errors import InputError, UnknownNameError
from vqspeech.testing import quantizer_checks
from vqspeech.testing.quantizers import CHECKS
from vqspeech.testing.quantizers.subject import QuantizerSubject

FAULTS = {
    "shapes": [(faulty.ShortCodes, "int32, not int64")],
    "empty_batch": [(faulty.NanOfNoFrames, "nan")],
    "code_range": [(faulty.OneTooMany, "out of range")],
    "decode_of_encode": [(faulty.OtherDecode, "differs from z_q")],
    "gradient": [(faulty.NoGradient, "gradient")],
    "commitment_gradient": [(faulty.DetachedLevel, "is it detached")],
    "reduced_precision": [(faulty.LowPrecision, "other codes")],
    "compiles": [(faulty.BranchOnData, "not one graph")],
    "padding": [(faulty.LooksUnderTheMask, "under the mask changes the loss 'commitment'")],
    "mask_of_ones": [(faulty.OtherWithMask, "with mask")],
    "masked_rows": [(faulty.DilutedByPadding, "beside a masked row")],
    "all_masked": [(faulty.CountsPadding, "moved a code"), (faulty.NanOfNoFrames, "of no frame at all is nan")],
    "evaluation_changes_nothing": [
        (faulty.CollectsInEvaluation, "an update after evaluation changes counts"),
        (faulty.DrawsInEncode, "global random state"),
    ],
    "forward_waits_for_update": [
        (faulty.MovesInForward, "forward moved a code"),
        (faulty.UsesBatchesTwice, "uses the batch again"),
    ],
    "gradient_accumulation": [(faulty.LastBatchOnly, "two halves")],
    "float32_state": [(faulty.HalfState, "the buffer counts is torch.bfloat16")],
    "safetensors_round_trip": [(faulty.ForgetsCounts, "other codes|goes on otherwise")],
    "same_seed_same_bits": [(faulty.GlobalRandomness, "the same generators")],
    "learning": [(faulty.IdleParameter, "idle never gets a gradient")],
    "noise_of_shares": [
        (faulty.NoiseOfShare, "share 1 of 2 has other codes|share 0 of 2 has other codes"),
        (faulty.GlobalNoise, "global random state|other codes"),
        (faulty.NotRandom, "two generators give the same"),
        (faulty.AlwaysNoisy, "in evaluation mode"),
    ],
    "nearest_code": [(faulty.SecondNearest, "is nearer")],
    "unused_codes_survive": [(faulty.ZeroCounts, "thrown away"), (faulty.FallToZero, "fell to zero")],
    "revival": [(faulty.RevivalUndone, "do not come back")],
    "two_processes": [
        (faulty.EachForItself, "the ranks differ"),
        (faulty.CachedDistributed, "the ranks differ"),
        (faulty.ConditionalCollective, "a process failed|wait for each other|not summed|the ranks differ"),
    ],
}


@quantizer_checks(Sound, Noisy)
def test_a_sound_quantizer_passes(check):
    check()


def test_every_check_has_a_fault_that_it_finds():
    assert [check.__name__ for check in CHECKS] == list(FAULTS)


@pytest.mark.parametrize(
    ("name", "quantizer", "message"),
    [pytest.param(name, *case, id=f"{name}-{case[0].__name__}") for name, cases in FAULTS.items() for case in cases],
)
def test_a_faulty_quantizer_fails_the_check_meant_for_it(name, quantizer, message, monkeypatch):
    monkeypatch.setattr("vqspeech.testing.two_processes.LIMIT_S", 8.0)
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(QuantizerSubject(quantizer))


def test_names_reasons_and_strictness_of_expected_failures():
    (cases,) = quantizer_checks(Sound, "ema", expected_failures={"revival": "none", "ema-shapes": "odd"}).args[1:]
    marked = {parameter.id: [mark.kwargs for mark in parameter.marks] for parameter in cases}
    assert len(marked) == 2 * len(CHECKS)
    assert marked["Sound-revival"] == marked["ema-revival"] == [{"reason": "none", "strict": True}]
    assert marked["ema-shapes"] == [{"reason": "odd", "strict": True}]
    assert marked["Sound-shapes"] == []


def test_an_expected_failure_of_no_check_is_an_error():
    with pytest.raises(UnknownNameError, match=r"unknown check 'revivall'.*Did you mean 'revival'"):
        quantizer_checks(Sound, expected_failures={"revivall": "because"})


def test_an_expected_failure_without_a_reason_is_an_error():
    with pytest.raises(InputError, match=r"'revival'.*gives no reason"):
        quantizer_checks(Sound, expected_failures={"revival": " "})


def test_a_name_that_nobody_registers_fails_its_tests_and_not_the_collection():
    (cases,) = quantizer_checks("no-such-vq").args[1:]
    with pytest.raises(UnknownNameError, match="no-such-vq"):
        cases[0].values[0]()
