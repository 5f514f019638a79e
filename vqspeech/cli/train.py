"""``vqspeech train``: a run from a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.toml", help="Tables corpus, model and train; see docs/configuration.md.")
    ],
    out: Annotated[Path, typer.Option(help="Run directory; continued when it exists.")],
    data_dir: Annotated[Path | None, typer.Option(envvar="VQSPEECH_DATA", help="Folder of the corpus.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value, e.g. train.steps=2000.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the earlier run in OUT, and start over.")] = False,
) -> None:
    """Train a model, or continue training when OUT exists.

    In several processes: torchrun --nproc-per-node N -m vqspeech train ...
    """
    from vqspeech import runs
    from vqspeech.config import override, read_toml
    from vqspeech.modality import checked
    from vqspeech.training.processes import FirstProcessError, launch
    from vqspeech.training.run import locked_once, prepare_once
    from vqspeech.training.run import train as train_run
    from vqspeech.training.stopping import described

    settings = checked(override(read_toml(config), setting or ()))
    processes = launch(settings.train)
    try:
        with locked_once(out, processes):
            processes.first(lambda: runs.open_run(out, settings, fresh=fresh))
            store = prepare_once(settings, out, data_dir, processes)
            if store.corpus.skipped and processes.is_first:
                typer.echo(f"{len(store.corpus.skipped)} files skipped; `vqspeech corpora check` names them", err=True)
            result = train_run(settings, out, store, processes)
        processes.close()
    except FirstProcessError as error:
        # The first process has reported it.
        raise typer.Exit(error.exit_code) from error
    except (RuntimeError, MemoryError) as error:
        raise described(error, settings.train, -1) from error
    if processes.is_first:
        typer.echo(f"{result.step} steps in {result.seconds:.0f} s; checkpoint {result.checkpoint}")
        if settings.modality == "codes":
            from vqspeech.analysis.sampled.held_out import report_of

            if (held_out := report_of(out)) is not None:
                typer.echo(held_out.line())
