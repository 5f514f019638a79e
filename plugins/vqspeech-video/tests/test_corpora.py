"""Corpora of clips: actions move the picture, clips keep their order, what cannot be used is said."""

import importlib.util

import numpy as np
import pytest
from PIL import Image
from vqspeech_video.corpora import folder, shapes, vizdoom
from vqspeech_video.evaluation.shift import horizontal_shift

from vqspeech.errors import ConfigError, CorpusError


def test_actions_move_the_world_and_equal_options_give_equal_clips():
    blocks = list(shapes.read(clips=12, clip_frames=8, size=24, seed=3).blocks())
    again = list(shapes.read(clips=12, clip_frames=8, size=24, seed=3).blocks())
    assert all(
        np.array_equal(a.pixels, b.pixels) and np.array_equal(a.labels, b.labels)
        for a, b in zip(blocks, again, strict=True)
    )
    for block in blocks:
        step = 24 // 8
        for now, then, action in zip(block.pixels[:-1], block.pixels[1:], block.labels[:-1], strict=True):
            moved = {
                0: (then[step:], now[:-step]),
                1: (then[:, step:], now[:, :-step]),
                2: (then[:, :-step], now[:, step:]),
            }
            assert np.array_equal(*moved[int(action)])
        assert block.labels[-1] == -1 and len(set(block.splits)) == 1
    lefts = np.concatenate([horizontal_shift(b.pixels[None])[0][b.labels[:-1] == 1] for b in blocks])
    assert np.median(lefts) == 24 // 8


def test_another_seed_is_another_world_and_more_clips_leave_the_first_as_they_are():
    first = next(shapes.read(clips=4, seed=0).blocks()).pixels
    assert not np.array_equal(first, next(shapes.read(clips=4, seed=1).blocks()).pixels)
    assert np.array_equal(first, next(shapes.read(clips=9, seed=0).blocks()).pixels)


@pytest.mark.parametrize("options", [{"clips": 1}, {"clip_frames": 1}, {"size": 4}, {"valid": 0.7, "test": 0.4}])
def test_options_out_of_range_are_named(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        shapes.read(**options)


def write_clip(path, frames, actions, *, images=False):
    path.mkdir(parents=True)
    (path / "actions.csv").write_text("\n".join(actions))
    if images:
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(path / f"{number:03}.png")
    else:
        np.save(path / "frames.npy", frames)


FRAMES = np.arange(4 * 6 * 5 * 3, dtype=np.uint8).reshape(4, 6, 5, 3)


def test_clips_of_arrays_and_of_images_are_read_alike(tmp_path):
    write_clip(tmp_path / "a", FRAMES, ["action", "jump", "run", "jump"])
    write_clip(tmp_path / "b" / "c", FRAMES, ["run", "run", "run", "jump"], images=True)
    corpus = folder.read(tmp_path)
    assert corpus.class_names == ("jump", "run") and corpus.shape == (6, 5, 3)
    first, second = corpus.blocks()
    assert first.labels.tolist() == [0, 1, 0, -1] and second.labels.tolist() == [1, 1, 1, -1]
    assert np.array_equal(first.pixels, FRAMES) and np.array_equal(second.pixels, FRAMES)


@pytest.mark.parametrize(
    ("frames", "actions", "said"),
    [
        (FRAMES, ["run"], "1 actions for 4 frames"),
        (FRAMES, ["run"] * 5, "5 actions for 4 frames"),
        (FRAMES[:, :3], ["run"] * 4, "one size"),
        (FRAMES.astype(np.float32), ["run"] * 4, "float32"),
        (FRAMES[0], ["run"] * 4, "actions for 6|no clip|actions"),
        (FRAMES[:1], ["run"], "at least 2 frames"),
        (FRAMES, ["run", "", "run", "jump"], "line 2: '' is no action"),
        (FRAMES, ["frame,action", "0,run", "1,run", "2,jump"], "line 1: 'frame,action' is no action"),
    ],
)
def test_clips_that_cannot_be_used_are_named(tmp_path, frames, actions, said):
    write_clip(tmp_path / "a", FRAMES, ["run"] * 4)
    write_clip(tmp_path / "b", frames, actions)
    with pytest.raises(CorpusError, match=said) as caught:
        folder.read(tmp_path)
    assert "b" in str(caught.value) and caught.value.exit_code == 2


def test_a_folder_without_clips_and_one_with_two_arrays(tmp_path):
    (tmp_path / "notes.txt").write_text("no clip")
    with pytest.raises(CorpusError, match=r"actions\.csv"):
        folder.read(tmp_path)
    for name in "ab":
        write_clip(tmp_path / name, FRAMES, ["run"] * 4)
    np.save(tmp_path / "a" / "more.npy", FRAMES)
    with pytest.raises(CorpusError, match=r"one \.npy"):
        folder.read(tmp_path)
    (tmp_path / "a" / "more.npy").unlink()
    (tmp_path / "a" / "actions.csv").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(CorpusError, match="cannot be read"):
        folder.read(tmp_path)


def test_blank_lines_at_the_end_of_actions_are_none(tmp_path):
    for name in "ab":
        write_clip(tmp_path / name, FRAMES, ["run", "jump", "run", "", ""])
    assert all(block.labels.tolist() == [1, 0, 1, -1] for block in folder.read(tmp_path).blocks())


def test_images_follow_each_other_by_their_numbers(tmp_path):
    frames = np.arange(12, dtype=np.uint8).repeat(4 * 4 * 3).reshape(12, 4, 4, 3)
    for name in "ab":
        write_clip(tmp_path / name, frames[:0], ["run"] * 12, images=True)
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(tmp_path / name / f"frame {number}.png")
    assert all(np.array_equal(block.pixels, frames) for block in folder.read(tmp_path).blocks())


def test_clips_without_one_to_train_on_are_an_error_before_training(tmp_path, vqspeech):
    for name in "ab":
        write_clip(tmp_path / "clips" / name, FRAMES, ["run"] * 4)
    (tmp_path / "model.toml").write_text(
        'modality = "image"\n[corpus]\nname = "clips"\noptions = { valid = 0.5, test = 0.499 }\n[train]\nsteps = 1\n'
    )
    result = vqspeech("train", tmp_path / "model.toml", "--data-dir", tmp_path / "clips", "--out", tmp_path / "run")
    assert result.exit_code == 2 and "Traceback" not in result.output


def test_without_vizdoom_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CorpusError, match=r"vqspeech-video\[vizdoom\].*shapes") as caught:
        vizdoom.read()
    assert caught.value.exit_code == 2


def test_walks_through_rooms_are_the_same_again_and_turn_as_their_actions_say():
    pytest.importorskip("vizdoom", reason="needs the extra vizdoom")
    first, again = (list(vizdoom.read(clips=12, clip_frames=10, seed=4).blocks()) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.pixels, other.pixels) and np.array_equal(one.labels, other.labels)
        assert one.labels[-1] == -1 and len(set(one.splits)) == 1
    shifts = np.stack([horizontal_shift(block.pixels[None])[0] for block in first])
    actions = np.stack([block.labels[:-1] for block in first])
    assert np.median(shifts[actions == 1]) > 4 and np.median(shifts[actions == 2]) < -4
