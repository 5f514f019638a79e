from __future__ import annotations

import numpy as np
import pytest

from vqspeech.codec.intonation import moved, require_intonation
from vqspeech.errors import UnknownNameError

SOURCE = np.array([0, 100, 150, 0, 100, 150] * 10, np.float32)


def test_the_melody_of_the_source_keeps_its_intervals():
    f0 = moved(SOURCE, float(np.log(200)), "source")
    assert not f0[::3].any()
    np.testing.assert_allclose(f0[2::3] / f0[1::3], 1.5, rtol=1e-5)
    assert np.exp(np.log(f0[f0 > 0]).mean()) == pytest.approx(200)
    np.testing.assert_allclose(moved(SOURCE, None, "source"), SOURCE, rtol=1e-5)


def test_flat_is_the_mean_of_the_target():
    f0 = moved(SOURCE, float(np.log(120)), "flat")
    np.testing.assert_allclose(f0[f0 > 0], 120, rtol=1e-5)
    np.testing.assert_array_equal(f0 > 0, SOURCE > 0)


def test_f0_stays_in_the_range_of_the_tracker():
    high = moved(SOURCE, float(np.log(440)), "source")
    assert high.max() == 450


@pytest.mark.parametrize("source", [None, np.zeros(100, np.float32), SOURCE[:6]])
def test_without_a_melody_it_is_predicted(source):
    assert moved(source, 5.0, "source") is None
    assert moved(source, 5.0, "flat") is None


def test_predicted_and_unknown_names():
    assert moved(SOURCE, 5.0, "predicted") is None
    with pytest.raises(UnknownNameError, match="flaat"):
        require_intonation("flaat")
