"""A model that was never trained."""

import pytest
from tiny import codec


@pytest.fixture
def checkpoint():
    return codec()
