"""A few kills and faults of the disk in each kind of work; ``long.py`` makes as many as wanted."""

from dataclasses import replace

import pytest
from fuzzing import Target, run
from interrupted import FAULTS, KILLS


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Makes what the cases of a command share, once."""
    made = {}

    def base(target: Target):
        command = target.name.partition(": ")[2]
        if command not in made:
            made[command] = target.base(tmp_path_factory.mktemp(command))
        return made[command]

    return base


@pytest.mark.parametrize("target", [*KILLS, *FAULTS], ids=lambda target: target.name)
def test_the_same_command_again_ends_as_if_nothing_was(target: Target, bases, tmp_path):
    tally = run(replace(target, base=lambda folder: bases(target)), tmp_path / "work", range(target.cases))
    assert not tally.faults, str(tally)
    assert tally.cases == target.cases
