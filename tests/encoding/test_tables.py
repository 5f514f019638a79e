"""Codes of files and stores, and speech from tables of codes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import prepare
from vqspeech.encoding import decode_table, encode_files, encode_store, unique_names
from vqspeech.errors import AudioError, InputError, UnknownNameError
from vqspeech.nn.decoders.protocol import SpeakOptions


def test_files_become_rows_and_broken_ones_are_named(checkpoint, files, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_text("no")
    seen = []
    table, skipped = encode_files(checkpoint, [files[0], broken, files[1]], lambda *said: seen.append(said))
    assert [(row.id, row.n_samples, row.codes.shape) for row in table] == [
        ("p225_a", 1600, (1, 25)),
        ("p226_a", 641, (1, 11)),
    ]
    assert list(skipped) == [str(broken)]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert (table.sample_rate, table.hop_samples, table.codebook_sizes) == (16000, 64, (16,))
    with pytest.raises(AudioError, match=r"none of 1 files could be read; the first: .*broken\.wav"):
        encode_files(checkpoint, [broken])


def test_a_store_and_its_files_have_the_same_codes(checkpoint, files, tmp_path):
    store = prepare(read(tmp_path / "corpus"), tmp_path / "store")
    rows = {row.path: row for row in encode_store(checkpoint, store)}
    for row in encode_files(checkpoint, files)[0]:
        assert np.array_equal(rows[row.path].codes, row.codes)
        assert rows[row.path].n_samples == row.n_samples
        assert rows[row.path].speaker in ("p225", "p226")


def test_a_table_is_sampled_row_by_row(checkpoint, files):
    table, _ = encode_files(checkpoint, files[:2])
    result = decode_table(checkpoint, table, "p226", SpeakOptions(seed=3))
    assert [len(waveform) for waveform in result.waveforms] == [1600, 641]
    (alone,) = decode_table(checkpoint, replace(table, rows=table.rows[1:]), "p226", SpeakOptions(seed=3)).waveforms
    assert np.array_equal(alone, result.waveforms[1])


def test_tables_that_do_not_fit_the_model_are_refused(checkpoint):
    row = UtteranceCodes(id="a", speaker="", split="", path="", n_samples=640, codes=np.full((1, 10), 15))
    table = CodeTable(sample_rate=16000, hop_samples=64, codebook_sizes=(16,), rows=(row,))
    decode_table(checkpoint, table, "p225")
    for other in (
        replace(table, hop_samples=128),
        replace(table, sample_rate=8000),
        replace(table, codebook_sizes=(8,)),
    ):
        with pytest.raises(InputError, match=r"these codes are of another model: .*run has 16000 Hz, 64 and \(16,\)"):
            decode_table(checkpoint, other, "p225")
    for wrong in (16, -1):
        damaged = replace(table, rows=(replace(row, codes=np.full((1, 10), wrong)),))
        with pytest.raises(InputError, match=r"'a' has codes outside the codebooks"):
            decode_table(checkpoint, damaged, "p225")
    with pytest.raises(InputError, match=r"10 codes of 64 samples.* 641 samples"):
        decode_table(checkpoint, replace(table, rows=(replace(row, n_samples=641),)), "p225")
    with pytest.raises(UnknownNameError, match=r"unknown speaker 'p22'"):
        decode_table(checkpoint, table, "p22")


@pytest.mark.parametrize(
    "files, names",
    [
        (["/x/a.wav", "/x/b.wav"], ["a", "b"]),
        (["/x/p1/a.wav", "/x/p2/a.wav", "/x/p2/b.wav"], ["p1_a", "p2_a", "b"]),
        (["/x/p/1/a.wav", "/y/p/1/a.wav"], ["x_p_1_a", "y_p_1_a"]),
        (["/a.wav", "/x/a.wav"], ["a", "x_a"]),
        (["/x/a.wav", "/x/a.flac"], ["a_wav", "a_flac"]),
        (["/x/a.wav", "/x/a.flac", "/y/a.wav"], ["a_wav", "a_flac", "a"]),
        (["/x/a.wav", "/x/a.wav"], ["a", "a-2"]),
        (["/x/p1/a.wav", "/x/p2/a.wav", "/x/p1_a.wav"], ["x_p1_a", "p2_a", "x_p1_a-2"]),
        ([], []),
    ],
)
def test_names_tell_files_apart(files, names):
    found = unique_names([Path(path) for path in files])
    assert found == names
    assert len(set(found)) == len(files)
