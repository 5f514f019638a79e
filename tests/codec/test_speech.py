"""What a codec asks of its decoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vqspeech.codec.speech import Utterance
from vqspeech.codes import UtteranceCodes
from vqspeech.conversion import Conversion, convert
from vqspeech.encoding import decode_table
from vqspeech.encoding.tables import table_of
from vqspeech.errors import InputError, PluginError
from vqspeech.model import build
from vqspeech.nn.decoders.protocol import Piece, SpeakOptions

ZEROS = np.zeros(64, np.float32)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [Piece(0, ZEROS, False)],
        [Piece(0, ZEROS, True)],
        [Piece(0, ZEROS, False), Piece(0, ZEROS, False)],
        [Piece(0, ZEROS, False), Piece(0, ZEROS, False), Piece(0, ZEROS, True)],
    ],
)
def test_a_decoder_that_generates_less_or_more_than_wanted_is_named(checkpoint, monkeypatch, pieces):
    monkeypatch.setattr(type(checkpoint.model.decoder), "speak", lambda *given: iter(pieces))
    with pytest.raises(PluginError, match=r"WaveNetDecoder generated .* 128"):
        checkpoint.decode(torch.zeros(1, 1, 2, dtype=torch.int64), "p225")


def test_a_decoder_has_a_rate_and_a_hop_of_its_own(checkpoint, monkeypatch):
    """24 kHz from codes of 16 kHz."""
    decoder = checkpoint.model.decoder
    monkeypatch.setattr(decoder, "sample_rate", 24000)
    monkeypatch.setattr(decoder, "hop_samples", 96)
    asked = []

    def speak(latents, speakers, lengths, options):
        asked.extend(lengths)
        return (Piece(number, np.zeros(length, np.float32), True) for number, length in enumerate(lengths))

    monkeypatch.setattr(decoder, "speak", speak)
    assert checkpoint.output_rate == 24000
    assert checkpoint.decode(torch.zeros(2, 1, 3, dtype=torch.int64), "p225").shape == (2, 3 * 96)
    assert asked == [288, 288]


def test_a_model_without_speakers_speaks_and_converts(checkpoint):
    """Whoever is named: there is one voice."""
    config = checkpoint.config
    codec = replace(checkpoint, model=build(config, ()).eval(), speakers=())
    codes = torch.zeros(1, 1, 2, dtype=torch.int64)
    assert torch.equal(codec.decode(codes, "anybody"), codec.decode(codes, ""))
    item = Conversion(waveform=np.zeros(100, np.float32), speaker="anybody", key="a")
    assert [len(waveform) for waveform in convert(codec, [item]).waveforms] == [100]


@pytest.mark.parametrize("n_samples", [-1, 129])
def test_a_length_that_codes_do_not_cover_is_named(checkpoint, n_samples):
    one = Utterance(codes=np.zeros((1, 2), np.int64), speaker="p225", n_samples=n_samples, key="a")
    with pytest.raises(InputError, match=rf"'a' has 2 codes of 64 samples.* {n_samples} samples"):
        checkpoint.speak([one])


def test_the_first_codebooks_alone_are_a_codec_of_a_lower_rate(checkpoint):
    config = replace(checkpoint.config, quantizer={"name": "rvq", "codebooks": 3, "codebook_size": 8})
    codec = replace(checkpoint, config=config, model=build(config, checkpoint.speakers).eval())
    waveform = 0.1 * torch.randn(1, 640, generator=torch.Generator().manual_seed(0))
    coarse = codec.with_codebooks(2)
    assert (codec.codebook_sizes, coarse.codebook_sizes) == ((8, 8, 8), (8, 8))
    assert coarse.codebook != codec.codebook
    codes = coarse.encode(waveform)
    assert torch.equal(codes, codec.encode(waveform)[:, :2])
    row = UtteranceCodes(id="a", speaker="p225", split="test", path="a.wav", n_samples=640, codes=codes[0].numpy())
    table = table_of(coarse, [row])
    spoken = decode_table(codec, table, options=SpeakOptions(seed=3)).waveforms[0]
    assert np.array_equal(spoken, decode_table(coarse, table, options=SpeakOptions(seed=3)).waveforms[0])
    assert codec.with_codebooks(None) is codec and codec.with_codebooks(3) is codec


@pytest.mark.parametrize("count", [2, 4])
def test_codebooks_that_there_are_not_are_refused(checkpoint, count):
    with pytest.raises(InputError, match=f"{count} codebooks"):
        checkpoint.with_codebooks(count)
