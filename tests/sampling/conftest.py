"""What every engine must keep."""

import pytest

from vqspeech.sampling.reference import ReferenceSampler


@pytest.fixture
def assert_same_until_rounding():
    """Engine and reference draw the same samples until a number lies within rounding of a boundary of levels."""

    def check(engine, decoder, conditions, numbers, temperature):
        expected = ReferenceSampler(decoder, len(numbers)).draw(conditions, numbers, temperature)
        found = engine(decoder, len(numbers)).draw(conditions, numbers, temperature)
        assert len(expected.unique()) > (20 if temperature else 1)
        for row, places in enumerate(found != expected):
            if places.any():
                first = int(places.nonzero()[0])
                frames = conditions[row : row + 1, : first // decoder.condition_samples + 1]
                logits = engine(decoder, 1).logits(frames, expected[row : row + 1, : first + 1])[0, -1].double()
                low, high = sorted((int(found[row, first]), int(expected[row, first])))
                if temperature:
                    gaps = ((logits / temperature).softmax(0).cumsum(0)[low:high] - numbers[row, first]).abs()
                    assert gaps.max() < 1e-5
                else:
                    assert (logits[low] - logits[high]).abs() < 1e-4
        return found, expected

    return check
