"""Render frames in a separate process, and write them to stdout."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

ACTIONS = ([1, 0, 0], [0, 1, 0], [0, 0, 1])
"""Forward, left, right, as ViZDoom's buttons."""
SHARES = (0.6, 0.2, 0.2)
KEPT = 0.75
"""Probability of keeping the last action: a walker that draws a new one every time stays at the walls."""
TICS = 4
"""Tics of 1/35 s for which an action is held."""
ROOMS = 100
"""Rooms to try for one clip."""


def render(settings: dict[str, Any], write: Any) -> None:
    """Render clips, and pass the bytes of each and one byte for the action after each of its frames to `write`."""
    game = _game(settings["config"])
    try:
        for clip in range(settings["clips"]):
            draw = np.random.Generator(np.random.Philox(key=[settings["seed"] % 2**64, clip]))
            for array in _clip(game, draw, settings["clip_frames"], settings["size"]):
                write(array.tobytes())
    finally:
        game.close()


def _game(config: str) -> Any:
    import vizdoom

    game = vizdoom.DoomGame()
    game.load_config(config)
    game.set_available_buttons([vizdoom.Button.MOVE_FORWARD, vizdoom.Button.TURN_LEFT, vizdoom.Button.TURN_RIGHT])
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_window_visible(False)
    for part in ("hud", "weapon", "crosshair"):
        getattr(game, f"set_render_{part}")(False)
    # Without it some scenarios end in an assertion of OpenAL.
    game.add_game_args("-nosound")
    game.init()
    return game


def _clip(
    game: Any, draw: np.random.Generator, frames: int, size: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Render (frames, size, size, 3) and the actions (frames,); when the episode ends too early, try another room."""
    for _ in range(ROOMS):
        game.set_seed(int(draw.integers(2**31)))
        game.new_episode()
        shown: list[npt.NDArray[np.uint8]] = []
        taken: list[int] = []
        action = 0
        while len(shown) < frames and not game.is_episode_finished():
            shown.append(_view(game.get_state().screen_buffer, size))
            if draw.random() >= KEPT:
                action = int(draw.choice(len(ACTIONS), p=SHARES))
            taken.append(action)
            game.make_action(ACTIONS[action], TICS)
        if len(shown) == frames:
            return np.stack(shown), np.array(taken, np.uint8)
    raise SystemExit(
        f"no episode in {ROOMS} rooms lasted {frames} frames, the last one {len(shown)}; "
        "lower corpus.options.clip_frames"
    )


def _view(screen: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Cut the centred square of a screen (height, width, 3) and shrink it."""
    from PIL import Image

    side = min(screen.shape[:2])
    top, left = (screen.shape[0] - side) // 2, (screen.shape[1] - side) // 2
    square = Image.fromarray(np.ascontiguousarray(screen[top : top + side, left : left + side]))
    return np.asarray(square.resize((size, size), Image.Resampling.BOX))


if __name__ == "__main__":
    frames_go_to = os.fdopen(os.dup(1), "wb")
    # The engine's own output is not a frame.
    os.dup2(2, 1)
    with frames_go_to:
        render(json.loads(sys.argv[1]), frames_go_to.write)
