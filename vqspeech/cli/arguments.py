"""Arguments that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

MODEL = "a run or checkpoint directory, an installed model (vqspeech plugins list), or OWNER/NAME[@REVISION] of the hub"
"""What RUN may be; see `vqspeech.checkpoints.names.locate`."""

Codebooks = Annotated[
    int | None,
    typer.Option(min=1, help="Use the first codebooks of a residual quantizer alone, for a lower bit rate."),
]


def check_run(run: str) -> str:
    """Return the name of a model as it is given; an unknown one is an error before torch is imported."""
    from vqspeech.checkpoints.names import find

    find(run)
    return run


Run = Annotated[str, typer.Argument(metavar="RUN", help=f"The model: {MODEL}.", callback=check_run)]
