"""``python -m vqspeech`` is the command ``vqspeech``."""

from vqspeech.cli.main import app

if __name__ == "__main__":
    # Not `main`: this interpreter searches the current folder already, where vqspeech itself may be.
    app(prog_name="vqspeech")
