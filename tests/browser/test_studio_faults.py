"""What goes wrong in a studio: unusable files, microphones, tabs, runs, pages of others; the page says what to do."""

import shutil
import urllib.error
import urllib.request

import numpy as np
import pytest
from studio_page import wav
from studio_scene import Scene, serving

from vqspeech.studio import jobs, server
from vqspeech.studio.wishes import Wish

SECOND = np.zeros(16000, np.float32)
NO_MICROPHONE = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', '%s'); };"


@pytest.fixture
def paused(monkeypatch):
    """Makes speaking wait, with progress, until it is told to go on."""
    speak, state = Wish.speak, {"go": False, "spoken": 0}

    def wait(wish, encoded, key, task, **options):
        done = 0
        while not state["go"]:
            done = min(done + 1, 99)
            task.report(done, 100, "speaking")
            jobs.time.sleep(0.02)
        state["spoken"] += 1
        return speak(wish, encoded, key, task, **options)

    monkeypatch.setattr(Wish, "speak", wait)
    yield state
    state["go"] = True


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"These are words, no sound. " * 50, "words.wav", "words.wav"),
        (b"", "empty.wav", "empty.wav is empty"),
        (wav(SECOND), "silent.wav", "no sound"),
        (wav(np.tile(0.1 * np.sin(np.arange(16000) / 9), 11)), "long.wav", "longer than 10 s"),
    ],
    ids=["text", "empty", "silent", "long"],
)
def test_an_unusable_file_is_named_and_the_next_one_is_taken(open_studio, recording, content, name, words):
    scene = open_studio()
    scene.watched.refusals = True
    scene.choose(content, name)
    assert words in scene.alarm()
    assert scene.button("Convert").is_disabled()
    scene.take(recording)
    assert not scene.page.get_by_role("alert").is_visible()
    assert scene.button("Convert").is_enabled()


def test_a_file_that_is_too_large_is_not_sent(open_studio, monkeypatch):
    monkeypatch.setattr(server, "MOST_BYTES", 2 << 20)
    scene = open_studio()
    scene.choose(bytes(3 << 20), "film.wav")
    assert "film.wav has 3 MB; at most 2 MB" in scene.alarm()
    assert not any("/api/clips?" in url for url in scene.watched.requests)


def test_names_are_shown_as_text_without_their_folders(open_studio, recording):
    scene = open_studio()
    scene.page.evaluate(
        "([name, bytes]) => attempt(() => upload(new Blob([new Uint8Array(bytes)]), name))",
        ["../../etc/<img src=x onerror=alert(1)>.wav", list(recording)],
    )
    scene.rows("recording").wait_for()
    shown = scene.page.get_by_role("combobox", name="Recording").inner_text()
    assert shown.startswith("<img src=x onerror=alert(1)>")
    assert scene.page.locator("img[src=x]").count() == 0
    _, _, name = scene.sound(scene.rows("recording"))
    assert "/" not in name and ".." not in name


@pytest.mark.parametrize(
    ("error", "words"),
    [("NotFoundError", "No microphone was found"), ("NotAllowedError", "may not use"), ("NotReadableError", "opened")],
)
def test_without_a_microphone_files_remain(open_studio, recording, error, words):
    scene = open_studio(script=NO_MICROPHONE % error)
    scene.button("Record").click()
    assert words in scene.alarm()
    assert scene.button("Record").is_enabled()
    scene.take(recording)


