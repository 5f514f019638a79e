"""CIFAR-10's batches: read as they were written, by Python 2 or 3, and refused where they are damaged or programs."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from layouts import cifar
from vqspeech_image.corpora.cifar import read
from vqspeech_image.corpora.pickles import read_arrays
from vqspeech_image.store import prepare

from vqspeech.errors import CorpusError


def python2_batch(pixels, labels):
    """A batch as Python 2 wrote the original ones, instruction by instruction."""

    def string(text):
        return b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + len(text).to_bytes(4, "little") + text

    minus_one = b"J\xff\xff\xff\xff"
    dtype = (
        b"cnumpy\ndtype\n"
        + string(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + string(b"|")
        + b"NNN"
        + 2 * minus_one
        + b"K\x00tb"
    )
    shape = b"K" + bytes([len(pixels)]) + b"M" + pixels.shape[1].to_bytes(2, "little") + b"\x86"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b") + b"\x87R"
    array += b"(K\x01" + shape + dtype + b"\x89" + string(pixels.tobytes()) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + string(b"data") + array + string(b"labels") + numbers + b"u."


@pytest.mark.parametrize("protocol", [2, 4])
def test_images_are_what_was_written(tmp_path, images, protocol):
    cifar(tmp_path, images, protocol=protocol)
    corpus = read(tmp_path)
    blocks = list(corpus.blocks())
    assert np.array_equal(blocks[0].pixels, images(40, 32, 32, 3, 0))
    assert np.array_equal(blocks[1].pixels, images(12, 32, 32, 3, 1))
    assert blocks[0].labels.tolist() == [number % 10 for number in range(40)]
    assert corpus.counts["train"] + corpus.counts["valid"] == 40 and corpus.counts["test"] == 12
    assert "52 of 60,000" in corpus.variant and "not those of the literature" in " ".join(corpus.notes)


def test_batches_of_python_2_are_read(tmp_path):
    pixels = np.arange(3 * 3072, dtype=np.int64).astype(np.uint8).reshape(3, 3072)
    path = tmp_path / "data_batch_1"
    path.write_bytes(python2_batch(pixels, [3, 9, 0]))
    found = read_arrays(path)
    assert np.array_equal(found["data"], pixels) and found["labels"] == [3, 9, 0]


def test_splits_do_not_move_when_batches_are_lost(tmp_path, images):
    place = cifar(tmp_path, images, train=200)
    both = next(iter(read(tmp_path, valid=0.2).blocks())).splits
    (place / "test_batch").unlink()
    assert np.array_equal(both, next(iter(read(tmp_path, valid=0.2).blocks())).splits)
    assert 0 < (both == 1).sum() < 100


class Reduces:
    """What pickles as a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("where", ["whole", "inside"])
@pytest.mark.parametrize("call", ["system", "eval", "getattr", "numpy"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_that_runs_code_is_refused_and_nothing_runs(tmp_path, images, where, call, protocol):
    proof = tmp_path / "ran"
    calls = {
        "system": (os.system, (f"touch {proof}",)),
        "eval": (eval, (f"open({str(proof)!r}, 'w')",)),
        "getattr": (getattr, ("", "join")),
        "numpy": (np.savetxt, (str(proof), [1.0])),
    }
    place = cifar(tmp_path, images)
    evil = Reduces(*calls[call])
    value = evil if where == "whole" else {b"data": evil, b"labels": [1]}
    (place / "data_batch_1").write_bytes(pickle.dumps(value, protocol=protocol))
    with pytest.raises(CorpusError, match="asks to import") as caught:
        read(tmp_path)
    assert not proof.exists() and "nothing was run" in str(caught.value) and caught.value.exit_code == 2


@pytest.mark.parametrize("share", [0, 0.2, 0.9, 0.999])
def test_a_truncated_batch_says_so(tmp_path, images, share):
    path = cifar(tmp_path, images) / "data_batch_1"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CorpusError, match=r"data_batch_1 .*truncated"):
        read(tmp_path)


@pytest.mark.parametrize(
    "change, says",
    [
        ({b"data": np.zeros((40, 100), np.uint8)}, "3072"),
        ({b"data": np.zeros((40, 3072), np.float32)}, "bytes"),
        ({b"data": np.array([{}, 1], dtype=object)}, "bytes"),
        ({b"labels": [1, 2]}, "one entry"),
        ({b"labels": [50] * 40}, "CIFAR-100"),
        ({b"labels": ["cat"] * 40}, "outside"),
    ],
)
def test_other_contents_are_named(tmp_path, images, change, says):
    path = cifar(tmp_path, images) / "data_batch_1"
    path.write_bytes(pickle.dumps({**pickle.loads(path.read_bytes()), **change}))
    with pytest.raises(CorpusError, match=says):
        read(tmp_path)


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(CorpusError, match=r"data_batch_1.*python version"):
        read(tmp_path)
    with pytest.raises(CorpusError, match="--data-dir"):
        read(None)


SUBSET = Path(__file__).parents[4] / "shared" / "data" / "cifar10"


@pytest.mark.skipif(not SUBSET.is_dir(), reason="the CIFAR-10 subset of ../shared/data is not here")
def test_the_real_subset_is_read(tmp_path):
    store = prepare(read(SUBSET), tmp_path / "store")
    assert len(store.indices("test")) == 1500
    assert len(store.indices("train")) + len(store.indices("valid")) == 6000
    # 0.0633 on the full training set.
    assert 0.058 < float((store.pixels[:2000] / 255.0).var()) < 0.068


@pytest.mark.parametrize("kind", ["a key of tuples in tuples", "lists in lists", "a set", "a shape without end"])
def test_a_few_bytes_that_never_end_are_refused_at_once(kind, tmp_path, images):
    """Tuples in tuples take 2^n steps to hash, and lists in lists as many to print."""
    place = cifar(tmp_path, images)
    nested = b")q\x00" + b"h\x00h\x00\x86q\x00" * 60
    lists = b"]q\x00" + b"](h\x00h\x00eq\x00" * 60
    big = b"\x8a\xff" + b"\x7f" * 255
    name, content = {
        "a key of tuples in tuples": ("test_batch", b"\x80\x02}(" + nested + b"K\x01u."),
        "lists in lists": ("batches.meta", b"\x80\x02}(X\x0b\x00\x00\x00label_names](" + lists * 10 + b"eu."),
        "a set": ("test_batch", b"\x80\x04\x8f(" + nested + b"\x90."),
        "a shape without end": (
            "test_batch",
            b"\x80\x02}(X\x04\x00\x00\x00datacnumpy\nndarray\n)R(K\x01(" + big + b"q\x00" + b"h\x00" * 200_000 + b"t"
            b"cnumpy\ndtype\n(U\x02u1tR\x89U\x00tbu.",
        ),
    }[kind]
    (place / name).write_bytes(content)
    with pytest.raises(CorpusError, match=name):
        read(tmp_path)
