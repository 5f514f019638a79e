"""Files of tables of codes: a checksum finds every change, and values that do not fit are refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.codes_parquet import SEAL
from vqspeech.errors import InputError


def rows(count, first=0, **facts):
    draw = np.random.default_rng(first)
    values = {"speaker": "p1", "split": "test", "path": "a.wav", "n_samples": 30}
    return tuple(
        UtteranceCodes(**{**values, **facts, "id": f"u{first + n}"}, codes=draw.integers(0, 8, (2, 3 + n)))
        for n in range(count)
    )


def table(*some, **facts):
    return CodeTable(**{"sample_rate": 16000, "hop_samples": 10, "codebook_sizes": (8, 8), **facts}, rows=some)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "codes.parquet"
    table(*rows(20)).write(path)
    return path


def changed(path, *, facts=None, **columns):
    """Write the file anew without its checksum, with other facts or columns."""
    content = pq.read_table(path)
    known = json.loads(content.schema.metadata[b"vqspeech"])
    for name, values in columns.items():
        content = content.set_column(content.column_names.index(name), name, [values])
    values = {**known, **(facts or {})}
    if facts is not None and len(facts) == 1 and None in facts:
        values = facts[None]
    pq.write_table(content.replace_schema_metadata({"vqspeech": json.dumps(values)}), path)


def test_no_bit_can_be_flipped_unseen(path):
    whole, good = path.read_bytes(), CodeTable.read(path)
    draw = np.random.default_rng(0)
    refused = 0
    for place, bit in zip(draw.integers(0, len(whole), 200), draw.integers(0, 8, 200), strict=True):
        torn = bytearray(whole)
        torn[place] ^= 1 << bit
        path.write_bytes(torn)
        try:
            read = CodeTable.read(path)
        except InputError:
            refused += 1
            continue
        assert [vars(one) | {"codes": one.codes.tolist()} for one in read] == [
            vars(one) | {"codes": one.codes.tolist()} for one in good
        ]
        assert (read.sample_rate, read.hop_samples, read.codebook_sizes) == (16000, 10, (8, 8))
    assert refused > 190


def test_a_wrong_checksum_is_named_with_the_remedy(path):
    path.write_bytes(path.read_bytes().replace(b"u1", b"u3", 1))
    with pytest.raises(InputError, match=r"codes\.parquet .*checksum differs .*encode again"):
        CodeTable.read(path)


def test_what_another_program_wrote_has_no_checksum_and_is_read(path):
    changed(path)
    assert SEAL not in path.read_bytes()
    assert [row.id for row in CodeTable.read(path)] == [f"u{n}" for n in range(20)]


def test_other_readers_of_parquet_do_not_see_the_checksum(path):
    assert path.read_bytes().count(SEAL) == 1
    pq.read_table(path).validate(full=True)


NESTED = pa.list_(pa.list_(pa.int32()))


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"id": pa.array([None] + ["a"] * 19)}, "id has rows without a value"),
        ({"speaker": pa.array([None] * 20, pa.string())}, "speaker has rows without a value"),
        ({"n_samples": pa.array([None] + [1] * 19)}, "n_samples has rows without a value"),
        ({"codes": pa.array([None] + [[[1], [1]]] * 19, NESTED)}, "codes has rows without a value"),
        ({"codes": pa.array([[[1], [None]]] * 20, NESTED)}, "codes without a value"),
        ({"codes": pa.array([[[1], None]] * 20, NESTED)}, "codes without a value"),
        ({"codes": pa.array([[[1]]] * 20, NESTED)}, "1 codebooks instead of 2"),
        ({"codes": pa.array([[[1], [1, 2]]] * 20, NESTED)}, "differ in length"),
        ({"codes": pa.array([[[1], [8]]] * 20, NESTED)}, "'u0' has codes outside its codebooks"),
        ({"codes": pa.array([[[1], [-1]]] * 20, NESTED)}, "'u0' has codes outside its codebooks"),
        ({"codes": pa.array(["x"] * 20)}, "column codes is of type string"),
        ({"id": pa.array(range(20))}, "column id is of type int64"),
        ({"n_samples": pa.array([0.5] * 20)}, "column n_samples is of type double"),
        ({"n_samples": pa.array([0] * 20, pa.timestamp("s"))}, "column n_samples is of type timestamp"),
        ({"n_samples": pa.array([-5] + [1] * 19)}, "n_samples of 'u0' is -5"),
        ({"id": pa.array(["u"] * 20)}, "several rows are named 'u'"),
        ({"id": pa.array(["\x1b[2Ju"] * 20)}, r"several rows are named '\\x1b\[2Ju'"),
    ],
)
def test_rows_that_are_no_codes_are_refused(path, columns, message):
    changed(path, **columns)
    with pytest.raises(InputError, match=message):
        CodeTable.read(path)


@pytest.mark.parametrize(
    "facts",
    [
        {None: []},
        {None: 7},
        {"sample_rate": -1},
        {"sample_rate": 16000.5},
        {"sample_rate": True},
        {"sample_rate": 10**400},
        {"hop_samples": None},
        {"codebook_sizes": []},
        {"codebook_sizes": [8, 0]},
        {"codebook_sizes": [8, "8"]},
        {"codebook_sizes": {"8": 8}},
        {"codebook_sizes": [2**40, 8]},
        {"modality": ["audio"]},
        {"codebook": 3},
        {"grid": "ab"},
        {"grid": [2**20, 2**20]},
        {"grid": [0]},
        {"levels": 3},
        {"levels": [{"name": "top"}]},
        {"levels": [{"name": "top", "codebook_sizes": [8], "grid": None}]},
    ],
)
def test_facts_that_are_out_of_range_are_refused(path, facts):
    changed(path, facts=facts)
    with pytest.raises(InputError, match=r"codes\.parquet is not a table of codes"):
        CodeTable.read(path)


def test_a_file_that_stands_for_far_more_than_it_holds_is_refused(tmp_path):
    path = tmp_path / "bomb.parquet"
    count = 20_000_000
    codes = pa.ListArray.from_arrays([0, 1], pa.ListArray.from_arrays([0, count], np.zeros(count, np.int32)))
    columns = {name: [""] for name in ("id", "speaker", "split", "path")}
    facts = {"vqspeech": json.dumps({"sample_rate": 16000, "hop_samples": 640, "codebook_sizes": [8]})}
    rows = pa.table({**columns, "n_samples": [0], "codes": codes}).replace_schema_metadata(facts)
    pq.write_table(rows, path, compression="zstd")
    with pytest.raises(InputError, match=r"bytes stand for more than"):
        CodeTable.read(path)
