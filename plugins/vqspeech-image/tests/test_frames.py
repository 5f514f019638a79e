"""Clips: whole ones are held out, unusable ones are named, ViZDoom renders the same walk every time."""

import importlib.util
import os

import numpy as np
import pytest
from vqspeech_image.corpora import frames, vizdoom
from vqspeech_image.store import prepare

from vqspeech.corpora.base import SPLITS
from vqspeech.errors import ConfigError, CorpusError


@pytest.fixture
def folder(tmp_path, images):
    for number in range(20):
        np.save(tmp_path / f"{number:02}.npy", images(3 + number % 2, 12, 16, 3, number))
    return tmp_path


def pixels(corpus):
    return np.concatenate([block.pixels for block in corpus.blocks()])


def test_frames_come_in_the_order_of_their_clips(folder):
    corpus = frames.read(folder)
    assert corpus.shape == (12, 16, 3) and sum(corpus.counts.values()) == 70 and not corpus.skipped
    wanted = np.concatenate([np.load(folder / f"{number:02}.npy") for number in range(20)])
    assert np.array_equal(pixels(corpus), wanted)


def test_whole_clips_are_held_out(folder):
    corpus = frames.read(folder, valid=0.2, test=0.3)
    of_clips = [set(block.splits.tolist()) for block in corpus.blocks()]
    assert all(len(splits) == 1 for splits in of_clips)
    assert {SPLITS[splits.pop()] for splits in of_clips} == {"train", "valid", "test"}


def test_grey_clips_without_channels(tmp_path):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.full((2, 8, 8), 7, np.uint8))
    corpus = frames.read(tmp_path, valid=0, test=0)
    assert corpus.shape == (8, 8, 1) and (pixels(corpus) == 7).all()


