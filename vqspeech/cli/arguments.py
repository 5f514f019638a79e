"""Arguments that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

MODEL = "a run or checkpoint directory, an installed model (vqspeech plugins list), or OWNER/NAME[@REVISION] of the hub"
"""What RUN may be; see `vqspeech.checkpoints.names.locate`."""

Run = Annotated[str, typer.Argument(metavar="RUN", help=f"The model: {MODEL}.")]
