from pathlib import Path

import pytest
from stores import corpus_of, utterance

from vqspeech.corpora import folder, store_shard


@pytest.fixture
def real_data():
    """A folder of real recordings beside the repository; skips where it is absent."""

    def find(name: str) -> Path:
        folder = Path(__file__).parents[2] / "../shared/data" / name
        if not folder.is_dir():
            pytest.skip(f"needs the real recordings in ../shared/data/{name}")
        return folder.resolve()

    return find


@pytest.fixture
def corpus(tmp_path, tone):
    """Three utterances of two speakers, of different rates and formats."""
    tone(tmp_path / "data/ann/a.wav", rate=48000, seconds=0.5)
    tone(tmp_path / "data/ann/b.flac", rate=16000, seconds=0.25)
    tone(tmp_path / "data/bob/c.wav", rate=8000, seconds=0.1, subtype="PCM_U8")
    (tmp_path / "data/ann/a.phn").write_text("0 800 h#\n800 8000 aa\n")
    return folder.read(tmp_path / "data")


@pytest.fixture
def many(tmp_path, tone, monkeypatch):
    """Seven utterances, one of them broken, in shards of two."""
    monkeypatch.setattr(store_shard, "UTTERANCES_PER_SHARD", 2)
    for number in range(6):
        tone(tmp_path / f"data/ann/{number}.wav", seconds=0.1 + 0.05 * number)
    (tmp_path / "data/ann/6.wav").write_text("no audio")
    paths = sorted((tmp_path / "data/ann").iterdir())
    return corpus_of(tmp_path / "data", [utterance(path) for path in paths])
