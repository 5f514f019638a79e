"""What the terminal and the page play with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError, unknown_name

Frame = npt.NDArray[np.uint8]

ARROWS = {"up": ("forward", "up"), "left": ("left",), "right": ("right",), "down": ("back", "backward", "down")}
"""Arrow key -> names of actions that it stands for."""
LETTERS = {"w": "up", "a": "left", "d": "right", "s": "down"}
"""Letter -> arrow key that it is like."""
MOST_STEPS = 1000


class Player(Protocol):
    """A world that is drawn from codes, frame by frame.

    Attributes
    ----------
    action_names : names of the actions
    """

    action_names: tuple[str, ...]

    def start(self) -> Frame:
        """Go back to the given frames; returns the last one, (height, width, channels) uint8."""

    def step(self, action: int) -> Frame:
        """Draw the next frame for an action; returns it, (height, width, channels) uint8."""


def keys_of(action_names: Sequence[str]) -> dict[str, int]:
    """Return the action of each key: arrows, w a s d, and digits from 1.

    Parameters
    ----------
    action_names : names of the actions
    """
    keys = {str(number + 1): number for number in range(min(9, len(action_names)))}
    for arrow, names in ARROWS.items():
        for number, name in enumerate(action_names):
            if name in names:
                keys.setdefault(arrow, number)
    keys |= {letter: keys[arrow] for letter, arrow in LETTERS.items() if arrow in keys}
    return keys


def parse_actions(text: str, action_names: Sequence[str]) -> list[int]:
    """Read actions such as ``forward:6,left:4,right``.

    Parameters
    ----------
    text : names of actions, each with the number of its steps or alone for one
    action_names : names of all actions

    Returns
    -------
    places in `action_names`, one for each step

    Raises
    ------
    InputError : for an unknown action, or a number of steps out of range
    """
    actions: list[int] = []
    for part in text.split(","):
        name, _, steps = (piece.strip() for piece in part.partition(":"))
        if name not in action_names:
            raise unknown_name("action", name, action_names)
        if steps and not re.fullmatch(r"[0-9]{1,4}", steps):
            raise InputError(f"--actions: {part.strip()!r}: a number of steps follows the colon, such as {name}:4")
        actions += [list(action_names).index(name)] * int(steps or 1)
    if not 1 <= len(actions) <= MOST_STEPS:
        raise InputError(f"--actions: {len(actions)} steps; between 1 and {MOST_STEPS}")
    return actions
