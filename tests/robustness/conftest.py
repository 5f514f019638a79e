"""A run for the tests of a module."""

import pytest
from tiny import save_codec


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    save_codec(path)
    return path
