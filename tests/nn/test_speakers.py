"""Tables with a row per speaker are found, cut and extended; everything else stays."""

import pytest
import torch
from tiny import MODEL, codec

from vqspeech.config import parse_model
from vqspeech.errors import InputError
from vqspeech.model import build
from vqspeech.nn.speakers import extended, selected, speaker_embedding, speaker_tensors

SPECTRAL = {**MODEL, "spectral": {"weight": 1.0, "hop_samples": 64, "window_samples": 128, "channels": 8}}


@pytest.mark.parametrize("values", [MODEL, SPECTRAL], ids=["decoder", "spectral head"])
def test_models_of_other_numbers_of_speakers_differ_in_these_tensors_only(values):
    two, three = (build(parse_model(values), tuple("abc"[:count])) for count in (2, 3))
    shapes = {name: tensor.shape for name, tensor in two.state_dict().items()}
    changed = {name for name, tensor in three.state_dict().items() if tensor.shape != shapes[name]}
    assert changed == set(speaker_tensors(two)) == set(speaker_tensors(three))


def test_rows_are_selected_and_added():
    model = codec().model
    names, weights = speaker_tensors(model), model.state_dict()
    (table,) = names
    swapped = selected(weights, names, [1, 0])
    assert torch.equal(swapped[table], weights[table].flip(0))
    more = extended(weights, {table: torch.arange(3, dtype=torch.float64)})
    assert more[table].dtype == torch.float32
    assert more[table].tolist() == [*weights[table].tolist(), [0, 1, 2]]
    others = weights.keys() - names
    assert all(torch.equal(weights[name], swapped[name]) and torch.equal(weights[name], more[name]) for name in others)


def test_buffers_of_the_decoder_with_a_row_per_speaker_count(monkeypatch):
    model = codec().model
    model.decoder.register_buffer("pitch_mean", torch.zeros(2))
    monkeypatch.setattr(model.decoder, "speaker_buffers", lambda: ["pitch_mean"])
    assert "decoder.pitch_mean" in speaker_tensors(model)
    assert "decoder.pitch_mean" in model.state_dict()


def test_a_decoder_without_a_table_is_named():
    model = build(parse_model(MODEL), ())
    with pytest.raises(InputError, match="its decoder, WaveNetDecoder, has no speaker_embedding"):
        speaker_embedding(model)
