"""Strips and animations hold the frames, and are known as those of vqspeech."""

import numpy as np
import pytest
from PIL import Image
from vqspeech_video.films import BORDER, GENERATED, GIVEN, HELD_FRAMES, bordered, save_animation, save_film, save_strips

from vqspeech.codec.to_files import require_replaceable
from vqspeech.errors import InputError

CLIP = np.arange(4, dtype=np.uint8).repeat(8 * 8 * 3).reshape(4, 8, 8, 3) * 40


def test_borders_tell_given_frames_from_generated_ones():
    found = bordered(CLIP, 2)
    assert found.shape == (4, 12, 12, 3)
    assert [tuple(frame[0, 0]) for frame in found] == [GIVEN, GIVEN, GENERATED, GENERATED]
    assert (found[:, BORDER:-BORDER, BORDER:-BORDER] == CLIP).all()
    assert bordered(CLIP[..., :1], 1).shape == (4, 12, 12, 3)


def test_strips_have_a_row_for_each_clip(tmp_path):
    with Image.open(save_strips([CLIP, CLIP], 2, tmp_path / "strips.png")) as picture:
        assert picture.width > 4 * 12 and picture.width > 1.5 * picture.height


def test_an_animation_has_all_frames_and_replaces_only_its_own(tmp_path):
    path = save_animation([CLIP, CLIP[::-1]], 2, tmp_path / "film.webp", least_side=16)
    with Image.open(path) as film:
        assert film.n_frames == 4 and film.size == (48, 24)
        film.seek(3)
        shown = np.asarray(film.convert("RGB"))
    assert abs(int(shown[12, 12, 0]) - 120) < 12 and shown[12, 36, 0] < 12
    require_replaceable(path)
    Image.new("RGB", (4, 4)).save(tmp_path / "users.webp")
    with pytest.raises(InputError, match="not written by vqspeech"):
        require_replaceable(tmp_path / "users.webp")


def test_a_film_has_all_frames_and_the_last_one_longer(tmp_path):
    av = pytest.importorskip("av")
    path = save_film([CLIP, CLIP[::-1]], 2, tmp_path / "film.mp4", least_side=15)
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 4 + HELD_FRAMES - 1 and frames[0].shape == (24, 48, 3)
    assert abs(int(frames[3][12, 12, 0]) - 120) < 16 and frames[3][12, 36, 0] < 16
