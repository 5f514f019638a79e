"""Codebook use against its definition."""

import math

import pytest
import torch

from vqspeech.training.usage import CodebookUsage


def count(codes, mask=None, sizes=(4,)):
    usage = CodebookUsage(sizes)
    codes = torch.tensor(codes)
    usage.add(
        codes, torch.ones(codes.shape[0], codes.shape[2], dtype=torch.bool) if mask is None else torch.tensor(mask)
    )
    return usage


def test_figures_are_those_of_the_shares():
    figures = count([[[0, 0, 1, 3]]]).figures()
    entropy = 0.5 * math.log(2) + 2 * 0.25 * math.log(4)
    assert figures["codes_used"] == 3
    assert figures["perplexity"] == pytest.approx(math.exp(entropy))
    assert figures["normalised_entropy"] == pytest.approx(entropy / math.log(4))


@pytest.mark.parametrize("codes, used, perplexity, normalised", [([2] * 6, 1, 1, 0), ([0, 1, 2, 3], 4, 4, 1)])
def test_one_code_and_all_codes(codes, used, perplexity, normalised):
    figures = count([[codes]]).figures()
    assert figures == pytest.approx({"codes_used": used, "perplexity": perplexity, "normalised_entropy": normalised})
    # No -0.0.
    assert math.copysign(1, figures["normalised_entropy"]) == 1


def test_masked_frames_do_not_count():
    assert count([[[0, 1, 2]], [[3, 3, 3]]], [[True, True, False], [False] * 3]).figures()["codes_used"] == 2


def test_it_counts_over_batches_until_reset():
    usage = count([[[0, 1]]])
    usage.add(torch.tensor([[[2, 3]]]), torch.ones(1, 2, dtype=torch.bool))
    assert (usage.steps, usage.figures()["codes_used"]) == (2, 4)
    usage.reset()
    assert (usage.steps, usage.figures()["codes_used"]) == (0, 0)


def test_several_codebooks_are_averaged():
    figures = count([[[0, 1], [0, 0]]], sizes=(2, 4)).figures()
    assert figures == pytest.approx({"codes_used": 1.5, "perplexity": 1.5, "normalised_entropy": 0.5})


@pytest.mark.parametrize("size", [1, 4])
def test_nothing_and_a_codebook_of_one_code_are_finite(size):
    assert all(math.isfinite(value) for value in CodebookUsage((size,)).figures().values())
    assert all(math.isfinite(value) for value in count([[[0, 0]]], sizes=(size,)).figures().values())


def test_its_state_goes_there_and_back():
    usage, other = count([[[0, 1, 1]]]), CodebookUsage((4,))
    other.load_state_dict(usage.state_dict())
    usage.add(torch.tensor([[[3]]]), torch.ones(1, 1, dtype=torch.bool))
    assert other.steps == 1
    assert other.counts[0].tolist() == [1, 2, 0, 0]


def test_a_model_without_codes_has_no_figures():
    usage = CodebookUsage(())
    usage.add(torch.zeros(2, 0, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.bool))
    assert usage.figures() == {}
