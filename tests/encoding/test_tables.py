"""Codes of files and stores, and speech from tables of codes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import MODEL, SPEAKERS

from vqspeech import audio
from vqspeech.audio.pitch import track
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.config import parse_model
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import prepare
from vqspeech.encoding import decode_table, encode_files, encode_store, unique_names
from vqspeech.errors import AudioError, InputError, UnknownNameError
from vqspeech.model import build
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.testing.speech import vowel

HARMONIC = {"channels": 24, "frame_channels": 16, "dilations": [1, 2], "pitch_channels": 16, "pitch_dilations": [1]}


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


def test_pitch_is_stored_beside_the_codes_when_asked(checkpoint, tmp_path):
    path = tmp_path / "a.wav"
    audio.write(path, vowel("a", 120, 0.5), 16000)
    plain, _ = encode_files(checkpoint, [path])
    table, _ = encode_files(checkpoint, [path], pitch=True)
    assert plain.rows[0].pitch is None and not plain.has_pitch
    assert len(table.rows[0].pitch) == 25
    for one, name in ((plain, "plain"), (table, "table")):
        one.write(tmp_path / f"{name}.parquet")
        read = CodeTable.read(tmp_path / f"{name}.parquet")
        assert read.has_pitch == one.has_pitch
        np.testing.assert_array_equal(read.rows[0].codes, one.rows[0].codes)
    np.testing.assert_array_equal(read.rows[0].pitch, table.rows[0].pitch)
    mixed = replace(table, rows=(*table.rows, replace(plain.rows[0], id="b")))
    mixed.write(tmp_path / "mixed.parquet")
    assert [row.pitch is None for row in CodeTable.read(tmp_path / "mixed.parquet")] == [False, True]
    assert decode_table(checkpoint, table, "p225").waveforms[0].shape == (8000,)


def test_decoding_sings_the_stored_melody(tmp_path):
    """In the voice's range, as a conversion does; without a stored melody it can only be predicted."""
    config = parse_model({**MODEL, "decoder": {"name": "harmonic", **HARMONIC}})
    torch.manual_seed(0)
    model = build(config, SPEAKERS).eval().requires_grad_(False)
    model.decoder.fit_pitch(torch.tensor([100.0, 200.0]).log(), torch.tensor([0.2, 0.2]))
    decoder = model.decoder.spectra
    decoder.output.weight.zero_()
    decoder.output.bias[:] = torch.tensor([-2.0, -8.0]).repeat_interleave(decoder.bins)
    codec = SpeechCodec(model=model, config=config, speakers=SPEAKERS, step=0, path=tmp_path, facts={})
    audio.write(tmp_path / "a.wav", vowel("a", 140, 1.0), 16000)
    table, _ = encode_files(codec, [tmp_path / "a.wav"], pitch=True)
    for intonation in (None, "source", "flat"):
        (waveform,) = decode_table(codec, table, "p226", intonation=intonation).waveforms
        f0 = track(waveform, 16000)
        assert np.median(f0[f0 > 0]) == pytest.approx(200, rel=0.02)
    decode_table(codec, table, "p226", intonation="predicted")
    plain, _ = encode_files(codec, [tmp_path / "a.wav"])
    decode_table(codec, plain, "p226")
    with pytest.raises(InputError, match="--pitch"):
        decode_table(codec, plain, "p226", intonation="flat")
