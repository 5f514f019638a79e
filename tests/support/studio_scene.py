"""What a user does with the page of a studio, by roles and names of its controls."""

import io
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile

from vqspeech.studio import models
from vqspeech.studio.models import StudioModels
from vqspeech.studio.server import StudioServer
from vqspeech.studio.work import Studio
from vqspeech.training.codes import LoadedPrior

PATIENCE_S = 15.0


@contextmanager
def serving(*runs: Path, priors: Sequence[LoadedPrior] = ()) -> Iterator[StudioServer]:
    """Serve a studio without sounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "load_prior", lambda place: priors[int(place)])
        made = StudioModels([str(run) for run in runs], [str(place) for place in range(len(priors))])
    with Studio(made, most_s=10) as studio, StudioServer(studio) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Scene:
    """A studio in a browser.

    Parameters
    ----------
    watched : the opened page
    """

    def __init__(self, watched) -> None:
        self.watched, self.page = watched, watched.page
        self.host = watched.page.url.split("/")[2]
        self.wait("studio.models.length > 0")

    def wait(self, condition: str) -> None:
        """Wait until an expression of the page is true.

        The page's policy forbids Playwright's own `wait_for_function`, which evaluates in the page.
        """
        until = time.monotonic() + PATIENCE_S
        while not self.page.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < until, f"not true within {PATIENCE_S} s: {condition}"
            self.page.wait_for_timeout(30)

    def button(self, name: str):
        return self.page.get_by_role("button", name=name, exact=True)

    def number(self, name: str):
        return self.page.get_by_role("spinbutton", name=name, exact=True)

    def choose(self, content: bytes, name: str = "a.wav") -> None:
        """Choose a file, as with the button of the file."""
        self.page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": content})

    def take(self, content: bytes, name: str = "a.wav") -> None:
        """Choose a file, and wait until it is ready."""
        self.choose(content, name)
        self.said(f"{name} is ready")

    def convert(self, **chosen: str) -> None:
        """Choose from lists by their labels, press Convert, and wait for the end."""
        for label, value in chosen.items():
            self.page.get_by_role("combobox", name=label.capitalize()).select_option(value)
        self.button("Convert").click()
        self.said("is done.")

    def said(self, text: str) -> None:
        """Wait for a text of the status line."""
        self.page.get_by_role("status").filter(has_text=text).wait_for()

    def alarm(self) -> str:
        """Wait for an error; return it."""
        shown = self.page.get_by_role("alert")
        shown.wait_for()
        return shown.inner_text()

    def rows(self, kind: str):
        """The sounds of a kind: recording, conversion, edit or sample."""
        return self.page.locator(f".clip-row[data-kind={kind}]")

    def sound(self, row):
        """Return samples and rate of what a row's link downloads, and the name of the file."""
        with self.page.expect_download() as download:
            row.get_by_role("link").click()
        name = download.value.suggested_filename
        return *soundfile.read(io.BytesIO(download.value.path().read_bytes()), dtype="float32"), name
