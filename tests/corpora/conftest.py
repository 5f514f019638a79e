from pathlib import Path

import pytest


@pytest.fixture
def real_data():
    """A folder of real recordings beside the repository; skips where it is absent."""

    def find(name: str) -> Path:
        folder = Path(__file__).parents[2] / "../shared/data" / name
        if not folder.is_dir():
            pytest.skip(f"needs the real recordings in ../shared/data/{name}")
        return folder.resolve()

    return find
