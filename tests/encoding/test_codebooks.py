"""Codes of any quantizer that ships go from a model through a table to speech and to a converted voice."""

import numpy as np
import pytest
import torch

from vqspeech.analysis.codebook import usage
from vqspeech.checkpoints.store import save
from vqspeech.codec.load import load_speech
from vqspeech.codes import CodeTable
from vqspeech.config import parse_model
from vqspeech.conversion import Conversion, convert
from vqspeech.encoding import decode_table, encode_files
from vqspeech.model import build

SIZES = {
    "rvq": ({"codebooks": 3, "codebook_size": 8}, (8, 8, 8)),
    "grouped": ({"groups": 3, "codebook_size": 8}, (8, 8, 8)),
    "fsq": ({"levels": [5, 4]}, (20,)),
    "cosine": ({"codebook_size": 16, "code_dim": 2}, (16,)),
}


@pytest.fixture
def checkpoint(request, checkpoint, tmp_path):
    """A model with the quantizer of the test, saved and loaded again."""
    torch.manual_seed(0)
    config = parse_model({"encoder": {"strides": [[16, 8], [16, 8]], "channels": 4, "dim": 3},
                          "quantizer": {"name": request.param, **SIZES[request.param][0]},
                          "decoder": {"cycles": 1, "layers_per_cycle": 2, "residual_channels": 4, "skip_channels": 4,
                                      "condition_channels": 3}})  # fmt: skip
    model = build(config, ("p225", "p226"))
    save(tmp_path / "model", model.state_dict(), config=config, speakers=("p225", "p226"), step=3)
    return load_speech(tmp_path / "model")


@pytest.mark.parametrize(
    ("checkpoint", "sizes"), [(name, sizes) for name, (_, sizes) in SIZES.items()], indirect=["checkpoint"]
)
def test_codes_go_through_a_table_to_speech_and_to_another_voice(checkpoint, sizes, files, tmp_path):
    table, _ = encode_files(checkpoint, files[:2])
    assert table.codebook_sizes == sizes
    assert [row.codes.shape for row in table] == [(len(sizes), 25), (len(sizes), 11)]
    table.write(tmp_path / "codes.parquet")
    read = CodeTable.read(tmp_path / "codes.parquet")
    assert all(np.array_equal(ours.codes, theirs.codes) for ours, theirs in zip(read, table, strict=True))
    assert [book.size for book in usage(read).codebooks] == list(sizes)
    assert [len(waveform) for waveform in decode_table(checkpoint, read, "p226").waveforms] == [1600, 641]
    waveform = np.zeros(700, np.float32)
    result = convert(checkpoint, [Conversion(waveform=waveform, speaker="p225", key="a")])
    assert len(result.waveforms[0]) == 700
