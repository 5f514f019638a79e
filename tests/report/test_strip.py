"""The strip of codes: each span at its frames, equal codes in one shade, values for the play head."""

import re

import numpy as np
import pytest

from vqspeech.errors import InputError
from vqspeech.report import Clip, CodeStrip, PlayerRow, Report, Section, write_report
from vqspeech.report.strip import BOOKS, draw_strip, shade


def spans(drawn):
    """(book, start, stop) -> colour of every span."""
    found = {}
    for colour, path in drawn.paths:
        for start, book, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path):
            found[int(book), int(start), int(start) + int(length)] = colour
    return found


def test_each_frame_is_covered_once_and_equal_neighbours_join():
    drawn = draw_strip(CodeStrip.of(np.array([[5, 5, 7, 5], [1, 2, 2, 2]]), 3.5))
    assert spans(drawn) == {
        (0, 0, 2): shade(5), (0, 2, 3): shade(7), (0, 3, 4): shade(5), (1, 0, 1): shade(1), (1, 1, 4): shade(2),
    }  # fmt: skip
    assert (drawn.frames, drawn.rows, drawn.values) == (3.5, 2, "5 5 7 5,1 2 2 2")


def test_more_codebooks_than_fit_are_counted_in_words():
    drawn = draw_strip(CodeStrip.of([[book, book] for book in range(BOOKS + 2)]))
    assert drawn.rows == BOOKS
    assert f"{BOOKS + 2} codebooks" in drawn.summary
    assert drawn.frames == 2.0


def test_codes_are_told_apart_by_many_shades():
    assert len({shade(code) for code in range(512)}) >= 100
    assert shade(0) == "#e0aeae"


def test_the_page_has_the_strip_below_the_player_of_its_sound(tmp_path, tone):
    clip = Clip(label="original", audio=tone(tmp_path / "a.wav"), codes=CodeStrip.of([[3, 3, 4]], 2.5))
    report = Report(title="t", sections=(Section(title="s", players=(PlayerRow(title="p225", clips=(clip,)),)),))
    page = write_report(tmp_path / "report", report).read_text()
    assert 'viewBox="0 0 2.5 1"' in page
    assert 'data-codes="3 3 4"' in page
    assert "Codes of p225, original: 3 codes, 2 of them different" in page


@pytest.mark.parametrize(("codes", "frames"), [([[1, 2], [1]], 2), ([[1, 2]], 0), ([], 1)])
def test_rows_of_other_lengths_and_no_duration_are_refused(codes, frames):
    with pytest.raises(InputError, match="strip of codes"):
        CodeStrip.of(codes, frames)
