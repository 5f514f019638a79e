"""Odd recordings beside good ones: the good ones are used, the others are named, and nothing else is lost."""

import json
import os

import numpy as np
import pytest
import soundfile
from tiny import codec

from vqspeech.audio import find_audio
from vqspeech.checkpoints.store import save
from vqspeech.codec.load import load_speech
from vqspeech.codes import CodeTable
from vqspeech.corpora import folder
from vqspeech.corpora.store import prepare
from vqspeech.encoding.bulk import encode_bulk


@pytest.fixture
def odd(tmp_path):
    """A folder of two good recordings and of many odd ones."""
    data = tmp_path / "data"
    (data / "ann").mkdir(parents=True)
    noise = 0.2 * np.random.default_rng(0).normal(size=2000)
    for name in ("good", "loud"):
        soundfile.write(data / "ann" / f"{name}.wav", noise * (4 if name == "loud" else 1), 16000, subtype="FLOAT")
    soundfile.write(data / "ann" / "integers.wav", noise * 9000, 16000, subtype="FLOAT")
    soundfile.write(data / "ann" / "rate.wav", noise, 1)
    content = (data / "ann" / "good.wav").read_bytes()
    (data / "ann" / "cut.wav").write_bytes(content[:3000])
    with open(os.fsencode(data) + b"/ann/caf\xe9.wav", "wb") as file:
        file.write(content)
    os.mkfifo(data / "ann" / "pipe.wav")
    (data / "again").symlink_to(".")
    return data


REASONS = {
    "integers.wav": "another scale",
    "rate.wav": "sample rate is 1 Hz",
    "cut.wav": "truncated",
    "caf\\xe9.wav": "its name is not UTF-8",
    "pipe.wav": "is a pipe",
}


def reasons(skipped):
    json.dumps(skipped, ensure_ascii=False).encode()
    found = {path.rsplit("/")[-1]: reason for path, reason in skipped.items()}
    assert found.keys() == REASONS.keys()
    return all(REASONS[name] in reason for name, reason in found.items())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_corpus_is_prepared_and_encoded_without_the_odd_ones(odd, tmp_path):
    store = prepare(folder.read(odd), tmp_path / "store", workers=1)
    assert [row.id for row in store.rows] == ["ann-good", "ann-loud"]
    assert reasons(store.corpus.skipped)
    model = codec(started=False)
    save(tmp_path / "model", model.model.state_dict(), config=model.config, speakers=("p225", "p226"), step=3)
    loaded = load_speech(tmp_path / "model")
    result = encode_bulk(loaded, find_audio([odd]), tmp_path / "direct.parquet")
    assert reasons(result.encoded.skipped)
    encode_bulk(loaded, [tmp_path / "store"], tmp_path / "prepared.parquet")
    direct, prepared = (CodeTable.read(tmp_path / f"{name}.parquet") for name in ("direct", "prepared"))
    assert [row.id for row in direct] == ["good", "loud"]
    equal = [np.mean(one.codes == other.codes) for one, other in zip(direct, prepared, strict=True)]
    assert min(equal) > 0.95
