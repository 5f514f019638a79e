"""A table in parts: the same codes whoever encodes them, no part twice, nothing half-written."""

import errno
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from vqspeech.codes import CodeTable
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import AudioStore, prepare
from vqspeech.encoding import encode_files, encode_store, parts
from vqspeech.encoding.bulk import encode_bulk
from vqspeech.encoding.plan import Shard
from vqspeech.errors import AudioError, InputError


def same(one: CodeTable, other: CodeTable) -> bool:
    return len(one) == len(other) and all(
        {**vars(a), "codes": 0} == {**vars(b), "codes": 0} and np.array_equal(a.codes, b.codes)
        for a, b in zip(one, other, strict=True)
    )


@pytest.fixture
def encoded(monkeypatch):
    """Names of the utterances that were encoded, in order."""
    names = []
    original = parts.encode_part

    def encode_part(checkpoint, part, path, rows, said=None):
        names.extend(name for _, name in part.files)
        return original(checkpoint, part, path, rows, said)

    monkeypatch.setattr("vqspeech.encoding.bulk.encode_part", encode_part)
    return names


@pytest.fixture
def full_disk(monkeypatch):
    """``full_disk(n)``: after n more tables the disk is full, with a part of the next one written; None for never."""
    left = [None]
    write_table = pq.write_table

    def write(table, where, *args, **options):
        if left[0] is not None:
            if left[0] == 0:
                Path(where).write_bytes(b"PAR1")
                raise OSError(errno.ENOSPC, "No space left on device", str(where))
            left[0] -= 1
        write_table(table, where, *args, **options)

    monkeypatch.setattr(pq, "write_table", write)

    def after(tables: int | None) -> None:
        left[0] = tables

    return after


def test_the_table_is_that_of_the_files(saved, files, tmp_path, one_by_one):
    seen = []
    result = encode_bulk(saved, files, tmp_path / "codes.parquet", progress=lambda *counts: seen.append(counts))
    assert same(CodeTable.read(tmp_path / "codes.parquet"), encode_files(saved, files)[0])
    assert (result.complete, result.encoded.utterances, result.before) == (True, 3, 0)
    assert result.encoded.seconds == pytest.approx((1600 + 641 + 3000) / 16000)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert not (tmp_path / "codes.parquet.parts").exists()


