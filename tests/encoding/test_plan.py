"""What a bulk encoding consists of does not depend on who does it."""

import os

import pytest

from vqspeech.corpora.folder import read
from vqspeech.corpora.store import prepare
from vqspeech.encoding import plan as plans
from vqspeech.encoding.plan import Shard, make_plan
from vqspeech.errors import InputError


@pytest.mark.parametrize("text", ["", "3", "1/", "/2", "a/b", "-1/2", "1/2/3"])
def test_a_shard_is_written_i_of_n(text):
    with pytest.raises(InputError, match="is not I/N"):
        Shard.parse(text)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0"])
def test_there_are_shards_1_to_n(text):
    with pytest.raises(InputError, match=f"shard {text} does not exist"):
        Shard.parse(text)


def test_torchrun_sets_the_shard():
    assert Shard.of_rank({"RANK": "1", "WORLD_SIZE": "4"}) == Shard.parse("2/4")
    assert Shard.of_rank({"SLURM_PROCID": "1"}) == Shard()


def test_shards_hold_every_part_once(saved, files, one_by_one):
    plan = make_plan(saved, files, 1)
    assert [len(part) for part in plan.parts] == [1, 1, 1]
    for of in (1, 2, 5):
        dealt = [part for number in range(1, of + 1) for part in plan.select(Shard(number=number, of=of))]
        assert sorted(part.number for part in dealt) == [0, 1, 2]


def test_a_part_ends_after_so_many_utterances_or_bytes(saved, files, monkeypatch):
    assert [len(part) for part in make_plan(saved, files, 1).parts] == [3]
    monkeypatch.setattr(plans, "BYTES_PER_PART", files[0].stat().st_size + 1)
    assert [len(part) for part in make_plan(saved, files, 1).parts] == [2, 1]


def test_keys_say_what_the_codes_depend_on(saved, files, tmp_path, one_by_one):
    folder = files[0].parents[1]
    plan = make_plan(saved, files, 1)
    assert make_plan(saved, [folder], 1) == plan
    assert make_plan(saved, files, 2).key != plan.key
    os.utime(files[1], (1, 1))
    changed = make_plan(saved, files, 1)
    assert [one.key == two.key for one, two in zip(plan.parts, changed.parts, strict=True)] == [True, False, True]
    weights = saved.path / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    assert not {part.key for part in make_plan(saved, files, 1).parts} & {part.key for part in changed.parts}


def test_a_prepared_corpus_and_files_together(saved, files, tmp_path, one_by_one):
    prepare(read(files[0].parents[1]), tmp_path / "store")
    plan = make_plan(saved, [files[0], tmp_path / "store"], 1)
    assert [(part.number, part.store is None, part.first, part.stop, len(part)) for part in plan.parts] == [
        (0, False, 0, 1, 1),
        (1, False, 1, 2, 1),
        (2, False, 2, 3, 1),
        (3, True, 0, 0, 1),
    ]


def test_a_corpus_prepared_at_another_rate_is_refused(saved, files, tmp_path):
    prepare(read(files[0].parents[1]), tmp_path / "store", sample_rate=8000)
    with pytest.raises(InputError, match="prepared at 8000 Hz, the model takes 16000 Hz"):
        make_plan(saved, [tmp_path / "store"], 1)


@pytest.mark.parametrize("rank", ["x", "-1", "", "1.5"])
def test_a_rank_that_is_no_number_is_named(rank):
    with pytest.raises(InputError, match="RANK is "):
        Shard.of_rank({"RANK": rank, "WORLD_SIZE": "2"})
