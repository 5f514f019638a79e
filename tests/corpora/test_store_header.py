"""A store that nobody could have prepared is refused when it is opened, whatever its checksums say."""

import pytest
from hand_store import ROW, reseal, rows, write_store

from vqspeech.corpora.store import AudioStore
from vqspeech.errors import CheckpointError


def changed(shard: int, place: int, **values):
    made = rows()
    made[shard][place].update(values)
    return made


def test_a_store_written_by_hand_opens(tmp_path):
    store = AudioStore.open(write_store(tmp_path), verify=True)
    assert [row.id for row in store.rows] == ["u00", "u01", "u10", "u11"]
    assert store.speakers == ("p1", "p2") and store.lengths.tolist() == [100] * 4
    assert store.corpus.skipped == {"/data/b.wav": "broken"} and store.corpus.notes == ("A note.",)
    assert store.samples(3).shape == (100,)


@pytest.mark.parametrize(
    "shards, message",
    [
        (changed(0, 1, start_sample=101), "shard 0 has utterances beyond its 200 samples"),
        (changed(0, 1, n_samples=2**62), "beyond its 200 samples"),
        (changed(1, 0, n_samples=-1), "shard 1 has utterances beyond"),
        (changed(1, 0, start_sample=-(2**63)), "shard 1 has utterances beyond"),
        (changed(0, 0, start_sample=2**63 - 1, n_samples=2), "beyond its 200 samples"),
        (changed(0, 0, speaker="p3"), "a speaker that the store does not know"),
        (changed(0, 0, split="dev"), "a split that the store does not know"),
        (changed(0, 0, id="u11"), "several utterances have the same id"),
        (changed(0, 0, id="../u"), r"id '\.\./u', which cannot be the name of a file"),
        (changed(0, 0, id=None), "utterances without id"),
        (changed(0, 0, n_samples=None), "utterances without n_samples"),
        (changed(0, 0, phones=[{"start_s": None, "end_s": 1.0, "label": "AA"}]), "phones without a value"),
        (changed(0, 0, phones=[{"start_s": 0.0, "end_s": float("nan"), "label": "AA"}]), "not finite"),
        ([rows()[0], [*rows()[1], {**ROW, "id": "more", "speaker": "p1"}]], None),
    ],
)
def test_rows_that_do_not_fit_their_shard_are_refused(tmp_path, shards, message):
    folder = write_store(tmp_path, shards)
    if message is None:
        assert len(AudioStore.open(folder).rows) == 5
        return
    with pytest.raises(CheckpointError, match=message):
        AudioStore.open(folder)


@pytest.mark.parametrize(
    "facts",
    [
        *({name: None} for name in ("sample_rate", "speakers", "corpus", "shards", "fingerprint", "index_sha256")),
        *({"sample_rate": value} for value in (0, -16000, 1.5, "16000", 2**40, True, [])),
        {"speakers": "p1p2"},
        {"speakers": ["p1", 2]},
        {"speakers": ["p1", "p2", "p1"]},
        {"shards": [{"utterances": 2, "samples": 200}] * 2},
        {"shards": [{"utterances": 2, "samples": -200, "audio_sha256": ""}] * 2},
        {"shards": []},
        {"corpus": []},
        {"corpus": {"name": "folder"}},
        {"fingerprint": 7},
        {"format_version": "2"},
    ],
)
def test_a_header_with_other_values_is_refused(tmp_path, facts):
    with pytest.raises(CheckpointError, match=r"damaged: .*Delete it and prepare the corpus again"):
        AudioStore.open(write_store(tmp_path, **facts))


def test_offsets_that_point_outside_the_file_are_refused_not_followed(tmp_path):
    folder = write_store(tmp_path)
    index = folder / "index.arrow"
    whole = index.read_bytes()
    # The offsets of the two ids of the first shard: 0, 3, 6.
    offsets = b"".join(number.to_bytes(4, "little") for number in (0, 3, 6))
    place = whole.index(offsets)
    index.write_bytes(whole[:place] + offsets[:4] + (2**31 - 1).to_bytes(4, "little") * 2 + whole[place + 12 :])
    reseal(folder)
    with pytest.raises(CheckpointError, match=r"index\.arrow"):
        AudioStore.open(folder)