def test_shards_make_the_same_table_in_any_order(saved, files, tmp_path, one_by_one):
    encode_bulk(saved, files, tmp_path / "one.parquet")
    for number, complete in ((3, False), (1, False), (4, False), (2, True)):
        shard = Shard(number=number, of=4)
        result = encode_bulk(saved, files, tmp_path / "out", shard=shard)
        assert result.complete == complete == (tmp_path / "out/codes.parquet").exists()
    assert (tmp_path / "out/codes.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()
    names = sorted(path.name for path in (tmp_path / "out/parts").glob("part-*"))
    assert names == [f"part-0000{number}-of-00003.parquet" for number in range(3)]
    assert sum(len(CodeTable.read(tmp_path / "out/parts" / name)) for name in names) == 3


def test_a_prepared_corpus_keeps_its_speakers_and_splits(saved, files, tmp_path, one_by_one):
    store = prepare(read(files[0].parents[1]), tmp_path / "store")
    encode_bulk(saved, [tmp_path / "store"], tmp_path / "codes.parquet")
    table = CodeTable.read(tmp_path / "codes.parquet")
    assert same(table, encode_store(saved, store))
    assert [row.speaker for row in table] == ["p225", "p226", "p226"]


def test_a_corpus_prepared_again_is_encoded_again(saved, files, tmp_path):
    source, store = files[0].parents[1], tmp_path / "store"
    for changed in (False, True):
        if changed:
            files[1].write_bytes(files[0].read_bytes())
        prepare(read(source), store)
        encode_bulk(saved, [store], tmp_path / "codes.parquet")
        assert same(CodeTable.read(tmp_path / "codes.parquet"), encode_store(saved, AudioStore.open(store)))


def test_a_finished_part_is_never_encoded_again(saved, files, tmp_path, one_by_one, encoded, full_disk):
    out = tmp_path / "codes.parquet"
    full_disk(2)
    with pytest.raises(OSError, match="No space left"):
        encode_bulk(saved, files, out)
    assert sorted(path.name for path in tmp_path.glob("codes.parquet.parts/part-*")) == [
        "part-00000-of-00003.parquet",
        "part-00001-of-00003.parquet",
    ]
    assert not out.exists()
    full_disk(None)
    encoded.clear()
    seen = []
    result = encode_bulk(saved, files, out, progress=lambda *counts: seen.append(counts))
    assert (encoded, result.before, seen) == (["b"], 2, [(3, 3)])
    assert same(CodeTable.read(out), encode_files(saved, files)[0])


def test_a_torn_part_is_encoded_again(saved, files, tmp_path, one_by_one, encoded):
    out, shard = tmp_path / "out", Shard(number=1, of=2)
    encode_bulk(saved, files, out, shard=shard)
    torn = out / "parts/part-00002-of-00003.parquet"
    torn.write_bytes(torn.read_bytes()[:-20])
    encoded.clear()
    encode_bulk(saved, files, out, shard=shard)
    assert encoded == ["b"]


def test_only_what_changed_is_encoded_again(saved, files, tmp_path, one_by_one, encoded):
    shards = [Shard(number=1, of=2), Shard(number=2, of=2)]
    for shard in shards:
        encode_bulk(saved, files, tmp_path / "out", shard=shard)
    encoded.clear()
    files[1].write_bytes(files[0].read_bytes())
    for shard in shards:
        encode_bulk(saved, files, tmp_path / "out", shard=shard)
    assert encoded == ["p226_a"]
    assert [row.n_samples for row in CodeTable.read(tmp_path / "out/codes.parquet")] == [1600, 1600, 3000]


def test_a_finished_table_is_left_alone_until_its_input_changes(saved, files, tmp_path, encoded):
    first = encode_bulk(saved, files, tmp_path / "codes.parquet")
    encoded.clear()
    again = encode_bulk(saved, files, tmp_path / "codes.parquet")
    assert (encoded, again.before, again.encoded) == ([], 3, first.encoded)
    encode_bulk(saved, files[:2], tmp_path / "codes.parquet")
    assert [row.id for row in CodeTable.read(tmp_path / "codes.parquet")] == ["p225_a", "p226_a"]


def test_what_cannot_be_read_is_named(saved, files, tmp_path, one_by_one):
    broken = tmp_path / "broken.wav"
    broken.write_text("no")
    result = encode_bulk(saved, [*files, broken], tmp_path / "codes.parquet")
    assert result.encoded.utterances == 3
    assert list(result.encoded.skipped) == [str(broken)]
    assert encode_bulk(saved, [*files, broken], tmp_path / "codes.parquet").encoded.skipped == result.encoded.skipped
    with pytest.raises(AudioError, match=r"none of 1 files could be read; the first: .*broken\.wav"):
        encode_bulk(saved, [broken], tmp_path / "none.parquet")
    assert not list(tmp_path.glob("none*"))


def test_a_table_that_cannot_be_merged_leaves_the_old_one_and_the_parts(
    saved, files, tmp_path, one_by_one, monkeypatch
):
    encode_bulk(saved, files[:1], tmp_path / "codes.parquet")
    before = (tmp_path / "codes.parquet").read_bytes()

    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        encode_bulk(saved, files, tmp_path / "codes.parquet", shard=Shard())
    assert (tmp_path / "codes.parquet").read_bytes() == before
    assert not list(tmp_path.glob("codes.parquet.*.tmp"))


def test_places_and_engines_that_cannot_be_used(saved, files, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(InputError, match=r"file is a file; --out takes"):
        encode_bulk(saved, files, tmp_path / "file")
    with pytest.raises(InputError, match=r"folder\.parquet is a folder"):
        encode_bulk(saved, files, tmp_path / "folder.parquet")
    with pytest.raises(InputError, match="engine 'dask' is not known; choose local or ray"):
        encode_bulk(saved, files, tmp_path / "out", engine="dask")
    with pytest.raises(InputError, match="ray divides the work itself"):
        encode_bulk(saved, files, tmp_path / "out", engine="ray", shard=Shard(number=1, of=2))


def test_a_damaged_part_or_table_is_encoded_again(saved, files, tmp_path):
    out = tmp_path / "codes.parquet"
    encode_bulk(saved, files, out)
    whole = out.read_bytes()
    torn = bytearray(whole)
    # Within the speaker column of the footer's JSON: the file still opens.
    place = whole.rindex(b'"hop_samples": 64') + len(b'"hop_samples": ')
    torn[place] ^= 1
    out.write_bytes(torn)
    again = encode_bulk(saved, files, out)
    assert again.complete and again.before == 0
    assert out.read_bytes() == whole
