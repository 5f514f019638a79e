"""A headless Chromium with a fake microphone, and axe-core; tests skip with a reason where either is absent."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from vqspeech import audio

MISSING = "needs the extra `browser` (playwright, axe-core): pip install -e '.[browser]'"
NO_BROWSER = "needs Chromium: apt-get install chromium, or name one in VQSPEECH_CHROMIUM"
SPOKEN_S = 2.0


def find_chromium() -> str | None:
    """Return the browser to test with."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("VQSPEECH_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="package")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake microphone hears, again and again: tones that rise."""
    time = np.arange(round(48000 * SPOKEN_S)) / 48000
    path = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    audio.write(path, 0.3 * np.sin(2 * np.pi * (150 + 40 * time) * time), 48000)
    return path


@pytest.fixture(scope="package")
def browser(microphone: Path):
    """One Chromium for all tests of this folder; Playwright's event loop ends with it."""
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
    """

    def __init__(self, page) -> None:
        self.page = page
        self.faults: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.set_default_timeout(10_000)


@pytest.fixture
def open_page(browser):
    """Opens addresses, each in a context of its own with the given options; no page may log an error."""
    opened = []

    def open_one(address: str, **options) -> Watched:
        context = browser.new_context(**options)
        watched = Watched(context.new_page())
        opened.append((context, watched))
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
