"""Commands in this process, and what they leave in a folder."""

from typer.testing import CliRunner

from vqspeech.cli.main import app


def invoke(*arguments):
    """Run ``vqspeech`` with arguments of any type."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def listing(folder):
    """Map the files below a folder to their bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
