"""``vqspeech studio``: a page to record, convert, edit codes and listen."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from vqspeech.cli.arguments import MODEL, check_run
from vqspeech.local_page import LOOPBACK


def _check_runs(runs: list[str] | None) -> list[str]:
    """Return the names of models; an unknown one is an error before torch is imported."""
    return [check_run(run) for run in runs or []]


def studio(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN...", help=f"Models, each {MODEL}; all installed ones by default.", callback=_check_runs
        ),
    ] = None,
    prior: Annotated[
        list[str] | None, typer.Option(metavar="PRIOR", help="Run of a prior over the codes of a model; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder that keeps models with added voices, one each.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 for a free one.")] = 0,
    host: Annotated[
        str, typer.Option(help="Address of this machine to listen on; others than 127.0.0.1 let other machines in.")
    ] = LOOPBACK,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser of this machine.")] = False,
    longest: Annotated[float, typer.Option(min=1.0, max=3600.0, help="Longest recording in seconds.")] = 300.0,
) -> None:
    """Serve a page to record, convert, edit codes and listen.

    Sounds stay in the memory of this process. Whoever knows the address, with its token, may use the page.
    """
    import webbrowser

    from vqspeech.studio.models import StudioModels
    from vqspeech.studio.server import StudioServer
    from vqspeech.studio.work import Studio

    models = StudioModels(runs or [], prior or [])
    with Studio(models, out, longest) as made, StudioServer(made, port, host) as server:
        made.warm_up()
        typer.echo(f"open {server.url} in a browser of this machine; Ctrl-C ends")
        if host != LOOPBACK:
            typer.echo(f"listening on {host}: sounds travel unencrypted, and browsers record only by https", err=True)
        if open_page:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
