"""The studio in Chromium: record, choose, convert, play, edit, compare; by keyboard, on a telephone, dark."""

import numpy as np
import pytest
from studio_page import wav
from studio_prior import a_prior
from studio_scene import Scene, serving
from voiced import speech

from vqspeech.codec.load import load_speech
from vqspeech.conversion import convert_file
from vqspeech.studio import work

TELEPHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
WIDE = {"viewport": {"width": 1280, "height": 1400}}
LOOKS = {"wide": WIDE, "telephone": TELEPHONE, "dark": {**WIDE, "color_scheme": "dark"}}


@pytest.mark.parametrize("look", LOOKS)
def test_every_part_is_accessible_and_nothing_comes_from_elsewhere(open_studio, recording, findings, look):
    scene = open_studio(**LOOKS[look])
    assert findings(scene.page) == []
    scene.take(recording)
    scene.convert(voice="p226")
    assert findings(scene.page) == []
    width = scene.page.viewport_size["width"]
    assert scene.page.evaluate("document.documentElement.scrollWidth") == width
    assert {url.split("/")[2] for url in scene.watched.requests if url.startswith("http")} == {scene.host}
    assert all(url.startswith(("http:", "blob:", "data:")) for url in scene.watched.requests)


def test_the_microphone_is_recorded_and_converted(open_studio):
    scene = open_studio()
    scene.button("Record").click()
    scene.wait("recorder && recorder.seconds > 1.2")
    assert scene.page.get_by_label("Level of the microphone").is_visible()
    scene.button("Stop").click()
    scene.said("is ready")
    samples, rate, name = scene.sound(scene.rows("recording"))
    assert name.startswith("recording-")
    assert len(samples) / rate > 1.1
    # The microphone's tones are of 0.3; nothing amplified or suppressed them.
    assert np.abs(samples[rate // 2 :]).max() == pytest.approx(0.3, abs=0.05)
    scene.convert(voice="p226")
    made, made_rate, _ = scene.sound(scene.rows("conversion"))
    assert len(made) / made_rate == pytest.approx(len(samples) / rate, abs=0.001)


def test_a_conversion_is_heard_at_once_and_only_one_sound_plays(open_studio, recording):
    scene = open_studio()
    scene.take(recording)
    scene.convert()
    scene.wait("document.querySelector('[data-kind=conversion] audio').currentTime > 0")
    scene.rows("recording").locator(".picture").click(position={"x": 5, "y": 20})
    scene.wait("document.querySelector('[data-kind=recording] audio').currentTime > 0.05")
    assert scene.rows("conversion").locator("audio").evaluate("sound => sound.paused")
    assert scene.page.evaluate("parseFloat($('playhead').style.left)") > 0


def test_what_is_downloaded_is_the_conversion_of_the_command_line(open_studio, recording, runs, tmp_path):
    scene = open_studio()
    scene.take(recording, "spoken.wav")
    scene.convert(voice="p226")
    made, _, name = scene.sound(scene.rows("conversion"))
    (tmp_path / "spoken.wav").write_bytes(recording)
    speech = convert_file(runs[0], tmp_path / "spoken.wav", "p226", tmp_path / "made.wav")
    assert name == "spoken-p226.wav"
    assert made == pytest.approx(speech.waveforms[0], abs=1.1 / 32768)


def test_the_keyboard_alone_records_converts_edits_and_deletes(open_studio):
    scene = open_studio()
    keyboard = scene.page.keyboard
    focused = "document.activeElement.id || document.activeElement.getAttribute('aria-label')"

    def go_to(name):
        for _ in range(60):
            keyboard.press("Tab")
            if scene.page.evaluate(focused) == name:
                return
        raise AssertionError(f"the key Tab does not reach {name}")

    go_to("record")
    keyboard.press("Enter")
    scene.wait("recorder && recorder.seconds > 0.6")
    keyboard.press("Enter")
    scene.said("is ready")
    go_to("speaker")
    keyboard.press("ArrowDown")
    go_to("convert")
    keyboard.press("Enter")
    scene.said("is done.")
    go_to("strip")
    keyboard.press("ArrowRight")
    keyboard.press("Shift+ArrowRight")
    assert scene.number("From code").input_value() == "1"
    assert scene.number("to code").input_value() == "2"
    go_to("repeat")
    keyboard.press("Enter")
    go_to("hear")
    keyboard.press("Enter")
    scene.rows("edit").wait_for()
    go_to("forget")
    keyboard.press("Enter")
    scene.said("are deleted")
    assert not scene.page.locator("#listening").is_visible()


def test_edited_codes_are_heard_and_lengthen_the_time_axis(open_studio, recording):
    scene = open_studio()
    scene.take(recording)
    scene.convert()
    before, rate, _ = scene.sound(scene.rows("conversion"))
    for label, value in (("From code", "3"), ("to code", "12")):
        scene.number(label).fill(value)
        scene.number(label).press("Tab")
    scene.number("Times").fill("2")
    scene.button("Repeat").click()
    scene.number("Code").fill("7")
    scene.button("Replace").click()
    assert "7 7 7" in scene.page.locator("#selection").inner_text()
    scene.button("Hear the edited codes").click()
    scene.rows("edit").wait_for()
    after, _, _ = scene.sound(scene.rows("edit"))
    assert (len(after) - len(before)) / rate == pytest.approx(20 * 320 / 16000, abs=0.001)
    short, long = (scene.rows(kind).locator(".picture").bounding_box()["width"] for kind in ("conversion", "edit"))
    assert short / long == pytest.approx(len(before) / len(after), abs=0.01)
    scene.number("Code").fill("9999")
    scene.button("Replace").click()
    assert "0 to 15" in scene.alarm()
    scene.button("Undo").click()
    scene.button("Undo").click()
    assert scene.button("Hear the edited codes").is_disabled()


def test_decoders_are_compared_on_one_time_axis(open_studio, recording):
    scene = open_studio()
    scene.take(recording)
    scene.button("Compare all models").click()
    scene.wait("document.querySelectorAll('[data-kind=conversion]').length === 2")
    boxes = [row.bounding_box() for row in scene.page.locator(".clip-row .picture").all()]
    assert len({round(box["x"]) for box in boxes}) == 1
    assert max(box["width"] for box in boxes) - min(box["width"] for box in boxes) < 3


def test_a_voice_is_added_from_recordings_and_used(open_studio, recording, monkeypatch):
    monkeypatch.setattr(work, "STEPS", 2)
    scene = open_studio()
    scene.take(wav(speech(8.0)), "me.wav")
    assert scene.button("Add the voice").is_disabled()
    scene.page.get_by_role("checkbox", name="me, 8.00 s").check()
    scene.page.get_by_role("textbox", name="Name of the voice").fill("me")
    scene.button("Add the voice").click()
    scene.said("voice me of harmonic is done.")
    scene.take(recording)
    scene.convert(model="harmonic+me", voice="me")
    assert "me by harmonic+me" in scene.rows("conversion").inner_text()


def test_a_prior_is_sampled_and_its_codes_are_edited(open_page, runs, findings):
    with serving(*runs, priors=[a_prior(load_speech(runs[0]))]) as served:
        scene = Scene(open_page(served.url, **WIDE))
        scene.number("Seconds").fill("1.5")
        scene.button("Sample").click()
        scene.rows("sample").wait_for()
        assert findings(scene.page) == []
        before, rate, _ = scene.sound(scene.rows("sample"))
        assert len(before) == 1.5 * rate
        scene.button("Delete").click()
        scene.button("Hear the edited codes").click()
        scene.rows("edit").wait_for()
        assert len(before) - len(scene.sound(scene.rows("edit"))[0]) == 320


def test_a_file_is_dropped_anywhere_on_the_page(open_studio, recording):
    scene = open_studio()
    scene.page.evaluate(
        """bytes => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "dropped.wav"));
          for (const name of ["dragenter", "dragover", "drop"]) {
            document.body.dispatchEvent(new DragEvent(name, {bubbles: true, cancelable: true, dataTransfer: data}));
          }
        }""",
        list(recording),
    )
    scene.said("dropped.wav is ready")


def test_the_time_axis_is_zoomed_and_scrolled(open_studio, recording):
    scene = open_studio(**TELEPHONE)
    scene.take(recording)
    before = scene.rows("recording").locator(".picture").bounding_box()["width"]
    scene.button("Zoom in").click()
    assert scene.rows("recording").locator(".picture").bounding_box()["width"] == pytest.approx(2 * before, abs=2)
    scene.page.get_by_role("region", name="Spectrograms and codes on one time axis").focus()
    scene.page.keyboard.press("ArrowRight")
    scene.wait("document.activeElement.scrollLeft > 0")
    scene.button("Zoom out").click()
    assert scene.button("Zoom out").is_disabled()
