from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def tone():
    """Writes a short tone wherever it is asked to, in the format of the file's name."""

    def write(path: Path, seconds: float = 0.2, rate: int = 16000, **options) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = 0.3 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * rate)) / rate)
        soundfile.write(path, samples, rate, **options)
        return path

    return write


@pytest.fixture
def real_data():
    """A folder of real recordings beside the repository; skips where it is absent."""

    def find(name: str) -> Path:
        folder = Path(__file__).parents[2] / "../shared/data" / name
        if not folder.is_dir():
            pytest.skip(f"needs the real recordings in ../shared/data/{name}")
        return folder.resolve()

    return find
