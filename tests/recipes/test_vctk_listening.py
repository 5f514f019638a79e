"""Clips and scores of a decoder whose rate is not that of the recordings."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from stores import corpus_of, utterance
from tiny import codec

from vqspeech.corpora.store import prepare
from vqspeech.nn.decoders.protocol import Piece
from vqspeech_recipes.vctk import listening
from vqspeech_recipes.vctk.settings import ListenConfig


def test_a_decoder_at_24_khz_is_written_at_its_rate_and_compared_at_that_of_the_recordings(tmp_path, monkeypatch):
    """It speaks a tone of 300 Hz; read at 16 kHz that would be one of 200 Hz, lasting half as long again."""
    time = np.arange(16001) / 16000
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", 0.3 * np.sin(2 * np.pi * 300 * time), 16000)
    rows = [utterance(tmp_path / "a.wav", "p225"), utterance(tmp_path / "b.wav", "p226")]
    store = prepare(corpus_of(tmp_path, rows), tmp_path / "store", sample_rate=16000)
    checkpoint, tone = codec(), 0.3 * np.sin(2 * np.pi * 300 * np.arange(48000) / 24000).astype(np.float32)
    decoder = checkpoint.model.decoder
    monkeypatch.setattr(decoder, "sample_rate", 24000)
    monkeypatch.setattr(decoder, "hop_samples", 96)
    monkeypatch.setattr(
        decoder,
        "speak",
        lambda latents, voices, lengths, options: (Piece(n, tone[:length], True) for n, length in enumerate(lengths)),
    )
    listen, folder = ListenConfig(utterances=2, conversions=1), tmp_path / "clips"
    made = listening.reconstruct(checkpoint, store, listen, folder, 0, lambda done, total: None, label="x")
    for clip in made["clips"]:
        found = soundfile.info(folder / clip["reconstruction"]["audio"])
        assert (found.samplerate, found.frames) == (24000, 24002)
        assert soundfile.info(folder / clip["original"]["audio"]).samplerate == 16000
        codes = next(checkpoint.encode_all([(0, listening.original(store, store.by_id(clip["id"]), listen))]))[2]
        assert clip["codes"] == {"codes": codes.tolist(), "frames": 16001 / checkpoint.hop_samples}
    converted = listening.convert_voices(checkpoint, store, listen, folder, 0, lambda done, total: None, label="x")
    for clip in converted["clips"]:
        assert soundfile.info(folder / clip["converted"]["audio"]).samplerate == 24000
        assert clip["f0"]["median_hz"] == pytest.approx(300, rel=0.05)
