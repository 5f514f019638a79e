"""`vqspeech studio`."""

from __future__ import annotations

import re
import threading
import urllib.request

import pytest
from live_model import build_run
from typer.testing import CliRunner

from vqspeech.cli.main import app
from vqspeech.studio.server import StudioServer


def vqspeech(*words):
    return CliRunner().invoke(app, ["studio", *(str(word) for word in words)])


def test_the_command_prints_the_address_of_its_page(tmp_path, monkeypatch):
    pages = []

    def serve(server):
        # The connection waits until a request is handled.
        server.timeout = 10
        request = urllib.request.Request(server.url)
        asking = threading.Thread(target=lambda: pages.append(urllib.request.urlopen(request, timeout=10).read()))
        asking.start()
        server.handle_request()
        asking.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(StudioServer, "serve_forever", serve)
    done = vqspeech(build_run(tmp_path / "run"))
    assert done.exit_code == 0
    assert re.search(r"open http://127\.0\.0\.1:\d+/\?token=[\w-]{20,} in a browser", done.stdout)
    assert b"vqspeech studio" in pages[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("RUN", "--host", "192.0.2.1"), "192.0.2.1"),
        (("RUN", "--port", 70000), "--port"),
        (("RUN", "nothing"), "nothing"),
        (("RUN", "--out", __file__), "test_studio.py is a file"),
        (("RUN", "--prior", "RUN"), "is no prior"),
        (("RUN", "--longest", 0), "longest"),
    ],
)
def test_what_cannot_be_served_is_an_error(tmp_path, words, says):
    run = build_run(tmp_path / "run")
    done = vqspeech(*(run if word == "RUN" else word for word in words))
    assert done.exit_code == 2 and says in done.stderr
