"""A studio with two models that were never trained."""

from __future__ import annotations

import threading

import pytest
from live_model import build_run
from studio_page import Page, wav
from tiny import save_codec
from voiced import speech

from vqspeech.studio.models import StudioModels
from vqspeech.studio.server import StudioServer
from vqspeech.studio.work import Studio


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    save_codec(folder / "wavenet")
    return build_run(folder / "harmonic"), folder / "wavenet"


@pytest.fixture(scope="session")
def recording():
    return wav(0.5 * speech(1.1))


@pytest.fixture(scope="module")
def server(runs):
    with Studio(StudioModels([str(run) for run in runs]), most_s=10) as studio, StudioServer(studio) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def page(server):
    return Page(server)
