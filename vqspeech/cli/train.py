"""`vqspeech train`: a run from a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.toml", help="Tables corpus, model and train; see docs/configuration.md.")
    ],
    out: Annotated[Path, typer.Option(help="Run directory; continued when it is there.")],
    data_dir: Annotated[Path | None, typer.Option(envvar="VQSPEECH_DATA", help="Folder of the corpus.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value, e.g. train.steps=2000.")
    ] = None,
    fresh: Annotated[bool, typer.Option(help="Start over: delete what the run directory holds.")] = False,
) -> None:
    """Train a model; resumes OUT when it exists. In several processes: torchrun --nproc-per-node N -m vqspeech train ..."""
    from vqspeech.config import override, read_toml
    from vqspeech.training import run as runs
    from vqspeech.training.processes import FirstProcessError, launch
    from vqspeech.training.stopping import explained

    checked = runs.checked(override(read_toml(config), setting or ()))
    processes = launch(checked.train)
    try:
        processes.first(lambda: runs.open_run(out, checked, fresh=fresh))
        store = runs.prepare_once(checked, out, data_dir, processes)
        if store.corpus.skipped and processes.is_first:
            typer.echo(f"{len(store.corpus.skipped)} files skipped; `vqspeech corpora check` names them", err=True)
        result = runs.train(checked, out, store, processes)
        processes.close()
    except FirstProcessError as error:  # the first process has said it
        raise typer.Exit(error.exit_code) from error
    except RuntimeError as error:
        raise explained(error, checked.train, -1) from error
    if processes.is_first:
        typer.echo(f"{result.step} steps in {result.seconds:.0f} s; checkpoint {result.checkpoint}")
