"""A few seeded cases of every reader; ``long.py`` runs as many as there is time for."""

import pytest
from fuzzing import Target, run, targets


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_mutated_inputs_are_read_rightly_or_refused(target: Target, tmp_path):
    tally = run(target, tmp_path / "fuzz", range(target.cases))
    assert not tally.faults, str(tally)
    assert tally.refused and tally.cases == target.cases
