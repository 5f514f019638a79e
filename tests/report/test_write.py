from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqspeech.analysis.figures.charts import codebook_usage
from vqspeech.analysis.figures.spectrograms import spectrogram_strip
from vqspeech.errors import InputError
from vqspeech.report import (
    Clip,
    Headline,
    Picture,
    PlayerRow,
    Report,
    Section,
    Table,
    write_report,
)
from vqspeech.report.page import columns_for, format_cell

BUZZ = np.sin(np.arange(3200) / 10).astype(np.float32)
NASTY = '<script>alert("x")</script> & $title ${x}'


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "p225 001.wav"
    path.parent.mkdir()
    soundfile.write(path, BUZZ, 16000)
    return path


def full_report(sound: Path, text: str = "text") -> Report:
    clip = Clip(
        label=text,
        audio=sound,
        speaker=text,
        spectrogram=spectrogram_strip(BUZZ, 16000),
        measures=((text, text),),
    )
    return Report(
        title=text,
        subtitle=text,
        warning=text,
        facts=((text, text),),
        headlines=(Headline(name=text, value=text, unit=text, comparison=text, explanation=text),),
        sections=(
            Section(
                title=text,
                text=text,
                tables=(Table(columns=(text, "value"), rows=((text, 1.5),), caption=text, emphasis=0),),
                figures=(Picture(source=codebook_usage([3, 2, 1]), caption=text, alt=text),),
                players=(PlayerRow(title=text, text=text, clips=(clip,)),),
            ),
        ),
        command=text,
        versions={text: text},
    )


class Page(HTMLParser):
    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_folder_holds_all_that_the_page_shows_and_asks_no_network(sound: Path, tmp_path: Path) -> None:
    path = write_report(tmp_path / "report", full_report(sound))
    sound.unlink()
    page = Page(path)
    files = [link for link in page.links if not link.startswith("#")]
    assert len(files) == 3
    assert all((path.parent / link).is_file() for link in files)
    assert not re.search(r"https?:|//cdn|@import|url\(", path.read_text(encoding="utf-8"))
    assert page.open == []
    assert "audio" in page.tags


def test_text_is_escaped_everywhere(sound: Path, tmp_path: Path) -> None:
    path = write_report(tmp_path / "report", full_report(sound, NASTY))
    page = Page(path)
    assert page.tags.count("script") == 1
    assert page.text.count(NASTY) >= 20
    assert page.open == []


def test_a_warning_is_an_alert(sound: Path, tmp_path: Path) -> None:
    html = write_report(tmp_path / "report", full_report(sound, "SYNTHETIC")).read_text(encoding="utf-8")
    assert '<div class="warning" role="alert">SYNTHETIC</div>' in html


def test_the_bare_report_is_a_page(tmp_path: Path) -> None:
    assert "<h1>Nothing yet</h1>" in write_report(tmp_path / "a" / "b", Report(title="Nothing yet")).read_text()


def test_numbers_stand_flush_right_and_words_do_not(tmp_path: Path) -> None:
    table = Table(columns=("codes", "accuracy", "frames"), rows=(("learned", "49.3 %", 6232), ("random", None, 6232)))
    html = write_report(tmp_path / "r", Report(title="t", sections=(Section(title="s", tables=(table,)),))).read_text()
    assert '<td>learned</td><td class="number">49.3 %</td><td class="number">6,232</td>' in html
    assert '<td class="number">–</td>' in html


def test_numbers_with_intervals_stand_flush_right(tmp_path: Path) -> None:
    cells = ("0.11 (-0.04 to 0.20)", "12 (of 20)")
    table = Table(columns=("WER", "clips"), rows=(cells,))
    html = write_report(tmp_path / "r", Report(title="t", sections=(Section(title="s", tables=(table,)),))).read_text()
    assert f'<td class="number">{cells[0]}</td><td>{cells[1]}</td>' in html


def test_a_new_report_replaces_the_old_one_and_may_show_its_files(sound: Path, tmp_path: Path) -> None:
    directory = tmp_path / "report"
    write_report(directory, full_report(sound))
    kept = next((directory / "audio").iterdir())
    page = write_report(directory, Report(title="second", sections=(full_report(kept).sections)))
    assert "<h1>second</h1>" in page.read_text()
    assert kept.is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "source"]


def test_a_missing_file_is_named_and_the_old_report_stays(sound: Path, tmp_path: Path) -> None:
    page = write_report(tmp_path / "report", Report(title="old"))
    sound.unlink()
    with pytest.raises(InputError, match=r"p225 001\.wav"):
        write_report(tmp_path / "report", full_report(sound))
    assert "<h1>old</h1>" in page.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "source"]


def test_a_folder_that_is_no_report_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "index.html").write_text("mine")
    with pytest.raises(InputError, match="would be lost"):
        write_report(tmp_path / "thesis", Report(title="t"))
    assert (tmp_path / "thesis" / "index.html").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match=r"cannot write a report at .*choose another folder"):
        write_report(tmp_path / "file" / "report", Report(title="t"))


def test_files_of_the_same_name_do_not_overwrite_each_other(sound: Path, tmp_path: Path) -> None:
    other = tmp_path / "source" / "other" / sound.name
    other.parent.mkdir()
    other.write_bytes(b"other")
    clips = tuple(Clip(label="x", audio=path) for path in (sound, other, sound))
    report = Report(title="t", sections=(Section(title="s", players=(PlayerRow(title="u", clips=clips),)),))
    write_report(tmp_path / "report", report)
    assert sorted(path.name for path in (tmp_path / "report" / "audio").iterdir()) == ["p225-001-1.wav", "p225-001.wav"]


def test_a_film_has_a_player_and_keeps_its_name(tmp_path: Path) -> None:
    film = tmp_path / "walk.mp4"
    film.write_bytes(b"film")
    section = Section(title="s", figures=(Picture(source=film, alt='"a walk"'),))
    page = Page(write_report(tmp_path / "r", Report(title="t", sections=(section,))))
    assert page.tags.count("video") == 1
    assert "img" not in page.tags
    assert "figures/walk.mp4" in page.links


def test_players_fill_their_rows() -> None:
    assert [columns_for(clips) for clips in range(1, 10)] == [1, 2, 3, 4, 3, 3, 4, 4, 3]


def test_a_table_with_a_short_row_is_refused() -> None:
    with pytest.raises(InputError, match="row of 1 cells"):
        Table(columns=("a", "b"), rows=(("x",),))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "–"),
        (6232, "6,232"),
        (0.4931, "0.493"),
        (49.31, "49.31"),
        (117.2, "117.2"),
        (1e-5, "1e-05"),
        ("p226", "p226"),
    ],
)
def test_cells_are_written_for_readers(cell: object, text: str) -> None:
    assert format_cell(cell) == text  # type: ignore[arg-type]
