"""Play in a terminal: two pixels a character, keys without Enter."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from vqspeech.errors import InputError
from vqspeech_video.play.player import Frame, Player, keys_of

_HALF = "\u2580"
_ESCAPES = {"[A": "up", "[B": "down", "[C": "right", "[D": "left"}
_QUIT, _RESTART = ("q", "\x03", "\x04", ""), "r"
_LINES_BELOW = 3


def drawn(frame: Frame, columns: int, lines: int) -> str:
    """Draw a frame with coloured half blocks, shrunk to at most so many columns and lines of text.

    Parameters
    ----------
    frame : (height, width, 1 or 3) uint8
    columns, lines : size of the terminal
    """
    from PIL import Image

    image = Image.fromarray(frame if frame.shape[-1] == 3 else frame.repeat(3, -1))
    scale = min(1.0, columns / image.width, 2 * lines / image.height)
    width, height = max(1, int(image.width * scale)), max(2, int(image.height * scale) // 2 * 2)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BOX))
    rows = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        cells = (
            f"\x1b[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m{_HALF}"
            for a, b in zip(upper, lower, strict=True)
        )
        rows.append("".join(cells) + "\x1b[0m")
    return "\r\n".join(rows)


def play(player: Player) -> int:
    """Play until q is pressed or the input ends; returns the number of frames that were drawn.

    Raises
    ------
    InputError : see `require_terminal`
    """
    require_terminal()
    keys, frames = keys_of(player.action_names), 0
    with _keys_at_once():
        _show(player.start(), player, frames)
        while (key := read_key(sys.stdin.fileno())) not in _QUIT:
            if key == _RESTART:
                frames = 0
                _show(player.start(), player, frames)
            elif key in keys:
                frames += 1
                _show(player.step(keys[key]), player, frames)
    return frames


def require_terminal() -> None:
    """Check that there are keys and a screen.

    Raises
    ------
    InputError : when standard input or output is no terminal
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            "standard input and output are no terminal here; --page serves a page to a browser of this machine, and "
            "--actions forward:6,left:4 --out FILE.webp draws without either"
        )


def read_key(source: int) -> str:
    """Read a key from a file descriptor: a letter, or up, down, left, right; empty at the end of the input."""
    key = os.read(source, 1).decode("latin-1")
    if key != "\x1b":
        return key.lower()
    return _ESCAPES.get(os.read(source, 2).decode("latin-1"), "?")


def _show(frame: Frame, player: Player, frames: int) -> None:
    size = shutil.get_terminal_size()
    names = "  ".join(f"{number + 1} {name}" for number, name in enumerate(player.action_names[:9]))
    keys = f"arrows or w a s d; {names}; r restart; q quit. Frame {frames}"[: size.columns]
    picture = drawn(frame, size.columns, max(1, size.lines - _LINES_BELOW))
    sys.stdout.write(f"\x1b[2J\x1b[H{picture}\r\n{keys}\r\n")
    sys.stdout.flush()


@contextmanager
def _keys_at_once() -> Iterator[None]:
    """Within the block, keys arrive without Enter and are not shown."""
    import termios
    import tty

    source = sys.stdin.fileno()
    before = termios.tcgetattr(source)
    try:
        tty.setcbreak(source, termios.TCSANOW)
        yield
    finally:
        termios.tcsetattr(source, termios.TCSANOW, before)
