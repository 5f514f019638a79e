"""Which files of a run are removed with it: those of its kinds, no others."""

import pytest

from vqspeech.runs.made import is_made


@pytest.mark.parametrize("name", ["pictures/strips-0.png", "pictures/clip-0.webp", "pictures/a/clip.mp4"])
def test_pictures_and_films_of_a_run_are_its_own(tmp_path, name):
    assert is_made(tmp_path / name, name)


@pytest.mark.parametrize("name", ["clip-0.webp", "pictures/notes.txt", "store/clip.webp"])
def test_other_files_are_not(tmp_path, name):
    assert not is_made(tmp_path / name, name)
