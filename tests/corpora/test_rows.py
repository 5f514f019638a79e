"""A store of rows is what was written, or it is not there."""

import json

import numpy as np
import pytest

from vqspeech.corpora.base import CorpusFacts
from vqspeech.corpora.rows import RowStore, write_rows
from vqspeech.errors import CheckpointError, CorpusError

DRAW = np.random.default_rng(0)
PIXELS = DRAW.integers(0, 256, (6, 3, 2, 1), dtype=np.uint8)
CLIPS = [DRAW.normal(size=(length, 4)).astype(np.float32) for length in (3, 0, 5, 1, 2, 7)]
SPLITS = [0, 0, 1, 2, 0, 1]


def facts(tmp_path):
    return CorpusFacts(name="clips", root=tmp_path, variant="six", notes=("a", "b"), skipped={"x.txt": "no clip"})


def written(tmp_path, blocks=((0, 6),), name="store"):
    with write_rows(tmp_path / name) as writer:
        for begin, end in blocks:
            writer.add(SPLITS[begin:end], pixels=PIXELS[begin:end], clips=CLIPS[begin:end])
        writer.finish(facts(tmp_path), {"class_names": ["a"]})
    return RowStore.open(tmp_path / name)


def test_arrays_come_back_as_they_were(tmp_path):
    store = written(tmp_path)
    assert np.array_equal(store.arrays["pixels"], PIXELS) and store.arrays["pixels"].dtype == np.uint8
    assert len(store) == 6 and len(store.arrays["clips"]) == 6
    assert store.arrays["clips"].lengths.tolist() == [3, 0, 5, 1, 2, 7]
    for row, clip in enumerate(CLIPS):
        assert np.array_equal(store.arrays["clips"][row], clip)
    assert store.corpus == facts(tmp_path) and store.facts == {"class_names": ["a"]}


def test_blocks_do_not_show(tmp_path):
    one, two = written(tmp_path), written(tmp_path, ((0, 1), (1, 4), (4, 6)), "blocks")
    assert one.fingerprint == two.fingerprint
    assert np.array_equal(one.arrays["clips"].values, two.arrays["clips"].values)


def test_the_fingerprint_is_of_values_and_not_of_places(tmp_path):
    (tmp_path / "other").mkdir()
    assert written(tmp_path).fingerprint == written(tmp_path / "other").fingerprint
    with write_rows(tmp_path / "changed") as writer:
        writer.add([0, 0, 1, 2, 0, 0], pixels=PIXELS, clips=CLIPS)
        writer.finish(facts(tmp_path))
    assert RowStore.open(tmp_path / "changed").fingerprint != written(tmp_path).fingerprint


def test_splits_are_found(tmp_path):
    store = written(tmp_path)
    assert store.indices("train").tolist() == [0, 1, 4] and store.indices("valid").tolist() == [2, 5]
    split, rows = store.held_out()
    assert split == "test" and rows.tolist() == [3]


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), write_rows(tmp_path / "store") as writer:
        writer.add([0], pixels=PIXELS[:1])
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_store_without_training_rows_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="none of 1 rows"), write_rows(tmp_path / "store") as writer:
        writer.add([2], pixels=PIXELS[:1])
        writer.finish(facts(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arrays, says",
    [
        ({"pixels": PIXELS[:2]}, "2 entries for 1 rows"),
        ({"pixels": PIXELS[:1].astype(np.int64)}, "int64"),
        ({"pixels": PIXELS[:1, :2]}, "among"),
        ({"labels": np.zeros(1)}, "labels"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path, arrays, says):
    with pytest.raises(ValueError, match=says), write_rows(tmp_path / "store") as writer:
        writer.add([0], pixels=PIXELS[:1])
        writer.add([0], **arrays)


@pytest.mark.parametrize("damage", ["header", "array", "ends", "format", "gone"])
def test_a_torn_store_says_so(tmp_path, damage):
    folder = written(tmp_path).directory
    if damage == "array":
        (folder / "pixels.bin").write_bytes((folder / "pixels.bin").read_bytes()[:-1])
    elif damage == "ends":
        (folder / "clips.ends.bin").unlink()
    elif damage == "gone":
        (folder / "rows.json").unlink()
    else:
        header = json.loads((folder / "rows.json").read_text())
        header["format"] = 99
        (folder / "rows.json").write_text("{" if damage == "header" else json.dumps(header))
    with pytest.raises(CheckpointError, match="delete that folder"):
        RowStore.open(folder)
