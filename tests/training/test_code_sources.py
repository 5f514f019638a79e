"""Priors are trained on tables of codes as on the codes of a run, with and without F0."""

import dataclasses
import json

import numpy as np
import pytest

from vqspeech.codec.pitch_codes import LEVELS
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.corpora.code_store import CodeStore
from vqspeech.errors import CheckpointError, InputError, VQSpeechError
from vqspeech.training import run as runs
from vqspeech.training.code_sources import _split

RATE, HOP, BOOK = 16_000, 320, "ab" * 32


def a_row(number, *, frames=30, split="", speaker="", pitch=True):
    random = np.random.default_rng(number)
    codes = random.integers(0, (5, 7), (frames, 2)).T
    f0 = random.integers(0, LEVELS + 1, frames).astype(np.uint8) if pitch else None
    return UtteranceCodes(
        id=f"u{number}", speaker=speaker, split=split, path="", n_samples=frames * HOP, codes=codes, pitch=f0
    )


def a_table(rows, **facts):
    known = {"sample_rate": RATE, "hop_samples": HOP, "codebook_sizes": (5, 7), "codebook": BOOK}
    return CodeTable(rows=rows, **(known | facts))


ROWS = [a_row(n, frames=20 + n, split="train" if n % 4 else "valid", speaker="ab"[n % 2]) for n in range(12)]


def prepared(folder, data, **model):
    config = runs.checked(
        {
            "modality": "codes",
            "model": {"name": "wavenet", "layers_per_cycle": 2, "residual_channels": 8, **model},
            "train": {"batch_size": 4, "crop_samples": 20 * HOP, "start_crops": 4},
        }
    )
    return config, runs.prepare(config, folder, data)


def test_a_table_is_stored_with_its_speakers_and_splits(tmp_path):
    a_table(ROWS).write(tmp_path / "c.parquet")
    _, store = prepared(tmp_path / "prior", tmp_path / "c.parquet")
    assert store.condition_names == ("a", "b") and store.conditions.tolist() == [0, 1] * 6
    assert [len(store.indices(split)) for split in ("train", "valid", "test")] == [9, 3, 0]
    level = store.at()
    assert all(np.array_equal(level.codes[n], row.codes.T) for n, row in enumerate(ROWS))
    assert level.space.codebook_sizes == (5, 7) and store.source["codebook"] == BOOK


def test_the_parts_of_a_folder_are_one_table(tmp_path):
    for number, rows in enumerate((ROWS[:5], ROWS[5:])):
        (tmp_path / "parts").mkdir(exist_ok=True)
        a_table(rows).write(tmp_path / "parts" / f"part-{number}.parquet")
    _, parts = prepared(tmp_path / "a", tmp_path)
    a_table(ROWS).write(tmp_path / "codes.parquet")
    _, whole = prepared(tmp_path / "b", tmp_path)
    assert parts.fingerprint == whole.fingerprint


def test_pitch_is_a_codebook_behind_those_of_the_model(tmp_path):
    a_table(ROWS).write(tmp_path / "c.parquet")
    config, store = prepared(tmp_path / "prior", tmp_path / "c.parquet", pitch=True)
    level = store.at()
    assert level.space.codebook_sizes == (5, 7, LEVELS + 1) and level.level.codebook_sizes == (5, 7)
    assert np.array_equal(level.codes[3][:, 2], ROWS[3].pitch)
    task = runs.modality(config).task(config, store)
    assert task.batch(0, 0, 1).codes.shape[1] == 3 and task.facts()["codes"]["pitch"] == 1


@pytest.mark.parametrize("sizes", [[3], ["x"], [LEVELS + 1, 2], None])
def test_a_store_whose_f0_is_not_as_described_cannot_be_opened(tmp_path, sizes):
    a_table(ROWS).write(tmp_path / "c.parquet")
    prepared(tmp_path / "prior", tmp_path / "c.parquet", pitch=True)
    header = tmp_path / "prior" / "store" / "rows.json"
    values = json.loads(header.read_text())
    values["facts"]["pitch_sizes"] = sizes
    header.write_text(json.dumps(values))
    with pytest.raises(CheckpointError):
        CodeStore.open(header.parent)