def test_what_is_no_clip_is_skipped_and_named(folder, tmp_path):
    np.save(folder / "real.npy", np.zeros((2, 12, 16, 3), np.float32))
    np.save(folder / "flat.npy", np.zeros((12, 16), np.uint8))
    np.save(folder / "nothing.npy", np.zeros((0, 12, 16, 3), np.uint8))
    np.save(folder / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (folder / "text.npy").write_text("no array")
    (folder / "empty.npy").write_bytes(b"")
    with (folder / "archive.npy").open("wb") as file:
        np.savez(file, a=np.zeros((2, 12, 16, 3), np.uint8))
    (folder / "zip.npy").write_bytes(b"PK\x03\x04 no archive")
    (folder / "bracket.npy").write_bytes(b"\x93NUMPY\x01\x00\x08\x00" + b"((((((((")
    cut = folder / "cut.npy"
    cut.write_bytes((folder / "00.npy").read_bytes()[:200])
    corpus = frames.read(folder)
    named = {path.rsplit("/", 1)[1] for path in corpus.skipped}
    kinds = "real flat nothing pickled text empty cut archive zip bracket"
    assert named == {f"{kind}.npy" for kind in kinds.split()}
    assert "10: " in corpus.notes[0]
    assert len(prepare(corpus, tmp_path / "out" / "store").pixels) == 70


def test_frames_of_two_sizes(folder, images):
    np.save(folder / "wide.npy", images(2, 12, 20, 3))
    with pytest.raises(CorpusError, match=r"2 sizes.*00.npy \(12, 16, 3\).*wide.npy \(12, 20, 3\)"):
        frames.read(folder)


def test_one_clip_is_too_few(tmp_path, images):
    np.save(tmp_path / "a.npy", images(5, 8, 8, 3))
    (tmp_path / "b.npy").write_text("x")
    with pytest.raises(CorpusError, match=r"1 usable clip,.*b.npy") as caught:
        frames.read(tmp_path)
    assert caught.value.exit_code == 2


ENGINE = '''
import numpy as np
from types import SimpleNamespace


class Names:
    def __getattr__(self, name):
        return name


Button, ScreenResolution, ScreenFormat = Names(), Names(), Names()


class DoomGame:
    """Shows a grey that says room, place and heading; every third room ends after two actions."""

    def __getattr__(self, name):
        return lambda *values: None

    def init(self):
        print("the engine talks on standard output", flush=True)
        open("_vizdoom.ini", "w").close()

    def set_seed(self, seed):
        self.seed = seed

    def new_episode(self):
        self.place = self.heading = self.actions = 0

    def is_episode_finished(self):
        if self.seed < 0:
            raise RuntimeError("the engine died")
        return self.seed % 3 == 0 and self.actions >= 2

    def get_state(self):
        screen = np.zeros((120, 160, 3), np.uint8)
        screen[:, 20:140] = (self.seed % 97, self.place, 100 + self.heading)
        return SimpleNamespace(screen_buffer=screen)

    def make_action(self, action, tics):
        assert tics == 4
        self.actions += 1
        self.place += action[0]
        self.heading += action[2] - action[1]
'''


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A stand-in for the package vizdoom, here and in the renderer's process."""
    package = tmp_path / "engine" / "vizdoom"
    (package / "scenarios").mkdir(parents=True)
    (package / "__init__.py").write_text(ENGINE)
    (package / "scenarios" / "my_way_home.cfg").write_text("")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PYTHONPATH", str(package.parent), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    return package


def test_a_walk_through_rooms(engine, tmp_path):
    corpus = vizdoom.read(clips=8, clip_frames=6, size=10, seed=1)
    clips = pixels(corpus).reshape(8, 6, 10, 10, 3).astype(int)
    assert (clips == clips[:, :, :1, :1]).all(), "the borders of 160 x 120 are cut off"
    rooms, places, headings = np.moveaxis(clips[:, :, 0, 0], -1, 0)
    assert (rooms == rooms[:, :1]).all() and len(set(rooms[:, 0])) > 4, "a clip stays in its room"
    moved = np.diff(places) + np.abs(np.diff(headings))
    assert (moved == 1).all(), "one action a frame, and none lost to a room that ended"
    assert (places[:, 0] == 0).all() and len({tuple(walk) for walk in places}) > 1
    assert np.array_equal(pixels(corpus), clips.reshape(48, 10, 10, 3)), "twice the same"
    more = pixels(vizdoom.read(clips=9, clip_frames=6, size=10, seed=1))
    assert np.array_equal(more[:48], pixels(corpus)), "more clips leave the first ones as they are"
    assert not np.array_equal(pixels(vizdoom.read(clips=8, clip_frames=6, size=10, seed=2)), pixels(corpus))
    assert not (tmp_path / "_vizdoom.ini").exists(), "the engine writes into a folder of its own"


def test_actions_are_those_that_moved_the_walker(engine):
    clips = list(vizdoom.rendered_clips(scenario="my_way_home", clips=6, clip_frames=6, size=10, seed=1)())
    for views, actions in clips:
        _, places, headings = views[:, 0, 0].astype(int).T
        moved = np.stack([np.diff(places), np.diff(headings)])
        expected = np.array([[1, 0, 0], [0, -1, 1]])[:, actions[:-1]]
        assert actions.shape == (6,) and np.array_equal(moved, expected)
    assert len({int(action) for _, actions in clips for action in actions}) == 3


def test_an_engine_that_dies_says_where(engine, tmp_path):
    (engine / "__init__.py").write_text(ENGINE.replace("self.seed < 0", "self.seed % 2 == 0"))
    with pytest.raises(CorpusError, match=r"ended after \d of 50 clips with code 1: .*the engine died"):
        prepare(vizdoom.read(clips=50), tmp_path / "run" / "store")
    assert not (tmp_path / "run" / "store").exists()


def test_clips_longer_than_every_episode(engine):
    (engine / "__init__.py").write_text(ENGINE.replace("self.seed % 3 == 0 and", ""))
    with pytest.raises(CorpusError, match=r"0 of 2 clips with code 1: .*lasted 6 frames, the last one 2.*clip_frames"):
        list(vizdoom.read(clips=2, clip_frames=6).blocks())


@pytest.mark.parametrize(
    "options, says",
    [
        ({"scenario": "e1m1"}, "one of my_way_home"),
        ({"size": 200}, "size"),
        ({"clips": 1}, "clips"),
        ({"clip_frames": 0}, "clip_frames"),
        ({"valid": 0.6, "test": 0.4}, "valid"),
    ],
)
def test_options_that_cannot_be(engine, options, says):
    with pytest.raises(ConfigError, match=says):
        vizdoom.read(**options)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CorpusError, match=r"pip install 'vqspeech-image\[vizdoom\]'") as caught:
        vizdoom.read()
    assert caught.value.exit_code == 2


@pytest.mark.skipif(importlib.util.find_spec("vizdoom") is None, reason="ViZDoom is not installed")
def test_the_real_engine():
    corpus = vizdoom.read(clips=3, clip_frames=5)
    first = pixels(corpus)
    assert first.shape == (15, 84, 84, 3) and first.std() > 10
    assert len(np.unique(first.reshape(15, -1), axis=0)) > 10
    assert np.array_equal(first, pixels(corpus))
