"""Shards: where each ends."""

import dataclasses
from pathlib import Path

from vqspeech.corpora.base import Utterance
from vqspeech.corpora.store_shard import plan_shards


def test_shards_end_after_a_thousand_utterances_or_an_hour():
    short = Utterance(id="a", path=Path("a"), speaker="s", text=None, split="train", duration_s=3.0)
    long = dataclasses.replace(short, duration_s=2000.0)
    assert plan_shards([short] * 2500) == [range(1000), range(1000, 2000), range(2000, 2500)]
    assert plan_shards([long] * 5) == [range(2), range(2, 4), range(4, 5)]
    assert plan_shards([]) == []
