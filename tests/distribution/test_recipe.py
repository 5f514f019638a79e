"""The recipe `vctk` with the encoder, the decoder and the analysis of the distribution: from training to the page."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from vqspeech.cli.main import app

pytest.importorskip("espeakng_loader")

SETTINGS = (
    "corpus.options={speakers=3, utterances_per_speaker=6}",
    "model.encoder={name='lab-gru', channels=8, dim=8, frame_s=0.02}",
    "model.decoder={name='lab-gan', channels=8, stretch_frames=10}",
    "model.quantizer.codebook_size=16",
    "model.spectral.weight=0",
    "model.decoder_gradient=1",
    "train.steps=3",
    "train.batch_size=4",
    "train.start_crops=8",
    "train.validation_batches=1",
    "train.crop_samples=6400",
    "decoders={}",
    "judge.utterances=0",
    "listen={utterances=2, conversions=1, max_seconds=0.3}",
    "analyses=['phonemes', 'lab-durations']",
    "analysis.lab-durations.longest=4",
)


def run(out, *more):
    words = [word for setting in (*SETTINGS, *more) for word in ("--set", setting)]
    return CliRunner().invoke(app, ["recipe", "run", "vctk", "--corpus", "demo", "--out", str(out), *words])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, lab):
    out = tmp_path_factory.mktemp("runs") / "vctk"
    result = run(out)
    assert result.exit_code == 0, result.output
    return out


def test_numbers_that_need_a_likelihood_are_missing_and_the_others_are_there(finished):
    results = json.loads((finished / "results.json").read_text())
    assert results["nll_bits_per_sample"] is None
    assert results["criterion"]["name"] == "spectral"
    assert results["criterion"]["shuffled_codes"] > 0
    assert results["steps"] == 3
    assert results["frame_rate_hz"] == 50
    assert 0 < results["phonemes"]["accuracy"] <= 1
    assert results["reconstruction"]["log_mel_distance_db"] > 0
    assert results["conversion"]["pairs"] == 2
    assert len(results["analyses"]["lab-durations"]["parts"]) == 4


def test_the_page_names_the_parts_and_shows_the_section_of_the_analysis(finished):
    page = (finished / "report" / "index.html").read_text()
    assert "lab-gru" in page
    assert "lab-gan with" in page
    assert "engine" not in page
    assert "<h2>How long codes last</h2>" in page
    assert "4 and more" in page
    assert page.count("<audio") == 2 + 2 + 2 + 2


def test_another_option_of_the_analysis_repeats_it_and_nothing_else(finished):
    result = run(finished, "analysis.lab-durations.longest=6")
    assert result.exit_code == 0, result.output
    assert "[analyze/lab-durations]\n" in result.stderr
    assert result.stderr.count("done before") == 8
    assert "6 and more" in (finished / "report" / "index.html").read_text()


def test_an_option_that_the_analysis_does_not_have_is_an_error_before_any_work(tmp_path):
    result = run(tmp_path / "run", "analysis.lab-durations.longst=2")
    assert result.exit_code == 2
    assert "Did you mean" in result.stderr
    assert not (tmp_path / "run").exists()
