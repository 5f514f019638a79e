"""The built-in commands, registered through the same hook as those of plugins."""

from __future__ import annotations

from vqspeech.registry.hookspecs import hookimpl
from vqspeech.registry.specs import CommandSpec


@hookimpl
def register_commands() -> list[CommandSpec]:
    """Register the built-in commands, in the order of the help."""
    return [
        CommandSpec(
            name="recipe", target="vqspeech.cli.recipe:app", summary="Run a whole experiment, from corpus to report."
        ),
        CommandSpec(
            name="train", target="vqspeech.cli.train:train", summary="Train a model from a configuration file."
        ),
        CommandSpec(
            name="info",
            target="vqspeech.cli.runs:info",
            summary="Describe the model, data and state of a run.",
        ),
        CommandSpec(name="speakers", target="vqspeech.cli.speakers:app", summary="List, add or remove voices."),
        CommandSpec(name="encode", target="vqspeech.cli.codes:encode", summary="Encode recordings to codes."),
        CommandSpec(name="decode", target="vqspeech.cli.codes:decode", summary="Decode codes to speech."),
        CommandSpec(
            name="sample",
            target="vqspeech.cli.sample:sample",
            summary="Draw codes from a prior and decode them.",
        ),
        CommandSpec(
            name="convert",
            target="vqspeech.cli.convert:convert",
            summary="Convert recordings to another speaker's voice.",
        ),
        CommandSpec(
            name="live",
            target="vqspeech.cli.live:live",
            summary="Convert speech while it is spoken: microphone to loudspeaker.",
        ),
        CommandSpec(
            name="studio",
            target="vqspeech.cli.studio:studio",
            summary="Serve a page to record, convert, edit codes and listen.",
        ),
        CommandSpec(
            name="evaluate",
            target="vqspeech.cli.evaluate:evaluate",
            summary="Judge conversions: words, voices, quality.",
        ),
        CommandSpec(
            name="align",
            target="vqspeech.cli.align:align",
            summary="Align recordings with their texts: words and phones as TextGrids.",
        ),
        CommandSpec(name="analyze", target="vqspeech.cli.analyze:analyze", summary="Analyse the codes of a run."),
        CommandSpec(
            name="export",
            target="vqspeech.cli.export:export",
            summary="Write a trained model to publish, or push it.",
        ),
        CommandSpec(
            name="corpora", target="vqspeech.cli.corpora:app", summary="List, check, prepare and download corpora."
        ),
        CommandSpec(
            name="plugins",
            target="vqspeech.cli.plugins:app",
            summary="List, show, diagnose and create plugins.",
        ),
    ]
