"""A report in Chromium, opened from disk: wide, on a telephone, dark, printed, with the keyboard."""

import pytest
from sample_report import CODES, write_sample

TELEPHONE = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 900}
LOOKS = {
    "wide": {"viewport": WIDE},
    "telephone": {"viewport": TELEPHONE, "has_touch": True, "is_mobile": True},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample")).as_uri()


@pytest.mark.parametrize("look", LOOKS)
def test_it_opens_from_disk_without_faults_and_is_accessible(address, open_page, findings, look):
    watched = open_page(address, **LOOKS[look])
    watched.page.wait_for_load_state("networkidle")
    assert all(url.startswith("file:") for url in watched.requests)
    assert findings(watched.page) == []


def test_on_a_telephone_only_tables_scroll_and_the_keyboard_reaches_them(address, open_page):
    page = open_page(address, **LOOKS["telephone"]).page
    assert page.evaluate("document.documentElement.scrollWidth") == TELEPHONE["width"]
    region = page.get_by_role("group", name="Judged speech")
    region.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")


def test_the_strip_of_codes_is_on_the_time_axis_of_the_spectrogram(address, open_page):
    page = open_page(address, viewport=WIDE).page
    clip = page.locator(".clip").first
    picture, strip = clip.locator(".strip").bounding_box(), clip.locator(".codes svg").bounding_box()
    assert (picture["x"], picture["width"]) == (strip["x"], strip["width"])
    assert strip["y"] == pytest.approx(picture["y"] + picture["height"], abs=1)
    frames = page.evaluate("document.querySelector('.codes svg').viewBox.baseVal.width")
    assert frames == 37.5
    clip.locator(".codes svg").hover(position={"x": strip["width"] * 10.5 / frames, "y": 5})
    assert clip.locator(".codes p").inner_text() == f"code {CODES[10]} in frame 10"
    page.mouse.move(0, 0)
    assert clip.locator(".codes p").inner_text().startswith("38 codes")


def test_a_click_on_a_strip_plays_from_there_and_stops_other_players(address, open_page):
    page = open_page(address, viewport=WIDE).page
    first, second = page.locator(".clip").all()
    box = first.locator(".strip").bounding_box()
    first.locator(".strip").click(position={"x": box["width"] / 2, "y": 20})
    page.wait_for_function("document.querySelectorAll('audio')[0].currentTime > 0.74")
    assert first.locator(".strip i").evaluate("head => parseFloat(head.style.left)") >= 49
    second.locator(".codes svg").click(position={"x": 2, "y": 5})
    page.wait_for_function("document.querySelectorAll('audio')[1].currentTime > 0.05")
    assert first.locator("audio").evaluate("sound => sound.paused")
    page.wait_for_function("document.querySelectorAll('audio')[1].ended")
    assert second.get_attribute("class") == "clip"


def test_the_keyboard_alone_plays(address, open_page):
    page = open_page(address, viewport=WIDE).page
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "AUDIO":
            break
    page.keyboard.press("Space")
    page.wait_for_function("!document.activeElement.paused && document.activeElement.currentTime > 0")


def test_it_prints_light_on_whole_pages_without_players(address, open_page):
    page = open_page(address, color_scheme="dark", viewport={"width": 680, "height": 900}).page
    page.emulate_media(media="print", color_scheme="dark")
    style = "name => getComputedStyle(document.querySelector(name))"
    assert page.evaluate(f"({style})('h1').color") == "rgb(31, 41, 51)"
    assert page.evaluate(f"({style})('audio').display") == "none"
    used, given = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert used <= given
    assert page.pdf(format="A4").startswith(b"%PDF")
