"""``python -m vqspeech`` is the command ``vqspeech``."""

from vqspeech.cli.main import main

if __name__ == "__main__":
    main()
