"""Fixtures of all tests: those that plugin authors get, and a short tone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest_plugins = ["vqspeech.testing.fixtures"]


@pytest.fixture
def tone():
    """Writes a short tone wherever it is asked to, in the format of the file's name."""

    def write(path: Path, seconds: float = 0.2, rate: int = 16000, **options) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = 0.3 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * rate)) / rate)
        soundfile.write(path, samples, rate, **options)
        return path

    return write
