"""Colours of the page: text is readable in light and in dark (WCAG 2.1, contrast of at least 4.5)."""

import re
from importlib.resources import files

import pytest

STYLE = files("vqspeech.report").joinpath("style.css").read_text()
PAIRS = [
    ("ink", "page"), ("muted", "page"), ("accent", "page"), ("ink", "card"), ("muted", "card"), ("ink", "tint"),
    ("muted", "code"), ("ink", "code"), ("alarm", "alarm-page"),
]  # fmt: skip


def palette(dark):
    first, second = re.findall(r":root \{([^}]*)\}", STYLE)
    values = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", first))
    return values | (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", second)) if dark else {})


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_has_contrast(text, ground, dark):
    colours = palette(dark)
    lighter, darker = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_paper_is_always_light():
    dark = re.findall(r"@media ([^{]*prefers-color-scheme: dark[^{]*)\{", STYLE)
    assert dark == ["screen and (prefers-color-scheme: dark) "]
