"""The quantizer comparison from the command line to the page, on a tiny synthetic corpus and a tiny model."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from vqspeech.cli.main import app
from vqspeech.errors import UnknownNameError
from vqspeech.experiments.request import RecipeRequest
from vqspeech_recipes.quantizers import measure as measuring
from vqspeech_recipes.quantizers import recipe as comparing
from vqspeech_recipes.quantizers.settings import registered, resolve_settings

pytest.importorskip("espeakng_loader")

TINY = [
    "quantizers=['ema', 'rvq']",
    "seeds=[0, 1]",
    "options.ema.codebook_size=8",
    "options.rvq.codebook_size=4",
    "corpus.options.speakers=2",
    "corpus.options.utterances_per_speaker=4",
    "model.encoder.channels=8",
    "model.encoder.dim=8",
    "model.decoder.layers_per_cycle=2",
    "model.decoder.residual_channels=8",
    "model.decoder.skip_channels=8",
    "model.decoder.condition_channels=8",
    "model.spectral.channels=8",
    "train.steps=3",
    "train.batch_size=2",
    "train.crop_samples=3200",
    "train.window_samples=1280",
    "train.start_crops=8",
    "train.log_every=1",
    "train.validation_batches=1",
]


def compare(out, *more):
    settings = [word for setting in (*TINY, *more) for word in ("--set", setting)]
    return CliRunner().invoke(app, ["recipe", "run", "quantizers", "--corpus", "demo", "--out", str(out), *settings])


def results_of(out):
    return json.loads((out / "results.json").read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "quantizers"
    result = compare(out)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == str(out / "report" / "index.html")
    return out


@pytest.fixture
def out(finished, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(finished, tmp_path / "quantizers")


def test_labels_that_may_be_no_phones_are_named(tmp_path, tone):
    for speaker in ("ann", "bob"):
        for number in range(3):
            path = tone(tmp_path / "data" / speaker / f"{number}.wav", seconds=0.4)
            path.with_suffix(".lab").write_text("0 2000000 43\n2000000 4000000 17\n")
    words = [
        "recipe",
        "run",
        "quantizers",
        "--corpus",
        "folder",
        "--data-dir",
        tmp_path / "data",
        "--stages",
        "prepare",
    ]
    result = CliRunner().invoke(app, [str(word) for word in (*words, "--out", tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "warning: No inventory of phones is recognised in the 2 different labels" in result.stderr
    (doubt,) = json.loads((tmp_path / "out" / "stages" / "prepare.json").read_text())["result"]["label_doubts"]
    assert "'43', '17'" in doubt


def test_a_row_for_each_quantizer_and_seed_and_their_means(finished):
    results = results_of(finished)
    assert [(row["quantizer"], row["seed"]) for row in results["runs"]] == [
        ("ema", 0), ("ema", 1), ("rvq", 0), ("rvq", 1),
    ]  # fmt: skip
    assert all(row["error"] is None and row["steps"] == 3 for row in results["runs"])
    ema, rvq = results["quantizers"]
    assert (ema["codes"], rvq["codes"]) == (8, 16)
    assert (ema["bits_per_second"]["mean"], rvq["bits_per_second"]["mean"]) == (75, 100)
    first, second = (row["nll_bits_per_sample"] for row in results["runs"][:2])
    assert ema["nll_bits_per_sample"]["mean"] == pytest.approx((first + second) / 2)
    assert ema["nll_bits_per_sample"]["sd"] == pytest.approx(abs(first - second) / 2**0.5)
    for row in results["runs"]:
        assert 1 <= row["perplexity"] <= row["codes_used"] <= row["codes"]
        assert 0 < row["phoneme_accuracy"] < 1


def test_the_page_has_the_table_and_the_figure(finished):
    page = (finished / "report" / "index.html").read_text()
    assert "Synthetic demo corpus" in page
    assert "perplexity" in page
    assert " ± " in page
    assert len(list((finished / "report").rglob("*.png"))) == 1


def test_a_second_call_repeats_nothing(out):
    before = results_of(out)
    result = compare(out)
    assert result.exit_code == 0
    assert result.stderr.count("[runs/") == result.stderr.count("/seed-") == 4
    assert result.stderr.count("done before") == 4 + 2
    assert results_of(out) == before


def test_a_changed_option_repeats_the_runs_of_its_quantizer_only(out):
    before = results_of(out)["runs"]
    result = compare(out, "options.rvq.codebooks=3", "seeds=[0]", "options.rvq.codebook_size=4")
    assert result.exit_code == 0, result.output
    assert "[runs/ema/seed-0] done before" in result.stderr
    assert "[runs/rvq/seed-0]\n" in result.stderr
    ema, rvq = results_of(out)["runs"]
    assert ema == before[0]
    assert rvq["codes"] == 4**3


def test_an_interrupted_comparison_goes_on(out, monkeypatch):
    shutil.rmtree(out / "runs" / "rvq" / "seed-1")
    with monkeypatch.context() as patch:
        patch.setattr(comparing.runs, "train", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert compare(out).exit_code != 0
    result = compare(out)
    assert result.exit_code == 0, result.output
    assert "[runs/rvq/seed-1]\n" in result.stderr
    assert result.stderr.count("] done before") == 1 + 3


def test_a_quantizer_that_raises_is_named_and_stops_nobody(out, monkeypatch):
    real = measuring.measure

    def broken(folder, store, seed):
        if folder.parent.name == "rvq":
            raise ZeroDivisionError("no codes <here>")
        return real(folder, store, seed)

    monkeypatch.setattr(comparing, "measure", broken)
    result = compare(out, "train.steps=2", "seeds=[0]")
    assert result.exit_code == 0, result.output
    assert "failed: rvq" in result.stdout
    ema, rvq = results_of(out)["runs"]
    assert ema["error"] is None
    assert rvq["error"] == "ZeroDivisionError: no codes <here>"
    page = (out / "report" / "index.html").read_text()
    assert "rvq (failed: 1 of 1)" in page
    assert "no codes &lt;here&gt;" in page


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("quantizers=['emma']", "Did you mean 'ema'"),
        ("options.rvk.codebooks=2", "Did you mean 'rvq'"),
        ("options.ema.codebook_sise=2", "model.quantizer.codebook_sise"),
        ("options.ema.codebook_size=0", "codebook_size"),
        ("train.step=5", "Did you mean 'train.steps'"),
        ("seeds=[1, 1]", "seeds = [1, 1]"),
        ("quantizers=7", "quantizers = 7"),
        ("model.quantizer.name=ema", "options.NAME.KEY"),
    ],
)
def test_what_cannot_be_used_is_an_error_before_any_work(tmp_path, setting, message):
    result = compare(tmp_path / "q", setting)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert not (tmp_path / "q").exists()


def test_a_folder_with_other_files_is_not_taken_over(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    result = compare(tmp_path)
    assert result.exit_code == 2
    assert "no run of the recipe 'quantizers'" in result.stderr


def test_by_default_all_registered_ones_with_three_seeds_and_equal_bit_rates(tmp_path, isolated_registry):
    isolated_registry()
    settings = resolve_settings(RecipeRequest(name="quantizers", out=tmp_path))
    assert settings.quantizers == registered() == ("cosine", "ema", "fsq", "grouped", "rvq", "vq")
    assert settings.seeds == (0, 1, 2)
    with pytest.raises(UnknownNameError):
        resolve_settings(RecipeRequest(name="quantizers", out=tmp_path, overrides=("quantizers=['nobody']",)))
