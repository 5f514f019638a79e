"""Small data sets in the layouts that are read."""

import gzip
import pickle

import numpy as np


def cifar(folder, images, train=40, test=12, protocol=4):
    """``cifar-10-batches-py`` with one batch for training and the test batch."""
    place = folder / "cifar-10-batches-py"
    place.mkdir(parents=True)
    for name, count, seed in (("data_batch_1", train, 0), ("test_batch", test, 1)):
        pixels = images(count, 32, 32, 3, seed).transpose(0, 3, 1, 2).reshape(count, -1)
        batch = {b"data": pixels, b"labels": [number % 10 for number in range(count)], b"batch_label": b"x"}
        (place / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    return place


def idx(folder, images, train=40, test=12, zipped=False):
    """MNIST's four files."""
    for half, count, seed in (("train", train, 0), ("t10k", test, 1)):
        pixels = images(count, 28, 28, 1, seed)[..., 0]
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, head, content in (
            (f"{half}-images-idx3-ubyte", (0x803, count, 28, 28), pixels),
            (f"{half}-labels-idx1-ubyte", (0x801, count), labels),
        ):
            text = b"".join(number.to_bytes(4, "big") for number in head) + content.tobytes()
            (folder / (name + (".gz" if zipped else ""))).write_bytes(gzip.compress(text) if zipped else text)