def test_two_codes_of_f0_for_a_frame_of_40_ms(tmp_path):
    rows = [dataclasses.replace(row, n_samples=2 * row.n_samples) for row in ROWS]
    rows = [dataclasses.replace(row, pitch=np.arange(2 * row.codes.shape[1]).astype(np.uint8)) for row in rows]
    a_table(rows, hop_samples=2 * HOP).write(tmp_path / "c.parquet")
    _, store = prepared(tmp_path / "prior", tmp_path / "c.parquet", pitch=True)
    assert store.at().codes[0][:3, 2:].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_some_rows_are_held_out_where_none_has_a_split(tmp_path):
    rows = [a_row(n, frames=3, pitch=False) for n in range(400)]
    a_table(rows).write(tmp_path / "c.parquet")
    _, store = prepared(tmp_path / "prior", tmp_path / "c.parquet", conditioned=False)
    assert 8 < len(store.indices("valid")) < 40 and len(store) == 400
    a_table(rows[::-1]).write(tmp_path / "again.parquet")
    _, again = prepared(tmp_path / "again", tmp_path / "again.parquet", conditioned=False)
    assert again.splits.tolist() == store.splits.tolist()[::-1]


def test_speakers_are_those_of_rows_that_are_trained_on(tmp_path):
    """Not of rows without codes, nor of those that are held out: the prior learns nothing of these speakers."""
    names = [f"u{n}" for n in range(100)]
    held_out, trained = (next(n for n in range(100) if _split(names[n]) == split) for split in ("valid", "train"))
    rows = [
        a_row(trained, speaker="a", pitch=False),
        a_row(held_out, speaker="unheard", pitch=False),
        a_row(200, speaker="empty", frames=0, pitch=False),
    ]
    a_table(rows).write(tmp_path / "c.parquet")
    _, store = prepared(tmp_path / "prior", tmp_path / "c.parquet")
    assert store.condition_names == ("a",) and len(store) == 1
    # Rows that would all be held out are trained on.
    a_table(rows[1:2]).write(tmp_path / "few.parquet")
    _, store = prepared(tmp_path / "few", tmp_path / "few.parquet")
    assert store.condition_names == ("unheard",) and len(store.indices("train")) == 1


def test_held_out_rows_of_other_speakers_are_for_priors_without_speakers(tmp_path):
    a_table([*ROWS, a_row(90, split="test", speaker="stranger")]).write(tmp_path / "c.parquet")
    _, store = prepared(tmp_path / "with", tmp_path / "c.parquet")
    assert len(store) == 12 and store.condition_names == ("a", "b")
    assert len(prepared(tmp_path / "without", tmp_path / "c.parquet", conditioned=False)[1]) == 13


@pytest.mark.parametrize(
    ("tables", "model", "says"),
    [
        ([a_table(())], {}, "no codes"),
        ([a_table([a_row(0, frames=0)])], {}, "no codes"),
        ([a_table(ROWS[:6]), a_table(ROWS[6:], codebook="cd" * 32)], {}, "two models"),
        ([a_table(ROWS[:6]), a_table(ROWS[6:], codebook_sizes=(9, 9))], {}, "two models"),
        ([a_table(ROWS, codebook="")], {}, "names no codebook"),
        ([a_table([dataclasses.replace(ROWS[0], split="dev")])], {}, "'dev'"),
        ([a_table([dataclasses.replace(row, pitch=None) for row in ROWS])], {"pitch": True}, "has no F0"),
        ([a_table(ROWS, hop_samples=100)], {"pitch": True}, "model.pitch"),
        ([a_table([dataclasses.replace(row, split="test") for row in ROWS])], {}, "training split"),
        ([a_table([dataclasses.replace(ROWS[1], pitch=np.full(21, 255, np.uint8))])], {"pitch": True}, "above"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, tables, model, says):
    for number, table in enumerate(tables):
        table.write(tmp_path / f"{number}.parquet")
    with pytest.raises(VQSpeechError, match=says):
        prepared(tmp_path / "prior", tmp_path, **model)
    assert not (tmp_path / "prior" / "store").exists()


def test_a_file_that_is_no_table(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not a table of codes"):
        prepared(tmp_path / "prior", tmp_path / "x.parquet")
    with pytest.raises(InputError, match="no such file"):
        prepared(tmp_path / "prior", tmp_path / "missing.parquet")
