"""Sections as JSON values come back as they were, with their files in the folder."""

from __future__ import annotations

import json

import pytest

from vqspeech.analysis.figures.charts import codebook_usage
from vqspeech.errors import InputError
from vqspeech.report import Clip, CodeStrip, Picture, PlayerRow, Section, Table
from vqspeech.report.data import section_from_data, section_to_data


def test_a_section_survives_json(tmp_path):
    folder, elsewhere = tmp_path / "run", tmp_path / "sound.wav"
    elsewhere.write_bytes(b"sound")
    folder.mkdir()
    (folder / "here.png").write_bytes(b"image")
    section = Section(
        title="Codes",
        text="one\n\ntwo",
        tables=(Table(columns=("a", "b"), rows=(("x", 1.5), ("y", None)), caption="c", emphasis=1),),
        figures=(Picture(source=codebook_usage([3, 1]), caption="c", alt="a"), Picture(source=folder / "here.png")),
        players=(
            PlayerRow(
                title="u",
                text="t",
                clips=(
                    Clip(label="l", audio=elsewhere, measures=(("F0", "1 Hz"),), codes=CodeStrip.of([[1, 2]], 1.5)),
                ),
            ),
        ),
    )
    data = json.loads(json.dumps(section_to_data(section, folder)))
    elsewhere.unlink()
    moved = folder.rename(tmp_path / "moved")
    back = section_from_data(data, moved)
    assert (back.title, back.text, back.tables) == (section.title, section.text, section.tables)
    drawn, here = back.figures
    assert drawn.source.read_bytes().startswith(b"\x89PNG")
    assert (drawn.caption, drawn.alt) == ("c", "a")
    assert here.source == moved / "here.png"
    (clip,) = back.players[0].clips
    assert clip.audio.read_bytes() == b"sound"
    assert clip.measures == (("F0", "1 Hz"),)
    assert clip.spectrogram is None
    assert clip.codes == CodeStrip.of([[1, 2]], 1.5)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"gone\.png"):
        section_to_data(Section(title="s", figures=(Picture(source=tmp_path / "gone.png"),)), tmp_path / "run")
