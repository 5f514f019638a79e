"""The stage ``align`` of the recipe `vctk`, on texts and a stand-in for the aligner."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vqspeech import audio
from vqspeech.alignment.base import Alignment, Interval
from vqspeech.analysis.contract import AnalysisContext
from vqspeech.codes import CodeTable
from vqspeech.corpora import folder, textgrids
from vqspeech.corpora.alignments import FoundAlignments
from vqspeech.corpora.store import AudioStore, prepare
from vqspeech.errors import ConfigError, UnknownNameError
from vqspeech.experiments.request import RecipeRequest
from vqspeech_recipes.vctk import aligning
from vqspeech_recipes.vctk.aligning import align_stage, check_aligner, with_alignments
from vqspeech_recipes.vctk.settings import resolve_settings

CONTEXT = AnalysisContext(table=CodeTable(sample_rate=16000, hop_samples=640, codebook_sizes=(2,), rows=()))


@pytest.fixture
def store(tmp_path):
    """Prepares recordings of a speaker, one of them without a text."""

    def make(*texts: str) -> AudioStore:
        rows = ["path,speaker,text"]
        for number, text in enumerate(texts):
            audio.write(tmp_path / "data" / f"u{number}.wav", np.full(16000, 0.1, np.float32), 16000)
            rows.append(f"u{number}.wav,ann,{text}")
        (tmp_path / "data" / "metadata.csv").write_text("\n".join(rows) + "\n")
        return prepare(folder.read(tmp_path / "data"), tmp_path / "store", workers=1)

    return make


@pytest.fixture
def aligned(monkeypatch) -> list[str]:
    """Ids of what is aligned, instead of by an aligner; the text "no" cannot be."""
    called: list[str] = []

    def work(aligner, utterances, *, workers, options):
        good = Alignment((Interval(0.0, 0.5, "aa"), Interval(0.5, 1.0, "iy")))
        called.extend(one.id for one in utterances)
        yield FoundAlignments(
            alignments={one.id: good for one in utterances if one.text != "no"},
            skipped={one.id: "cannot" for one in utterances if one.text == "no"},
        )

    monkeypatch.setattr(textgrids, "in_processes", work)
    monkeypatch.setattr(aligning.importlib.util, "find_spec", lambda name: object())
    return called


def test_texts_are_aligned_once_and_analyses_name_the_aligner(store, aligned, tmp_path, capsys):
    made, out = store("yes", "no", ""), tmp_path / "alignments"
    stage = align_stage("auto", lambda: made, out, None, after=("prepare",))
    assert stage.work({}) == {"aligner": "pocketsphinx", "aligned": 1, "failed": 1, "without_text": 1}
    assert "--set aligner=none" in capsys.readouterr().err
    assert aligned == ["u0", "u1"]
    stage.work({})
    assert aligned == ["u0", "u1", "u1"]
    context = with_alignments(CONTEXT, "auto", made, out)
    assert list(context.alignments) == ["u0"] and "pocketsphinx" in context.labels_from
    assert with_alignments(CONTEXT, "none", made, out) == CONTEXT
    (out / "u0.TextGrid").write_text("damaged")
    assert with_alignments(CONTEXT, "auto", made, out) == CONTEXT
    assert "u0.TextGrid" in capsys.readouterr().err
    own = replace(CONTEXT, alignments={"u1": Alignment(())})
    assert with_alignments(own, "auto", made, out) == own


def test_nothing_is_aligned_without_a_reason(store, aligned, tmp_path, monkeypatch):
    made, out = store("yes"), tmp_path / "alignments"
    for aligner, trim_db, reason in (("none", None, "aligner = none"), ("auto", 30.0, "trim_db")):
        assert reason in align_stage(aligner, lambda: made, out, trim_db, after=()).work({})["reason"]
    monkeypatch.setattr(aligning.importlib.util, "find_spec", lambda name: None)
    missing = align_stage("auto", lambda: made, out, None, after=())
    assert "vqspeech[align]" in missing.work({})["reason"]
    assert missing.config != align_stage("pocketsphinx", lambda: made, out, None, after=()).config
    assert not aligned and not out.exists()
    assert with_alignments(CONTEXT, "auto", made, out) == CONTEXT


def test_a_corpus_with_alignments_or_without_texts_is_left_alone(store, aligned, tmp_path):
    mute = store("", "")
    assert "no texts" in align_stage("auto", lambda: mute, tmp_path / "a", None, after=()).work({})["reason"]
    (tmp_path / "data" / "u0.lab").write_text("0 0.5 aa\n0.5 1 iy\n")
    (tmp_path / "data" / "metadata.csv").write_text(
        "path,speaker,text,alignment\nu0.wav,ann,yes,u0.lab\nu1.wav,ann,yes,\n"
    )
    some = prepare(folder.read(tmp_path / "data"), tmp_path / "other", workers=1)
    assert "has alignments" in align_stage("auto", lambda: some, tmp_path / "a", None, after=()).work({})["reason"]
    assert not aligned


def test_a_failure_is_a_reason_and_not_kept(store, aligned, tmp_path):
    stage = align_stage("auto", lambda: store("no"), tmp_path / "alignments", None, after=())
    with pytest.raises(Exception, match="none of 1 utterances") as caught:
        stage.work({})
    assert stage.failure is not None
    assert "none of 1 utterances" in json.dumps(stage.failure(caught.value))


def test_the_setting_is_checked(tmp_path):
    assert resolve_settings(RecipeRequest(name="vctk", out=tmp_path)).aligner == "auto"
    with pytest.raises(UnknownNameError, match="pocketsphinx"):
        resolve_settings(RecipeRequest(name="vctk", out=tmp_path, overrides=("aligner=pocketsphynx",)))
    with pytest.raises(ConfigError, match="aligner = 3"):
        check_aligner(3)
