"""Tables of codes: written whole, read back the same, and everything else refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqspeech.codes import CodeLevel, CodeTable, UtteranceCodes, join_levels
from vqspeech.errors import InputError


def row(name, frames, books=1, seed=0, **facts):
    codes = np.random.default_rng(seed).integers(0, 512, (books, frames))
    values = {
        "id": name,
        "speaker": "p225",
        "split": "test",
        "path": f"/data/{name}.wav",
        "n_samples": frames * 640 - 3,
    }
    return UtteranceCodes(**{**values, **facts}, codes=codes)


def table(*rows, sizes=(512,)):
    return CodeTable(sample_rate=16000, hop_samples=640, codebook_sizes=sizes, rows=rows)


def equal(one, two):
    facts = [(t.sample_rate, t.hop_samples, t.codebook_sizes, len(t)) for t in (one, two)]
    return facts[0] == facts[1] and all(
        {**vars(a), "codes": 0} == {**vars(b), "codes": 0} and np.array_equal(a.codes, b.codes)
        for a, b in zip(one, two, strict=True)
    )


@pytest.mark.parametrize("books", [1, 3])
def test_a_table_survives_its_file(tmp_path, books):
    rows = [row("a", 7, books), row("ü b'c", 1, books, speaker="", split=""), row("d", 90, books, seed=1)]
    written = table(*rows, sizes=(512,) * books)
    written.write(tmp_path / "new" / "codes.parquet")
    read = CodeTable.read(tmp_path / "new" / "codes.parquet")
    assert equal(read, written)
    assert all(item.codes.dtype == np.int64 and item.codes.ndim == 2 for item in read)
    assert read.frame_rate_hz == 25
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["codes.parquet"]


def test_a_table_without_rows_and_a_row_without_frames_survive(tmp_path):
    for written in (table(), table(row("a", 0, n_samples=0))):
        written.write(tmp_path / "codes.parquet")
        assert equal(CodeTable.read(tmp_path / "codes.parquet"), written)


def test_further_columns_do_not_matter(tmp_path):
    written = table(row("a", 7))
    written.write(tmp_path / "codes.parquet")
    content = pq.read_table(tmp_path / "codes.parquet")
    pq.write_table(content.append_column("note", pa.array(["mine"])), tmp_path / "more.parquet")
    assert equal(CodeTable.read(tmp_path / "more.parquet"), written)


def test_what_cannot_be_written_leaves_the_old_table(tmp_path):
    good = table(row("a", 7))
    good.write(tmp_path / "codes.parquet")
    with pytest.raises(pa.ArrowInvalid):
        table(row("b", 7, n_samples="many")).write(tmp_path / "codes.parquet")
    assert equal(CodeTable.read(tmp_path / "codes.parquet"), good)
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_no_table_of_codes_is_refused(tmp_path):
    (tmp_path / "text.parquet").write_text("not a table")
    (tmp_path / "empty.parquet").touch()
    (tmp_path / "folder").mkdir()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata({"vqspeech": "{}"}), tmp_path / "facts.parquet")
    good = table(row("a", 700))
    good.write(tmp_path / "good.parquet")
    content = (tmp_path / "good.parquet").read_bytes()
    (tmp_path / "torn.parquet").write_bytes(content[: len(content) // 2])
    for name in (
        "none.parquet",
        "text.parquet",
        "empty.parquet",
        "folder",
        "other.parquet",
        "facts.parquet",
        "torn.parquet",
    ):
        with pytest.raises(InputError, match=rf"{name} is not a table of codes .*vqspeech encode RUN AUDIO --out"):
            CodeTable.read(tmp_path / name)


def test_codes_on_grids_of_several_levels_survive_their_file(tmp_path):
    draw = np.random.default_rng(0)
    top, bottom = draw.integers(0, 5, (3, 1, 2, 3)), draw.integers(0, 9, (3, 2, 4, 12))
    levels = (
        CodeLevel(name="top", codebook_sizes=(5,), grid=(2, 3)),
        CodeLevel(name="bottom", codebook_sizes=(9, 9), grid=(4, 12)),
    )
    joined = join_levels([top, bottom])
    assert joined.shape == (3, 3, 4, 12)
    facts = {"speaker": "cat", "split": "", "path": "", "n_samples": 0}
    written = CodeTable(
        sample_rate=0,
        hop_samples=0,
        codebook_sizes=(5, 9, 9),
        rows=[UtteranceCodes(id=str(n), codes=codes, **facts) for n, codes in enumerate(joined)],
        modality="image",
        codebook="abc",
        grid=(4, 12),
        levels=levels,
    )
    written.write(tmp_path / "codes.parquet")
    read = CodeTable.read(tmp_path / "codes.parquet")
    assert equal(read, written) and read.frame_rate_hz == 0
    assert (read.modality, read.codebook, read.grid, read.levels) == ("image", "abc", (4, 12), levels)
    for number, row in enumerate(read):
        for found, wanted in zip(read.split_levels(row.codes), (top[number], bottom[number]), strict=True):
            assert np.array_equal(found, wanted)


def test_a_table_of_one_level_is_that_level(tmp_path):
    made = table(row("a", 7, 2), sizes=(512, 8))
    assert made.all_levels == (CodeLevel(codebook_sizes=(512, 8)),)
    (only,) = made.split_levels(made.rows[0].codes)
    assert np.array_equal(only, made.rows[0].codes)


def test_each_row_has_a_file(tmp_path):
    assert table(row("a", 3), row("ü b.c", 3)).files(tmp_path, ".wav") == [tmp_path / "a.wav", tmp_path / "ü b.c.wav"]


@pytest.mark.parametrize("ids", [["a", "b", "a"], ["../a"], ["/etc/a"], ["a/b"], ["a\\b"], [""], [".."], ["a\0"]])
def test_rows_that_would_be_written_over_each_other_or_elsewhere_are_refused(tmp_path, ids):
    with pytest.raises(InputError, match=repr(ids[0]).replace("\\", r"\\")):
        table(*(row(name, 3) for name in ids)).files(tmp_path, ".wav")
