"""``vqspeech speakers RUN | add | remove``: list the voices of a model, add one, remove one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from vqspeech.cli.arguments import Run

if TYPE_CHECKING:
    from vqspeech.voices.recordings import VoiceRecordings

LIST = "RUN"
"""Name of the command that lists, as help shows it; it is never typed."""


class VoiceGroup(TyperGroup):
    """A group whose first word is a command, or else a model whose speakers are listed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Choose the listing unless the first word names another command or asks for help."""
        named = {name for name in self.commands if name != LIST} | set(ctx.help_option_names)
        if args and args[0] not in named:
            args = [LIST, *args]
        result: list[str] = super().parse_args(ctx, args)
        return result


app = typer.Typer(
    cls=VoiceGroup,
    help="List the speakers of a model, add a voice, or remove one.",
    add_completion=False,
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option(help="Directory of the new model, new or empty. The given one is not changed.")]


@app.command(LIST)
def list_speakers(run: Run, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the speakers of a model, each with a line on its voice."""
    from vqspeech.checkpoints.description import describe
    from vqspeech.errors import InputError
    from vqspeech.untrusted import printable

    path, facts = describe(run)
    names, notes = facts["speakers"], facts.get("speaker_notes") or {}
    if as_json:
        typer.echo(json.dumps(names))
        return
    if not names:
        modality = facts["plugins"].get("modality", {}).get("name", "audio")
        raise InputError(f"{path} has no speakers; it is a model of the modality {modality!r}")
    width = max(len(printable(name)) for name in names)
    for name in names:
        typer.echo(f"{printable(name).ljust(width)}  {printable(notes.get(name) or '')}".rstrip())


@app.command("add")
def add(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Speaker id of the new voice.")],
    recordings: Annotated[
        list[Path], typer.Argument(metavar="RECORDINGS...", help="Audio files and folders of one speaker.")
    ],
    out: Out,
    steps: Annotated[int | None, typer.Option(min=1, help="Most optimisation steps.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of crops and noise.")] = 0,
) -> None:
    """Add a voice from a minute of speech.

    Fits one speaker embedding; the rest of the model stays as it is.
    """
    from vqspeech.progress import Progress
    from vqspeech.voices.fit import STEPS
    from vqspeech.voices.models import add_voice

    shown = Progress("fit", steps or STEPS, every_s=10.0)
    done = add_voice(
        run,
        name,
        recordings,
        out,
        steps=steps or STEPS,
        seed=seed,
        said=_say,
        progress=lambda step, total, note: shown.update(step, note),
    )
    voice = done.voice
    typer.echo(
        f"{out}: the voice {name!r}, {voice.criterion} on held-out clips {voice.before:.4f} -> {voice.after:.4f} "
        f"after {voice.steps} steps from {voice.start!r}. Try: vqspeech convert {out} SOME.wav --speaker {name} "
        "--out out.wav"
    )


@app.command("remove")
def remove(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Speaker id of the voice.")],
    out: Out,
) -> None:
    """Remove a voice."""
    from vqspeech.voices.models import remove_voice

    typer.echo(f"{remove_voice(run, name, out)}: the model without the voice {name!r}")


def _say(recordings: VoiceRecordings) -> None:
    """Print how much speech there is, and what was skipped."""
    import math

    from vqspeech.voices.recordings import ENOUGH_S, FEW_S

    for path, reason in list(recordings.skipped.items())[:5]:
        print(f"skipped {path}: {reason}", file=sys.stderr)
    if len(recordings.skipped) > 5:
        print(f"skipped {len(recordings.skipped)} files in all", file=sys.stderr)
    heights, seconds = recordings.log_f0, recordings.speech_s
    plural = "s" if recordings.files != 1 else ""
    print(
        f"{seconds:.0f} s of speech in {recordings.files} file{plural}, pauses not counted; F0 "
        f"{math.exp(heights.mean()):.0f} Hz +- {12 / math.log(2) * heights.std():.1f} semitones",
        file=sys.stderr,
    )
    if seconds < FEW_S:
        print(
            f"Warning: {seconds:.0f} s are little; the voice may not resemble. {ENOUGH_S:.0f} s are enough",
            file=sys.stderr,
        )
    elif round(seconds) < ENOUGH_S:
        print(f"{ENOUGH_S:.0f} s would be enough; more does not help much", file=sys.stderr)
