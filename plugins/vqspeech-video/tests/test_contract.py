"""The modality keeps its contract, and importing the plugin is cheap."""

from dataclasses import replace

import torch
from vqspeech_video.nn.batch import MISSING, FrameBatch
from vqspeech_video.nn.prior import frames

from vqspeech.nn.priors.protocol import CodeSpace, Prior
from vqspeech.testing import assert_light_import, modality_checks, prior_checks
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


class AfterOneFrame(Prior):
    """The prior `frames` after the first frame of a clip, which takes the place of codes of a level above.

    The only action is the condition.
    """

    def __init__(self, space, **options):
        super().__init__()
        self.frames = frames(replace(space, above=None), **options)
        self.sizes = torch.tensor(space.codebook_sizes).view(1, -1, 1, 1)

    def history(self, codes, actions):
        """`FrameBatch.history` and `FrameBatch.actions` of one frame and one action."""
        codes, missing = codes % self.sizes, torch.full_like(codes, MISSING)
        none = torch.full((len(codes),), MISSING)
        return torch.stack([codes, missing], 1), torch.stack([none if actions is None else actions, none], 1)

    def loss(self, batch, generator=None):
        history = self.history(batch.above, batch.condition)
        return self.frames.loss(FrameBatch(batch.codes, *history, share=batch.share), generator)

    def sample(self, count, *, frames=None, condition=None, above=None, seed=0, temperature=1.0):
        return self.frames.sample_next(*self.history(above, condition), seed=seed, temperature=temperature)

    def shuffled(self, batch):
        return self.loss(batch._replace(above=batch.above.roll(1, 0), condition=batch.condition.roll(1, 0))).terms[
            "nll"
        ]


BEFORE = CodeSpace(codebook_sizes=(7,), grid=(3, 4))


@prior_checks(
    AfterOneFrame, space=CodeSpace(codebook_sizes=(7,), grid=(3, 4), conditions=3, above=BEFORE), options=SIZES
)
def test_the_prior_after_a_frame(check):
    check()


def test_importing_it_is_cheap():
    assert_light_import("vqspeech_video")
