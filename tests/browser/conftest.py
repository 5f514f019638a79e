"""A headless Chromium with a fake microphone, and axe-core; tests skip with a reason where either is absent."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from live_model import build_run
from studio_page import wav
from studio_scene import Scene, serving
from tiny import save_codec
from voiced import speech

from vqspeech import audio

MISSING = "needs the extra `browser` (playwright, axe-core): pip install -e '.[browser]'"
NO_BROWSER = "needs Chromium: apt-get install chromium, or name one in VQSPEECH_CHROMIUM"
SPOKEN_S = 2.0


def find_chromium() -> str | None:
    """Return the browser to test with."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("VQSPEECH_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake microphone hears, again and again: tones that rise."""
    time = np.arange(round(48000 * SPOKEN_S)) / 48000
    path = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    audio.write(path, 0.3 * np.sin(2 * np.pi * (150 + 40 * time) * time), 48000)
    return path


@pytest.fixture(scope="module")
def browser(microphone: Path):
    """One Chromium for a file of tests; later files may start event loops of their own."""
    playwright = pytest.importorskip("playwright.sync_api", reason=MISSING)
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(NO_BROWSER)
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=chromium,
            args=[
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}",
                "--autoplay-policy=no-user-gesture-required",
                "--no-sandbox",
            ],
        )
        yield opened
        opened.close()


class Watched:
    """A page that keeps what went wrong in it.

    Parameters
    ----------
    page : page of Playwright

    Attributes
    ----------
    faults : errors of its scripts and of the console
    refusals : whether the server's refusals, which the console lists too, are none
    requests : addresses that it asked for
    """

    def __init__(self, page) -> None:
        self.page = page
        self.faults: list[str] = []
        self.refusals = False
        self.requests: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.set_default_timeout(15_000)

    def _note(self, message) -> None:
        """Keep an error; Chromium logs every refusal of the server, which some tests ask for."""
        refused = self.refusals and message.text.startswith("Failed to load resource")
        if message.type == "error" and not refused:
            self.faults.append(message.text)


@pytest.fixture
def open_page(browser):
    """Opens addresses, each in a context of its own with the given options; no page may log an error."""
    opened = []

    def open_one(address: str, script: str = "", **options) -> Watched:
        context = browser.new_context(**options)
        watched = Watched(context.new_page())
        opened.append((context, watched))
        if script:
            watched.page.add_init_script(script)
        watched.page.goto(address)
        return watched

    yield open_one
    for context, _ in opened:
        context.close()
    assert [fault for _, watched in opened for fault in watched.faults] == []


@pytest.fixture
def findings(browser):
    """Returns the serious findings of axe-core in a page, each as one line."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=MISSING).Axe()

    def find(page) -> list[str]:
        return [
            f"{one['id']} ({one['impact']}): {node['html'][:200]}"
            for one in axe.run(page).response["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    return find


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Models that were never trained: one that takes pitch, one that samples."""
    folder = tmp_path_factory.mktemp("studio")
    save_codec(folder / "wavenet")
    return build_run(folder / "harmonic"), folder / "wavenet"


@pytest.fixture(scope="session")
def recording() -> bytes:
    """A recording of a voice, 1.1 s."""
    return wav(0.5 * speech(1.1))


@pytest.fixture
def studio(runs):
    """A studio without sounds, and its server."""
    with serving(*runs) as server:
        yield server


@pytest.fixture
def open_studio(studio, open_page):
    """Opens the page of the studio."""

    def open_one(**options) -> Scene:
        return Scene(open_page(studio.url, **{"viewport": {"width": 1280, "height": 1400}, **options}))

    return open_one
