"""A store of codes holds those of a table, level by level, with what a prior is built for."""

import json

import numpy as np
import pytest

from vqspeech.codes import CodeLevel, CodeTable, UtteranceCodes, join_levels
from vqspeech.corpora.code_store import UNKNOWN, CodeStore, write_codes
from vqspeech.errors import CheckpointError, ConfigError, CorpusError
from vqspeech.nn.priors.protocol import CodeSpace

DRAW = np.random.default_rng(0)
SOURCE = {"run": "runs/x", "checkpoint": "runs/x/checkpoints/step-1", "modality": "audio", "codebook": "abc"}


def row(number, codes, speaker="ann", split="train"):
    return UtteranceCodes(id=str(number), speaker=speaker, split=split, path="", n_samples=0, codes=codes)


def table(rows, **facts):
    return CodeTable(**{"sample_rate": 16000, "hop_samples": 640, "codebook_sizes": (7, 5), "rows": rows, **facts})


def test_sequences_come_back_frame_by_frame(tmp_path):
    codes = [DRAW.integers(0, 5, (2, length)) for length in (3, 9, 1, 4)]
    speakers, splits = ("bob", "ann", "", "bob"), ("train", "valid", "test", "")
    rows = [row(n, *one) for n, one in enumerate(zip(codes, speakers, splits, strict=True))]
    store = write_codes(tmp_path / "store", table(rows), SOURCE, ("cid", "bob", "ann"))
    level = store.at()
    assert [level.codes[n].T.tolist() for n in range(4)] == [one.tolist() for one in codes]
    assert store.conditions.tolist() == [1, 2, UNKNOWN, 1] and store.condition_names == ("cid", "bob", "ann")
    assert store.indices("train").tolist() == [0, 3], "a row without a split is for training"
    assert level.space == CodeSpace(codebook_sizes=(7, 5), conditions=3) and level.above is None
    assert store.source == SOURCE and store.facts["hop_samples"] == 640
    again = CodeStore.open(tmp_path / "store")
    assert again.fingerprint == store.fingerprint and again.levels == store.levels


def test_without_names_the_table_s_own_are_sorted(tmp_path):
    rows = [row(n, DRAW.integers(0, 5, (2, 3)), speaker) for n, speaker in enumerate(("bob", "", "ann"))]
    assert write_codes(tmp_path / "store", table(rows), SOURCE).condition_names == ("ann", "bob")


def test_levels_lie_on_their_own_grids(tmp_path):
    top, bottom = DRAW.integers(0, 3, (5, 1, 2, 3)), DRAW.integers(0, 5, (5, 2, 4, 6))
    levels = (
        CodeLevel(name="top", codebook_sizes=(3,), grid=(2, 3)),
        CodeLevel(name="bottom", codebook_sizes=(5, 5), grid=(4, 6)),
    )
    rows = [row(n, codes) for n, codes in enumerate(join_levels([top, bottom]))]
    facts = {"codebook_sizes": (3, 5, 5), "grid": (4, 6), "levels": levels, "sample_rate": 0, "hop_samples": 0}
    store = write_codes(tmp_path / "store", table(rows, **facts), SOURCE)
    fine = store.at("bottom")
    assert np.array_equal(store.at("top").codes, top) and np.array_equal(fine.codes, bottom)
    assert np.array_equal(fine.above, top) and fine.space.above == store.at("top").space
    with pytest.raises(ConfigError, match=r"runs/x need model.level = 'top' or model.level = 'bottom'"):
        store.at()


def test_codes_that_nobody_can_be_trained_on_are_refused(tmp_path):
    with pytest.raises(CorpusError, match="training split"):
        write_codes(tmp_path / "store", table([row(0, DRAW.integers(0, 5, (2, 3)), split="test")]), SOURCE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", ["1" * 9, "00012, i4", "O", "V8", "<i", "i4,i4", "<i99", "datetime64[s]", "("])
def test_arrays_of_anything_but_numbers_are_refused(code, tmp_path):
    write_codes(tmp_path / "store", table([row(0, np.zeros((2, 3), np.int64))]), SOURCE)
    path = tmp_path / "store" / "rows.json"
    header = json.loads(path.read_text())
    header["arrays"]["codes"]["dtype"] = code
    path.write_text(json.dumps(header))
    with pytest.raises(CheckpointError, match=r"prepared data in .*store cannot be read"):
        CodeStore.open(tmp_path / "store")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("levels", [], "levels"),
        ("levels", [{"name": "", "codebook_sizes": [7, 4], "grid": None}], "codes that their codebooks"),
        ("levels", [{"name": "", "codebook_sizes": [7], "grid": None}], "sequences of 1 codes"),
        ("levels", [{"name": "", "codebook_sizes": [7, 5], "grid": [2, 3]}], "grid"),
        ("levels", [{"name": "", "codebook_sizes": [7, -5], "grid": None}], "codebook_sizes"),
        ("levels", [{"name": "top", "codebook_sizes": [7, 5], "grid": None}], "codes-top"),
        ("source", {**SOURCE, "run": 7}, r"source\.run"),
        ("source", "runs/x", "source"),
        ("conditions", ["ann"], "beyond the 1 names"),
        ("conditions", ["ann", "ann"], "one name"),
        ("conditions", None, "conditions"),
        ("sample_rate", -1, "sample_rate"),
        ("hop_samples", "640", "hop_samples"),
    ],
)
def test_facts_that_do_not_fit_the_codes_are_refused_at_opening(key, value, says, tmp_path):
    rows = [row(n, np.array([[6, 0, 1], [4, 0, 2]]), speaker) for n, speaker in enumerate(("ann", "bob"))]
    write_codes(tmp_path / "store", table(rows), SOURCE)
    path = tmp_path / "store" / "rows.json"
    header = json.loads(path.read_text())
    header["facts"][key] = value
    path.write_text(json.dumps(header))
    with pytest.raises(CheckpointError, match=says):
        CodeStore.open(tmp_path / "store")
