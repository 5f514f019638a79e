"""The recipes end to end at a tiny size: figures add up, stages are not repeated, codes are not mixed up."""

import json
import math

import numpy as np
import pytest
from layouts import cifar, idx
from PIL import Image
from typer.testing import CliRunner
from vqspeech_image.models import load_images

from vqspeech.cli.main import app
from vqspeech.errors import CheckpointError
from vqspeech.generation import require_priors
from vqspeech.training.codes import load_prior

TINY = [
    "model.width=8", "model.dim=8", "model.residual_blocks=1", "model.quantizer.groups=2",
    "model.quantizer.codebook_size=8", "train.steps=4", "train.batch_size=8", "train.start_crops=16",
    "train.validate_every=2", "train.validation_batches=1", "train.accelerator=cpu", "train.precision=32-true",
    "baselines.vae.model.dim=4", "baselines.vimco.train.steps=2", "baselines.vimco.train.batch_size=2",
    "baselines.vimco.model.vimco={samples=3, variables=2, categories=8}", "prior.model.layers=2",
    "prior.model.width=8", "prior.model.head_width=8", "prior.train.steps=4", "prior.train.accelerator=cpu",
    "prior.train.precision=32-true", "sample.images=4", "evaluate.vimco_images=4",
]  # fmt: skip


