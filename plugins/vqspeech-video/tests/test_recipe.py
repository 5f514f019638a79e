"""The recipe end to end at a tiny size: its numbers, its page, its stages, what it refuses."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image
from vqspeech_video.recipes.doom import priors

from vqspeech.runs import RunDirectory
from vqspeech.training import run as runs

TINY = [
    "corpus.name=shapes", "corpus.options={clips=30,clip_frames=8,size=16,valid=0.1,test=0.3}", "model.width=8",
    "model.edge_width=8", "model.dim=8", "model.residual_blocks=1", "model.quantizer.codebook_size=8", "train.steps=20",
    "train.batch_size=16", "train.start_crops=16", "train.validate_every=10", "train.validation_batches=1",
    "train.accelerator=cpu", "train.precision=32-true", "prior.model.history=2", "prior.model.embedding=8",
    "prior.model.blocks=1", "prior.model.layers=2", "prior.model.width=8", "prior.model.head_width=8",
    "prior.train.steps=4", "twin.train.steps=3", "prior.train.accelerator=cpu", "prior.train.precision=32-true",
    "evaluate.context=3", "evaluate.frames=4", "evaluate.seeds=2", "evaluate.shown=2",
]  # fmt: skip


def words_of(out, settings):
    words = ["recipe", "run", "doom", "--out", str(out)]
    return words + [word for setting in settings for word in ("--set", setting)]


@pytest.fixture(scope="module")
def done(tmp_path_factory, vqspeech):
    out = tmp_path_factory.mktemp("runs") / "doom"
    result = vqspeech(*words_of(out, TINY))
    assert result.exit_code == 0, result.output
    return out, result, json.loads((out / "results.json").read_text())


def test_results_hold_every_measure(done):
    results = done[2]
    assert results["steps"] == 20 and results["priors"]["twin"]["steps"] == 3 and results["grid"] == [4, 4]
    nats = results["nats"]
    for one in ("permuted", "none"):
        assert nats[f"{one}_minus_true"]["mean"] == pytest.approx(nats[one]["mean"] - nats["true"]["mean"])
    frames = results["frames"]
    assert len(frames["psnr_db"]["true"]) == len(frames["delta_psnr_db"]) == 4
    gap = np.subtract(frames["psnr_db"]["true"], frames["psnr_db"]["random"])
    assert [step["mean"] for step in frames["delta_psnr_db"]] == pytest.approx(gap.tolist())
    assert len(frames["ssim"]["ceiling"]) == len(frames["turning"]["psnr_db"]["copy"]) == 4
    assert set(results["movement"]) == {"forward", "left", "right"} and results["movement"]["left"]["real_px"] == 2
    assert results["movement"]["right"]["real_px"] == -2
    assert results["actions_read"]["real"] > 0.7 > results["actions_read"]["true"] and results["clips"] > 2
    assert min(results["samples"]["diversity"]) > 0 and min(results["samples"]["drift"]) > 0
    assert results["speed"]["frames"] == 4 and results["speed"]["speedup"] > 0
    assert {"measure", "goal", "value", "reached"} == set(results["goals"][0])
    assert "nats per code" in done[1].output and "goals reached" in done[1].output


def test_the_page_shows_strips_and_animations(done):
    out = done[0]
    page = (out / "report" / "index.html").read_text()
    film = "clip-1.mp4" if find_spec("av") else "clip-1.webp"
    for word in ("strips-1.png", film, "delta PSNR", "Diversity and drift", "all forward", "generated shapes"):
        assert word in page
    with Image.open(out / "pictures" / "clip-0.webp") as animation:
        assert animation.n_frames == 7


def test_a_second_call_repeats_nothing_and_other_amounts_only_the_evaluation(done, vqspeech):
    again = vqspeech(*words_of(done[0], TINY))
    assert again.exit_code == 0 and again.output.count("done before") == 6
    other = vqspeech(*words_of(done[0], [*TINY, "evaluate.shown=1"]))
    assert other.exit_code == 0 and other.output.count("done before") == 4 and "[evaluate]" in other.output


def test_one_can_play_in_what_it_made(done, tmp_path, vqspeech):
    result = vqspeech("play", done[0], "--actions", "right:3", "--out", tmp_path / "x.webp")
    assert result.exit_code == 0 and (tmp_path / "x.webp").is_file(), result.output


def test_a_trained_model_of_frames_is_taken(done, tmp_path, vqspeech):
    own = [one for one in TINY if one.startswith(("prior.", "twin.", "evaluate."))]
    taking = [f"tokenizer={done[0]}", *own]
    result = vqspeech(*words_of(tmp_path / "doom", taking), "--stages", "prepare,train,encode")
    assert result.exit_code == 0 and "taking" in result.output, result.output
    weights = [next(run.glob("checkpoints/*20/model.safetensors")).read_bytes() for run in (done[0], tmp_path / "doom")]
    assert weights[0] == weights[1]
    stages = [json.loads((run / "stages" / "encode.json").read_text()) for run in (done[0], tmp_path / "doom")]
    assert stages[0]["result"] == stages[1]["result"]
    for setting, said in (("model.width=8", "model.width is set"), ("preset=small", "preset is set")):
        refused = vqspeech(*words_of(tmp_path / "other", [*taking, setting]))
        assert refused.exit_code == 2 and said in refused.output and not (tmp_path / "other").exists()


def test_what_is_no_trained_model_of_frames_is_not_taken(done, tmp_path, vqspeech):
    (tmp_path / "settings.toml").write_text('tokenizer = "runs/x"')
    for run, said in ((done[0] / "prior", "no model of images"), (tmp_path, "no checkpoint")):
        refused = vqspeech(*words_of(tmp_path / "other", [f"tokenizer={run}"]))
        assert refused.exit_code == 2 and said in refused.output, refused.output
    refused = vqspeech(*words_of(tmp_path / "other", []), "--config", tmp_path / "settings.toml")
    assert refused.exit_code == 2 and "--set tokenizer=RUN" in refused.output


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("evaluate.frames=6", "9 frames or more"),
        ("evaluate.seeds=1", "evaluate.seeds = 1"),
        ("prior.steps=3", "prior.steps"),
        ("model.kind=vae", "vqvae"),
        ("prior.model.name=pixelcnn", "pixelcnn"),
        ("prior.model.history=0", "model.history"),
        ("corpus.options.clip_frames=1", "clip_frames"),
    ],
)
def test_what_cannot_be_is_said_before_training(tmp_path, vqspeech, setting, said):
    result = vqspeech(*words_of(tmp_path / "run", [*TINY, setting]))
    assert result.exit_code == 2 and said in result.output, result.output
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_priors_are_trained_at_the_same_time_to_the_same_bits(world, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(priors, "STEPS_OF_A_PROCESS", 1)
    monkeypatch.setattr(priors, "available_cores", lambda: [0, 1])
    run, names = RunDirectory(shutil.copytree(world, tmp_path / "run")), ("prior", "twin")
    configs = {name: runs.checked(json.loads(run.below(name).config.read_text())) for name in names}
    for name in names:
        shutil.rmtree(run.below(name).checkpoints)
    trained = list(priors.train_together(run, configs))
    said = capfd.readouterr().err
    for name, result in zip(names, trained, strict=True):
        wanted = RunDirectory(world).below(name).list_checkpoints()[-1] / "model.safetensors"
        assert (result.checkpoint / "model.safetensors").read_bytes() == wanted.read_bytes()
        assert f"{name}: train 4/4" in said
