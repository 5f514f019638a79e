"""MNIST-like sets: idx, gzipped idx and npz hold the same images; truncated and other files are named."""

import gzip

import numpy as np
import pytest
from layouts import idx
from vqspeech_image.corpora.digits import read as read_digits
from vqspeech_image.corpora.idx import read_kmnist, read_mnist

from vqspeech.errors import CorpusError


def contents(corpus):
    blocks = list(corpus.blocks())
    return np.concatenate([block.pixels for block in blocks]), np.concatenate([block.labels for block in blocks])


@pytest.mark.parametrize("layout", ["idx", "gz", "raw", "npz", "keras"])
def test_every_layout_gives_the_same(tmp_path, images, layout):
    train, test = images(40, 28, 28, 1, 0), images(12, 28, 28, 1, 1)
    labels = [(np.arange(count) % 10).astype(np.uint8) for count in (40, 12)]
    if layout == "npz":
        for half, pixels, numbers in (("train", train, labels[0]), ("test", test, labels[1])):
            np.savez_compressed(tmp_path / f"kmnist-{half}-imgs.npz", pixels[..., 0])
            np.savez_compressed(tmp_path / f"kmnist-{half}-labels.npz", numbers)
    elif layout == "keras":
        halves = {"x_train": train[..., 0], "y_train": labels[0], "x_test": test[..., 0], "y_test": labels[1]}
        np.savez(tmp_path / "kmnist.npz", **halves)
    else:
        folder = tmp_path / "KMNIST" / "raw" if layout == "raw" else tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        idx(folder, images, zipped=layout == "gz")
    corpus = read_kmnist(tmp_path)
    pixels, found = contents(corpus)
    assert np.array_equal(pixels, np.concatenate([train, test]))
    assert np.array_equal(found, np.concatenate(labels))
    assert corpus.shape == (28, 28, 1) and corpus.counts["test"] == 12 and corpus.class_names[1] == "ki"


@pytest.mark.parametrize("zipped", [False, True])
def test_a_truncated_file_says_so(tmp_path, images, zipped):
    idx(tmp_path, images, zipped=zipped)
    path = tmp_path / f"train-images-idx3-ubyte{'.gz' if zipped else ''}"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorpusError, match=r"train-images.*truncated"):
        read_mnist(tmp_path)


def test_labels_in_the_place_of_images_are_noticed(tmp_path, images):
    idx(tmp_path, images)
    (tmp_path / "train-images-idx3-ubyte").write_bytes((tmp_path / "train-labels-idx1-ubyte").read_bytes())
    with pytest.raises(CorpusError, match="no idx file of images"):
        read_mnist(tmp_path)


def test_a_header_that_promises_terabytes_costs_none(tmp_path, images):
    idx(tmp_path, images)
    head = b"".join(number.to_bytes(4, "big") for number in (0x803, 2**31 - 1, 28, 28))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(head + b"few")
    with pytest.raises(CorpusError, match="truncated"):
        read_mnist(tmp_path)


def test_missing_labels_and_other_folders(tmp_path, images):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(CorpusError, match="no mnist here"):
        read_mnist(tmp_path)
    idx(tmp_path, images)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(CorpusError, match="no labels beside it"):
        read_mnist(tmp_path)


def test_objects_in_an_npz_are_not_unpickled(tmp_path):
    for half in ("train", "test"):
        np.savez(tmp_path / f"kmnist-{half}-imgs.npz", np.array([{}], dtype=object))
        np.savez(tmp_path / f"kmnist-{half}-labels.npz", np.array([1]))
    with pytest.raises(CorpusError, match="npz"):
        read_kmnist(tmp_path)


def test_gzip_of_something_else(tmp_path, images):
    idx(tmp_path, images, zipped=True)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"text"))
    with pytest.raises(CorpusError, match="no idx file"):
        read_mnist(tmp_path)


def test_digits_need_no_folder():
    corpus = read_digits(None)
    pixels, labels = contents(corpus)
    assert pixels.shape == (1797, 28, 28, 1) and set(labels) == set(range(10))
    assert corpus.stand_in and min(corpus.counts.values()) > 50


def test_labels_below_zero_are_of_no_class(tmp_path, images):
    half = {"x": images(12, 28, 28, 1, 0)[..., 0], "y": np.arange(12) % 10 - 1}
    np.savez(
        tmp_path / "mnist.npz",
        **{f"{name}_{one}": values for one in ("train", "test") for name, values in half.items()},
    )
    with pytest.raises(CorpusError, match="labels from -1 to 8"):
        read_mnist(tmp_path)