def test_what_an_unplugged_microphone_recorded_is_kept(open_studio):
    scene = open_studio()
    scene.button("Record").click()
    scene.wait("recorder && recorder.seconds > 0.6")
    scene.page.evaluate("recorder.stream.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    assert "disconnected" in scene.alarm()
    scene.rows("recording").wait_for()
    assert scene.button("Record").is_visible()


def test_the_longest_recording_ends_by_itself(open_studio):
    scene = open_studio()
    scene.page.evaluate("studio.most_s = 0.7")
    scene.button("Record").click()
    assert "longest" in scene.alarm()
    scene.rows("recording").wait_for()


def test_a_job_shows_progress_and_is_cancelled(open_studio, recording, paused):
    scene = open_studio()
    scene.take(recording)
    scene.button("Convert").click()
    bar = scene.page.get_by_role("progressbar")
    bar.wait_for()
    scene.wait("document.querySelector('progress').value > 1")
    scene.page.get_by_role("button", name="Cancel").click()
    scene.said("was cancelled")
    assert not bar.is_visible()
    assert paused["spoken"] == 0
    paused["go"] = True
    scene.convert()


def test_the_job_of_a_closed_tab_ends(studio, open_studio, recording, paused, monkeypatch):
    monkeypatch.setattr(jobs, "ABANDONED_S", 0.5)
    scene = open_studio()
    scene.take(recording)
    scene.button("Convert").click()
    scene.page.get_by_role("progressbar").wait_for()
    scene.page.close()
    other = open_studio()
    paused["go"] = None
    until = jobs.time.monotonic() + 40
    while any(not job.ended for job in studio.studio.queue._jobs.values()):
        assert jobs.time.monotonic() < until
        other.page.wait_for_timeout(50)
    assert {job.state for job in studio.studio.queue._jobs.values()} == {"cancelled"}
    paused["go"] = True
    other.convert()


def test_two_tabs_take_turns(open_studio, recording, paused):
    first, second = open_studio(), open_studio()
    first.take(recording, "one.wav")
    second.take(recording, "two.wav")
    first.button("Convert").click()
    first.page.get_by_role("progressbar").wait_for()
    second.button("Convert").click()
    second.page.get_by_text("waits for 1 job").wait_for()
    paused["go"] = True
    first.said("one to p225")
    second.said("two to p225")
    assert first.rows("conversion").count() == second.rows("conversion").count() == 1


def test_a_run_that_is_deleted_meanwhile_still_converts(runs, tmp_path, recording, open_page):
    copy = shutil.copytree(runs[0], tmp_path / "run")
    with serving(copy) as served:
        scene = Scene(open_page(served.url))
        scene.take(recording)
        shutil.rmtree(copy)
        scene.convert()
        assert scene.rows("conversion").count() == 1


def test_a_reload_keeps_sounds_and_work(open_studio, recording, paused):
    scene = open_studio()
    scene.take(recording)
    scene.button("Convert").click()
    scene.page.get_by_role("progressbar").wait_for()
    scene.page.reload()
    scene.page.get_by_role("progressbar").wait_for()
    paused["go"] = True
    scene.said("is done.")
    assert (scene.rows("recording").count(), scene.rows("conversion").count()) == (1, 1)


def test_a_studio_that_ended_is_named(studio, open_studio, recording):
    scene = open_studio()
    scene.take(recording)
    scene.watched.refusals = True
    studio.shutdown()
    studio.server_close()
    scene.button("Convert").click()
    assert "does not answer" in scene.alarm()


def test_pages_of_other_sites_and_addresses_without_the_token_get_nothing(studio, open_page):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(studio.url.split("?")[0], timeout=10)
    watched = open_page("data:text/html,<title>another site</title>")
    reached = watched.page.evaluate(
        "url => fetch(url, {method: 'POST', mode: 'no-cors', body: 'x'}).then(a => a.type, e => 'refused')",
        studio.url.replace("/?", "/api/clips?name=a.wav&"),
    )
    assert reached in ("opaque", "refused")
    assert studio.studio.clips.plain() == []
    framed = "url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f); }"
    watched.page.evaluate(framed, studio.url)
    watched.page.wait_for_timeout(300)
    assert all(frame.locator("#record").count() == 0 for frame in watched.page.frames)
    # What the console of that site says is its own affair.
    watched.faults.clear()
