"""The triphone ABX: by fastabx where it is installed, else by a stand-in that reads the same files by its rules."""

from __future__ import annotations

import csv
import json
import math
import sys
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from statistics import mean
from types import SimpleNamespace

import numpy as np
import pytest

from vqspeech.analysis.contract import AnalysisContext
from vqspeech.analysis.phonemes import triphones
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError

PHONES = [*"satsitsatsit"]
SAYS = {"s": 0, "a": 1, "t": 2, "i": 3}


class Score:
    """ABX for pairs of the phones in a context, with tokens that differ or not."""

    def __init__(self, task: SimpleNamespace, distance: str) -> None:
        assert (task.on, distance) == ("#phone", "identical")
        self.task = task

    def collapse(self, levels: list) -> float:
        assert levels == [("next-phone", "prev-phone"), "speaker"]
        tokens, across = self.task.data, self.task.across is not None
        assert self.task.by == [*levels[0], *([] if across else ["speaker"])]
        wrong = []
        for a in tokens:
            for b in tokens:
                for x in tokens:
                    context = all(a[key] == b[key] == x[key] for key in levels[0])
                    voices = a["speaker"] == b["speaker"] and (a["speaker"] != x["speaker"]) == across
                    if context and voices and a is not x and a["#phone"] == x["#phone"] != b["#phone"]:
                        near, far = a["heard"] != x["heard"], b["heard"] != x["heard"]
                        wrong.append(0.5 if near == far else float(near > far))
        return mean(wrong)


def from_item_and_units(item: Path, units: Path, frequency: int | str) -> list[dict]:
    heard = {}
    for line in units.read_text().splitlines():
        one = json.loads(line)
        heard[one["audio"].rsplit("/", 1)[-1].rsplit(".", 1)[0]] = one["units"]
    with item.open() as file:
        tokens = list(csv.DictReader(file, delimiter=" "))
    for token in tokens:
        start, end = (Decimal(token[name]) * Decimal(frequency) - Decimal("0.5") for name in ("onset", "offset"))
        first, last = math.ceil(start), math.floor(end)
        assert 0 <= first <= last < len(heard[token["#file"]])
        token["heard"] = [unit for unit, _ in groupby(heard[token["#file"]][first : last + 1])]
    return tokens


@pytest.fixture
def fastabx(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        import fastabx  # noqa: F401
    except ImportError:
        stand_in = SimpleNamespace(
            Dataset=SimpleNamespace(from_item_and_units=from_item_and_units),
            Subsampler=lambda size, speakers, seed: (size, speakers, seed),
            Task=lambda data, **how: SimpleNamespace(data=data, **how),
            Score=Score,
        )
        monkeypatch.setitem(sys.modules, "fastabx", stand_in)


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastabx", None)


def context(make_table, codes: list[int], out: Path | None = None, **changes) -> AnalysisContext:
    table, alignments = make_table([codes, codes], [PHONES, PHONES])
    return AnalysisContext(table=replace(table, **changes), alignments=alignments, out=out, labels_from="hand")


@pytest.mark.parametrize(("codes", "error"), [([SAYS[phone] for phone in PHONES], 0.0), ([5] * 12, 0.5)])
@pytest.mark.usefixtures("fastabx")
def test_errors_of_codes_that_are_phones_and_of_one_code(make_table, codes: list[int], error: float) -> None:
    result = triphones.analyse(context(make_table, codes), phones="as-written")
    assert result.summary["errors"] == {"within": pytest.approx(error), "across": pytest.approx(error)}
    assert (result.summary["triphones"], result.summary["labels_from"], result.notes) == (20, "hand", ())
    assert "files" not in result.summary
    assert result.text == (
        f"triphone ABX error, chance 50 %: within {error:.1%}, across {error:.1%}; 20 triphones, phones from hand"
    )


@pytest.mark.usefixtures("fastabx")
def test_one_speaker_has_no_error_across(make_table) -> None:
    one = context(make_table, [SAYS[phone] for phone in PHONES])
    table = replace(one.table, rows=tuple(row for row in one.table if row.speaker == "s0"))
    result = triphones.analyse(replace(one, table=table), phones="as-written")
    assert result.summary["errors"] == {"within": pytest.approx(0), "across": None}
    assert "across" in result.notes[0]


@pytest.mark.usefixtures("missing")
def test_without_fastabx_its_files_are_written(make_table, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"vqspeech\[fastabx\].*--out DIR"):
        triphones.analyse(context(make_table, [1] * 12))
    result = triphones.analyse(context(make_table, [1] * 12, tmp_path))
    assert "vqspeech[fastabx]" in result.summary["reason"] and "vqspeech[fastabx]" in result.notes[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["triphones.item", "units.jsonl"]
    # Files of an earlier analysis are replaced, those of others are not.
    other = context(make_table, [2] * 12, tmp_path)
    with pytest.raises(InputError, match=r"units\.jsonl exists"):
        triphones.analyse(other)
    (tmp_path / "result.json").write_text(json.dumps({"analysis": "triphone-abx", **result.summary}))
    triphones.analyse(other)
    assert json.loads((tmp_path / "units.jsonl").read_text().splitlines()[0])["units"] == [2] * 12


@pytest.mark.parametrize(("rate", "hop", "expected"), [(16000, 320, 50), (16000, 1280, "12.5"), (16050, 214, 75)])
def test_frequencies_are_exact(rate: int, hop: int, expected: int | str) -> None:
    table = CodeTable(sample_rate=rate, hop_samples=hop, codebook_sizes=(2,), rows=())
    assert triphones.frequency_of(table) == expected


def test_codes_of_several_codebooks_are_one_number() -> None:
    rows = [
        UtteranceCodes(id=name, speaker="", split="", path="", n_samples=0, codes=np.array(codes))
        for name, codes in {"u1": [[0, 1, 0], [5, 5, 5]], "u2": [[1, 0], [5, 6]]}.items()
    ]
    table = CodeTable(sample_rate=16000, hop_samples=640, codebook_sizes=(2, 8), rows=rows)
    first, second = (row.codes.tolist() for row in triphones.one_number(table))
    assert (first, second) == ([[0, 2, 0]], [[2, 1]])


@pytest.mark.usefixtures("fastabx")
def test_unusable_input_is_named(make_table) -> None:
    with pytest.raises(InputError, match="max_x_across = 1"):
        triphones.analyse(context(make_table, [1] * 12), max_x_across=1)
    with pytest.raises(InputError, match="no triphone"):
        triphones.analyse(replace(context(make_table, [1] * 2), alignments=make_table([[1, 1]], [["a", "b"]])[1]))
    with pytest.raises(InputError, match="no utterance of this corpus"):
        triphones.analyse(replace(context(make_table, [1] * 12), alignments={}))
