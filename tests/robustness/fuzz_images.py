"""Data sets of images: idx files, npz archives, npy clips and pickled batches; read to the last pixel."""

from __future__ import annotations

import gzip
import importlib.util
import io
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
from fuzzing import Target, mutated_bytes

Files = Mapping[str, bytes]

NUMBERS = (0, 1, 4, 5, 28, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
HEADERS = (
    "{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999999, 28, 28), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (4, 28, 28), }",
    "{'descr': '|u1', 'fortran_order': True, 'shape': (4, 28, 28), }",
    "{'descr': [('a', '|u1', 9999999)], 'fortran_order': False, 'shape': (4,), }",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (-4, 28, -28), }", "(", "[" * 400, "'" * 7, "{" * 90, "1" * 5000,
    "__import__('os').abort()", "\0", "{'descr': '|u1', 'shape': ('4',), 'fortran_order': 0}", "-" * 3000 + "1",
)  # fmt: skip
"""Headers of npy files, which NumPy parses as Python."""
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 28, 28)).astype(np.uint8)
LABELS = np.array([0, 1, 9, 3], np.uint8)


def idx(folder: Path) -> Files:
    """Files of MNIST, of which half are gzipped."""
    found = {}
    for half, zipped in (("train", False), ("t10k", True)):
        for name, head, content in (
            (f"{half}-images-idx3-ubyte", (0x803, 4, 28, 28), PIXELS),
            (f"{half}-labels-idx1-ubyte", (0x801, 4), LABELS),
        ):
            text = b"".join(struct.pack(">I", number) for number in head) + content.tobytes()
            found[name + ".gz" * zipped] = gzip.compress(text) if zipped else text
    return found


def npz(folder: Path) -> Files:
    """The archive of Keras."""
    whole = io.BytesIO()
    np.savez(whole, x_train=PIXELS, y_train=LABELS, x_test=PIXELS, y_test=LABELS.astype(np.int64))
    return {"mnist.npz": whole.getvalue()}


def npy(folder: Path) -> Files:
    """Two clips."""
    found = {}
    for name in "ab":
        whole = io.BytesIO()
        np.save(whole, PIXELS)
        found[f"{name}.npy"] = whole.getvalue()
    return found


def pickles(folder: Path) -> Files:
    """Batches of CIFAR-10 in three protocols, and the names of its classes."""
    found = {}
    for name, protocol in (("data_batch_1", 2), ("data_batch_2", 0), ("test_batch", 4)):
        rows = np.resize(PIXELS, (4, 3072))
        batch = {b"data": rows, b"labels": [0, 1, 9, 3], b"filenames": [b"a.png"] * 4, b"batch_label": b"x"}
        found[name] = pickle.dumps(batch, protocol=protocol)
    names = [f"class {number}".encode() for number in range(10)]
    return {**found, "batches.meta": pickle.dumps({b"label_names": names}, protocol=2)}


def _bytes_case(files: Files, name: str, draw: Random) -> bytes:
    return mutated_bytes(files[name], draw)


def _numbers_case(files: Files, name: str, draw: Random) -> bytes:
    content = gzip.decompress(files[name]) if name.endswith(".gz") else files[name]
    place = 4 * draw.randrange(4)
    content = content[:place] + struct.pack(">I", draw.choice(NUMBERS)) + content[place + 4 :]
    return gzip.compress(content) if name.endswith(".gz") else content


def _header_case(files: Files, name: str, draw: Random) -> bytes:
    header = draw.choice(HEADERS).encode("latin1").ljust(118) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + PIXELS.tobytes()
    if not name.endswith(".npz"):
        return draw.choice((content, b"PK\x03\x04" + content, content[:9]))
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(files[name])) as given, zipfile.ZipFile(whole, "w") as archive:
        other = draw.choice(given.namelist())
        for one in given.namelist():
            archive.writestr(one, content if one == other else given.read(one))
    return whole.getvalue()


def _program_case(files: Files, name: str, draw: Random) -> bytes:
    """Replace, double or remove instructions; or nest tuples and lists as deep as a hash or a text never ends."""
    if draw.random() < 0.2:
        doubled = draw.choice((pickle.TUPLE2 + pickle.BINPUT + b"\1" + pickle.POP, pickle.DUP))
        nested = b")" + (pickle.BINPUT + b"\0" + pickle.BINGET + b"\0" + pickle.TUPLE2) * draw.choice((3, 40, 400))
        key = draw.choice((b"X\4\0\0\0data", b"X\13\0\0\0label_names", nested, b"X\6\0\0\0labels"))
        return b"\x80\x02}(" + key + draw.choice((nested, doubled, b"K\1", b"]")) + b"u."
    places = [place for _, _, place in pickletools.genops(files[name]) if place is not None]
    content, first = bytearray(files[name]), draw.randrange(len(places) - 1)
    begin, end = places[first], places[first + 1]
    other = draw.randrange(len(places) - 1)
    content[begin : draw.choice((begin, end))] = content[places[other] : places[other + 1]] * draw.choice((0, 1, 1, 2))
    return bytes(content)


def case(name: str, change: Callable[[Files, str, Random], bytes], files: Files, draw: Random, folder: Path) -> None:
    """Write a data set with one changed file, and read all of it."""
    changed = draw.choice(sorted(files))
    how = change if draw.random() < 0.5 else _bytes_case
    for one, content in files.items():
        (folder / one).write_bytes(how(files, changed, draw) if one == changed else content)
    from vqspeech_image.corpora import cifar, frames
    from vqspeech_image.corpora.idx import read_mnist

    corpus = {"idx": read_mnist, "npz": read_mnist, "npy": frames.read, "pickles": cifar.read}[name](folder)
    count = 0
    for block in corpus.blocks():
        assert block.pixels.dtype == np.uint8 and block.pixels.shape[1:] == corpus.shape, "pixels of another size"
        assert len(block.pixels) == len(block.labels) == len(block.splits), "rows without a label or split"
        classes = len(corpus.class_names)
        assert ((block.labels >= (0 if classes else -1)) & (block.labels < max(1, classes))).all(), "labels of no class"
        assert (block.splits < 3).all(), "splits that do not exist"
        count += len(block.pixels)
    assert count == sum(corpus.counts.values()) > 0, "other counts than images"
    assert all(isinstance(one, str) for one in corpus.class_names), "names that are no texts"


TARGETS = [
    Target(name=f"images: {name}", base=base, case=partial(case, name, change), cases=120)
    for name, base, change in (
        ("idx", idx, _numbers_case), ("npz", npz, _header_case), ("npy", npy, _header_case),
        ("pickles", pickles, _program_case),
    )
    if importlib.util.find_spec("vqspeech_image")
]  # fmt: skip
