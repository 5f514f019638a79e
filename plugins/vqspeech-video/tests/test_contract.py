"""The modality keeps its contract, and importing the plugin is cheap."""

from vqspeech.testing import assert_light_import, modality_checks
from vqspeech.training import run as runs

OPTIONS = {"clips": 24, "clip_frames": 5, "size": 16, "valid": 0.3, "test": 0.1}
MODEL = {"width": 8, "dim": 8, "residual_blocks": 1, "likelihood": "gaussian"}
SIZES = {"history": 2, "embedding": 8, "blocks": 1, "block_kernel": 3, "layers": 2, "width": 8, "head_width": 8}
TRAIN = {"batch_size": 4, "start_crops": 16, "gradient_clip": 0.0, "warmup_steps": 0, "weight_average": 0.0}


def clips(*, conditioned):
    def setup(folder):
        quantizer = {"name": "ema", "codebook_size": 8}
        values = {"modality": "image", "corpus": {"name": "shapes", "options": OPTIONS}}
        values |= {"model": {**MODEL, "quantizer": quantizer}, "train": {**TRAIN, "steps": 2, "accelerator": "cpu"}}
        config = runs.checked(values)
        run = folder / "run"
        runs.open_run(run, config)
        runs.train(config, run, runs.prepare(config, run, None))
        return {"model": {"name": "frames", "conditioned": conditioned, **SIZES}, "train": TRAIN}, run

    return setup


@modality_checks("frames", clips(conditioned=True))
def test_frames_with_actions(check):
    check()


@modality_checks("frames", clips(conditioned=False))
def test_frames_without_actions(check):
    check()


def test_importing_it_is_cheap():
    assert_light_import("vqspeech_video")