def vqspeech(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def recipe(name, out, *arguments, settings=TINY, data=None):
    words = ["recipe", "run", name, "--out", str(out), "--set", "preset=small", *arguments]
    words += [word for setting in settings for word in ("--set", setting)]
    return CliRunner().invoke(app, words + (["--data-dir", str(data)] if data else []))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    from conftest import gradients

    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("runs") / "cifar10"
    cifar(data, gradients)
    result = recipe("cifar10", out, data=data)
    assert result.exit_code == 0, result.output
    return data, out, result


def test_results_add_up(done):
    results = json.loads((done[1] / "results.json").read_text())
    uniform, unigram, learned, vae, vimco = results["bits_per_dimension"]
    assert uniform["latent_nats"] == pytest.approx(8 * 8 * 2 * math.log(8))
    for one in (uniform, unigram, learned, vae):
        assert one["total_nats"] == pytest.approx(one["reconstruction_nats"] + one["latent_nats"])
        assert one["bits_per_dimension"] == pytest.approx(one["total_nats"] / (3072 * math.log(2)))
    assert learned["latent_nats"] == pytest.approx(results["nats_per_code"]["prior"] * 128)
    assert vimco["images"] == 4 and vae["images"] == 12 and results["evaluated_on"] == "test"
    assert results["steps"] == 4 and len(results["codes_used"]) == 2 and results["psnr_db"]["vqvae"] > 5
    assert results["sampling"]["images"] == 4


def test_the_sum_is_printed_term_by_term(done):
    text = done[2].output
    assert "reconstruction" in text and "8 x 8 x 2 codes x log 8, uniform prior" in text and "bits/dim" in text


def test_the_report_shows_grids_and_the_paper_s_figures(done):
    page = (done[1] / "report" / "index.html").read_text()
    for word in ("4.67", "4.51", "5.14", "samples.png", "reconstructions.png", "dequantised", "part of CIFAR-10"):
        assert word in page
    assert (done[1] / "report" / "figures" / "samples.png").stat().st_size > 100


def test_a_second_call_repeats_nothing_and_another_sample_only_that(done):
    data, out, _ = done
    again = recipe("cifar10", out, data=data)
    assert again.exit_code == 0 and again.output.count("done before") == 10
    other = recipe("cifar10", out, data=data, settings=[*TINY, "sample.images=5"])
    assert other.output.count("done before") == 8 and "[sample]\n" in other.output


def test_stages_one_by_one(done, tmp_path):
    data, _, _ = done
    first = recipe("cifar10", tmp_path / "run", "--stages", "prepare,train", data=data)
    assert first.exit_code == 0 and "stages done: prepare, train" in first.output
    assert not (tmp_path / "run" / "prior" / "store").exists()
    early = recipe("cifar10", tmp_path / "run", "--stages", "sample", data=data)
    assert early.exit_code == 2 and "has not run" in early.output


def test_info_tells_what_a_run_is(done):
    told = CliRunner().invoke(app, ["info", str(done[1])]).output
    assert "grouped" in told and "vqspeech-image" in told and "52 of 60,000" in told
    assert "pixelcnn" in CliRunner().invoke(app, ["info", str(done[1] / "prior")]).output


def test_a_prior_on_other_codes_is_refused(done):
    _, out, _ = done
    require_priors(load_images(out), [load_prior(out / "prior")])
    with pytest.raises(CheckpointError, match=r"trained on the codes of .*train it on these"):
        require_priors(load_images(out / "baselines" / "vimco"), [load_prior(out / "prior")])


def test_images_become_codes_and_images_on_the_command_line(done, tmp_path):
    _, out, _ = done
    picture = out / "pictures" / "samples.png"
    encoded = vqspeech("encode", out, picture, "--out", tmp_path / "codes.parquet")
    assert encoded.exit_code == 0 and "1 items" in encoded.output, encoded.output
    decoded = vqspeech("decode", out, tmp_path / "codes.parquet", "--out", tmp_path / "decoded")
    assert decoded.exit_code == 0 and decoded.output.split() == [str(tmp_path / "decoded" / "samples.png")]
    assert Image.open(tmp_path / "decoded" / "samples.png").size == (32, 32)


def test_samples_on_the_command_line(done, tmp_path):
    _, out, _ = done
    drawn = vqspeech("sample", out, "--prior", out / "prior", "--count", 3, "--out", tmp_path / "new", "--seed", 2)
    assert drawn.exit_code == 0, drawn.output
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [f"sample-{number}.png" for number in range(3)]
    one = vqspeech("sample", out, "--prior", out / "prior", "--out", tmp_path / "one.png", "--seed", 2)
    assert one.exit_code == 0
    assert np.array_equal(Image.open(tmp_path / "one.png"), Image.open(tmp_path / "new" / "sample-0.png"))
    other = vqspeech("sample", out / "baselines" / "vimco", "--prior", out / "prior", "--out", tmp_path / "no")
    assert other.exit_code == 2 and "codebook" in " ".join(other.output.split())


def test_speech_commands_refuse_an_image_model(done, tmp_path):
    _, out, _ = done
    (tmp_path / "a.wav").write_bytes(b"x")
    for words in (
        ["speakers", out],
        ["encode", out, tmp_path / "a.wav", "--out", tmp_path / "c.parquet"],
        ["convert", out, tmp_path / "a.wav", "--speaker", "a", "--out", tmp_path / "b.wav"],
    ):
        assert vqspeech(*words).exit_code == 2, words


def test_without_data_it_says_where_to_get_it(tmp_path):
    result = recipe("cifar10", tmp_path / "run")
    assert result.exit_code == 2 and "cifar-10-python.tar.gz" in result.output


KMNIST = [
    "model.width=8", "model.dim=4", "model.quantizer.codebook_size=8", "train.steps=3", "train.batch_size=8",
    "train.start_crops=16", "train.validate_every=3", "train.accelerator=cpu", "prior.model.layers=2",
    "prior.model.width=8", "prior.model.head_width=8", "prior.train.steps=3", "prior.train.accelerator=cpu",
    "sample.images=10", "evaluate.images=20",
]  # fmt: skip


@pytest.mark.parametrize("preset, grid", [("small", [1, 1]), ("grid", [7, 7])])
def test_kmnist(tmp_path, images, preset, grid):
    idx(tmp_path, images)
    result = recipe("kmnist", tmp_path / "run", "--set", f"preset={preset}", settings=KMNIST, data=tmp_path)
    assert result.exit_code == 0, result.output
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [level["grid"] for level in results["levels"]] == [grid] and results["sampling"]["by_class"]
    assert "black and white" in (tmp_path / "run" / "report" / "index.html").read_text()


TWO = [one for one in TINY if "baselines" not in one] + [
    "model.top_quantizer.groups=1", "model.top_quantizer.codebook_size=4", "prior.top.model.layers=2",
    "prior.bottom.model.layers=2", "prior.bottom.model.top_blocks=1", "prior.top.train.steps=3",
    "prior.bottom.train.steps=2",
]  # fmt: skip


def test_two_levels_end_to_end(tmp_path, images):
    cifar(tmp_path / "data", images)
    out = tmp_path / "run"
    result = recipe("cifar10", out, "--set", "preset=vqvae2", settings=TWO, data=tmp_path / "data")
    assert result.exit_code == 0, result.output
    results = json.loads((out / "results.json").read_text())
    top, bottom = results["levels"]
    assert (top["name"], top["grid"], top["codes"]) == ("top", [4, 4], 16)
    assert (bottom["name"], bottom["grid"], bottom["codes"]) == ("bottom", [8, 8], 128)
    uniform, _, learned = results["bits_per_dimension"]
    assert uniform["latent_nats"] == pytest.approx(16 * math.log(4) + 128 * math.log(8))
    assert learned["latent_nats"] == pytest.approx(
        16 * top["nats_per_code"]["prior"] + 128 * bottom["nats_per_code"]["prior"]
    )
    assert [results["priors"][name]["steps"] for name in ("prior-top", "prior-bottom")] == [3, 2]
    assert results["codebook_size"] == [4, 8, 8] and results["psnr_db"]["vqvae2"] > 5
    assert top["swapped_bits"] > 0 < bottom["swapped_bits"]
    page = (out / "report" / "index.html").read_text()
    assert "with the bottom codes of another image" in page
    assert "VQ-VAE-2" in page and "top 4 x 4 x 1, bottom 8 x 8 x 2" in page and "prior-bottom" in page
    again = recipe("cifar10", out, "--set", "preset=vqvae2", settings=TWO, data=tmp_path / "data")
    assert again.exit_code == 0 and again.output.count("done before") == 10


SECOND = [
    "model.width=8", "model.edge_width=4", "model.dim=8", "model.quantizer.codebook_size=8", "model.residual_blocks=1",
    "train.steps=3", "train.batch_size=4", "train.start_crops=16", "train.validate_every=3", "train.accelerator=cpu",
    "prior.model.layers=1", "prior.model.width=4", "prior.model.head_width=4", "prior.train.steps=2",
    "prior.train.accelerator=cpu", "second.model.layers=1", "second.model.width=4", "second.model.head_width=4",
    "second.model.encoder_width=4", "second.model.dim=6",
    "second.model.quantizer={name='grouped', groups=3, codebook_size=4}", "second.train.steps=2",
    "second.train.start_crops=8", "second.train.accelerator=cpu", "sample.images=2",
]  # fmt: skip


def test_a_second_stage_over_the_codes_of_clips(tmp_path, images):
    import numpy as np

    (tmp_path / "clips").mkdir()
    for number in range(20):
        np.save(tmp_path / "clips" / f"{number}.npy", images(3, 16, 16, 3, number))
    out = tmp_path / "run"
    result = recipe("frames", out, settings=SECOND, data=tmp_path / "clips")
    assert result.exit_code == 0, result.output
    results = json.loads((out / "results.json").read_text())
    second = results["second"]
    assert results["corpus"]["name"] == "frames" and results["levels"][0]["grid"] == [4, 4]
    assert (
        second["latents"] == [4, 4, 4]
        and second["steps"] == 2
        and second["images"] == results["bits_per_dimension"][0]["images"]
    )
    assert second["nats_per_code"]["true"] > 0 and all(0 <= bits <= 2 for bits in second["entropy_bits"])
    assert (
        "second stage: " in result.output and "latents of another image" in (out / "report" / "index.html").read_text()
    )
    assert (out / "pictures" / "second.png").stat().st_size > 100
    again = recipe("frames", out, settings=SECOND, data=tmp_path / "clips")
    assert again.exit_code == 0 and again.output.count("done before") == 10
    other = recipe("frames", out, settings=[*SECOND, "second.train.steps=3"], data=tmp_path / "clips")
    assert other.exit_code == 2 and "second" in other.output


def test_a_folder_of_photographs(tmp_path, images):
    from PIL import Image

    data = tmp_path / "data"
    data.mkdir()
    for number, pixels in enumerate(images(30, 20, 24, 3)):
        Image.fromarray(pixels).save(data / f"{number}.png")
    (data / "notes.txt").write_text("x")
    settings = [*(one for one in KMNIST if "batch_size" not in one), "train.batch_size=4", "corpus.options.size=16"]
    result = recipe("imagenet", tmp_path / "run", settings=settings, data=data)
    assert result.exit_code == 0, result.output
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["levels"][0]["grid"] == [4, 4] and results["corpus"]["skipped"] == 1 and "notes.txt" in result.output


def test_a_prior_by_class_needs_every_class(tmp_path, images):
    from PIL import Image

    from vqspeech.errors import ConfigError
    from vqspeech.training import run as runs

    (tmp_path / "data" / "cats").mkdir(parents=True)
    for number, pixels in enumerate(images(8, 8, 8, 3)):
        place = tmp_path / "data" / ("cats" if number % 2 else "")
        Image.fromarray(pixels).save(place / f"{number}.png")
    train = {"steps": 1, "batch_size": 2, "start_crops": 4, "accelerator": "cpu"}
    model = {"width": 4, "dim": 4, "quantizer": {"name": "vq", "codebook_size": 4}}
    values = {"modality": "image", "corpus": {"name": "image-folder"}, "model": model, "train": train}
    run, config = tmp_path / "run", runs.checked(values)
    runs.open_run(run, config)
    runs.train(config, run, runs.prepare(config, run, tmp_path / "data"))
    prior = runs.checked({"modality": "codes", "model": {"name": "pixelcnn"}, "train": train})
    with pytest.raises(ConfigError, match="4 of 8 have none"):
        runs.train(prior, run / "prior", runs.prepare(prior, run / "prior", run))
