"""``vqspeech play``: choose actions, see the frames that are drawn from codes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vqspeech_video.play.world import CodedWorld


def play(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run of the recipe doom, or of a model of frames.")],
    prior: Annotated[
        Path | None, typer.Option(metavar="PRIOR", help="Run of a prior over its frames; RUN/prior by default.")
    ] = None,
    clip: Annotated[int, typer.Option(min=0, help="Number of the held-out clip to begin with.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    temperature: Annotated[float, typer.Option(help="0 draws the likeliest codes.")] = 1.0,
    page: Annotated[bool, typer.Option("--page", help="Serve a page to a browser of this machine.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 for a free one.")] = 0,
    actions: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Draw for these actions: forward:6,left:4. Needs --out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.webp", help="Animation that --actions writes.")] = None,
) -> None:
    """Draw the next frames of a world for actions of your choice.

    In a terminal, press the arrow keys. Frames are drawn from the prior over codes and decoded; nothing is rendered.
    """
    from vqspeech.errors import InputError
    from vqspeech_video.play import terminal
    from vqspeech_video.play.world import CodedWorld

    if (actions is None) != (out is None):
        raise InputError("--actions and --out belong together; give both or neither")
    if actions is not None and page:
        raise InputError("--page and --actions exclude each other; give one of them")
    if actions is None and not page:
        terminal.require_terminal()
    world = CodedWorld(run, prior, clip=clip, seed=seed, temperature=temperature)
    if actions is not None and out is not None:
        _write(world, actions, out)
    elif page:
        _serve(world, port)
    else:
        terminal.play(world)


def _write(world: CodedWorld, actions: str, out: Path) -> None:
    """Write an animation of the given frames and those drawn for actions."""
    import numpy as np

    from vqspeech.claims import claimed
    from vqspeech.codec.to_files import require_replaceable
    from vqspeech.errors import InputError
    from vqspeech_video.films import save_animation
    from vqspeech_video.play.player import parse_actions

    if out.suffix != ".webp":
        raise InputError(f"--out {out}: an animation is a .webp file")
    steps = parse_actions(actions, world.action_names)
    with claimed([out]):
        require_replaceable(out)
        given = world.given()
        drawn = np.stack([world.step(action) for action in steps])
        typer.echo(str(save_animation([np.concatenate([given, drawn])], len(given), out)))


def _serve(world: CodedWorld, port: int) -> None:
    """Serve the page until Ctrl-C."""
    from vqspeech_video.play.page import PlayServer

    with PlayServer(world, port) as server:
        typer.echo(f"open {server.url} in a browser of this machine; Ctrl-C ends")
        server.serve_forever()
