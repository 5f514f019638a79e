"""Bitstreams whose coder is driven by a prior."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch

from vqspeech.bitstream import pack, unpack
from vqspeech.bitstream.drivers import STEPS_PER_NAT, PriorDriver, named, whole_exponentials
from vqspeech.codec.pitch_codes import LEVELS, pitch_count
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError, UnknownNameError
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.training.codes import LoadedPrior, build_prior

OPTIONS = {
    "name": "wavenet",
    "cycles": 1,
    "layers_per_cycle": 2,
    "residual_channels": 8,
    "skip_channels": 8,
    "head_channels": 8,
    "condition_channels": 4,
}
TRANSFORMER = {"name": "transformer", "layers": 1, "width": 8, "heads": 2, "window": 20}


def prior_of(codec, *, conditions=(), pitch=0, seed=0, options=OPTIONS):
    """A prior with random weights over the codes of a model."""
    torch.manual_seed(seed)
    space = CodeSpace(codebook_sizes=(*codec.codebook_sizes, *[LEVELS + 1] * pitch), conditions=len(conditions))
    model = build_prior(options, space).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return LoadedPrior(
        model=model,
        config=options,
        path=Path("runs/mine/checkpoints/step-00000001"),
        step=1,
        facts={},
        codebook_sizes=space.codebook_sizes,
        space=space,
        level="",
        levels=("",),
        source={"run": "tiny", "checkpoint": "tiny", "modality": "audio", "codebook": codec.codebook},
        conditions=conditions,
        sample_rate=codec.sample_rate,
        hop_samples=codec.hop_samples,
        pitch=pitch,
    )


def same(table, other):
    for row, found in zip(table, other, strict=True):
        np.testing.assert_array_equal(found.codes, row.codes)
        assert (found.id, found.n_samples, found.pitch is None) == (row.id, row.n_samples, row.pitch is None)
        if row.pitch is not None:
            np.testing.assert_array_equal(found.pitch, row.pitch)
    return True


@pytest.mark.parametrize("pitch", [False, True])
@pytest.mark.parametrize("options", [OPTIONS, TRANSFORMER], ids=lambda options: options["name"])
def test_round_trip_of_many_recordings_side_by_side(codec, table, pitch, options):
    prior, codes = prior_of(codec, options=options), table(*range(0, 60, 3), pitch=pitch)
    packed = pack(codes, "tiny", prior=prior)
    assert same(codes, unpack(packed.content, codec, prior=prior))
    # Whole bytes, for at most two blocks.
    assert packed.coded_bits == pytest.approx(packed.code_bits + packed.pitch_bits, abs=17)


def test_bits_are_the_cross_entropy_of_the_prior(codec, table):
    prior, codes = prior_of(codec), table(200)
    with torch.no_grad():
        predictor, nats = prior.model.predictor(1), 0.0
        for code in codes.rows[0].codes[0].tolist():
            nats -= float(predictor.logits().double().log_softmax(1)[0, code])
            predictor.push(torch.tensor([code]))
    packed = pack(codes, "tiny", prior=prior)
    assert packed.code_bits == pytest.approx(nats / math.log(2), rel=1e-3)
    assert packed.coded_bits == pytest.approx(packed.code_bits, abs=9)


def test_a_prior_of_pitch_codes_it_with_each_frame():
    slow = SimpleNamespace(sample_rate=16000, hop_samples=640, codebook_sizes=(16,), codebook="cd" * 32, path="slow")
    draw, rows = np.random.default_rng(0), []
    for frames in (30, 7, 1):
        samples = frames * 640 - 500
        f0 = draw.integers(0, LEVELS + 1, pitch_count(samples, 16000)).astype(np.uint8)
        codes = draw.integers(0, 16, (1, frames))
        rows.append(
            UtteranceCodes(id=str(frames), speaker="", split="", path="", n_samples=samples, codes=codes, pitch=f0)
        )
    codes = CodeTable(sample_rate=16000, hop_samples=640, codebook_sizes=(16,), codebook=slow.codebook, rows=rows)
    prior = prior_of(slow, pitch=2)
    packed = pack(codes, "slow", prior=prior)
    assert same(codes, unpack(packed.content, slow, prior=prior))
    assert packed.pitch_bits == 0
    with pytest.raises(InputError, match="--pitch"):
        pack(replace(codes, rows=[replace(row, pitch=None) for row in rows]), "slow", prior=prior)


def test_a_prior_that_is_conditioned_on_the_speaker(codec, table):
    prior, codes = prior_of(codec, conditions=("bob", "ann")), table(40)
    spoken = {name: replace(codes, rows=(replace(codes.rows[0], speaker=name),)) for name in ("ann", "bob", "eve")}
    contents = {name: pack(spoken[name], "tiny", prior=prior).content for name in ("ann", "bob")}
    assert contents["ann"][-60:] != contents["bob"][-60:]
    assert all(same(codes, unpack(content, codec, prior=prior)) for content in contents.values())
    with pytest.raises(UnknownNameError, match=r"eve.*ann, bob"):
        pack(spoken["eve"], "tiny", prior=prior)


def test_the_prior_that_is_needed_is_named(codec, table):
    prior, other = prior_of(codec), prior_of(codec, seed=1)
    content, plain = pack(table(9), "tiny", prior=prior).content, pack(table(9), "tiny").content
    with pytest.raises(InputError, match=r"'mine'.*--prior"):
        unpack(content, codec)
    with pytest.raises(InputError, match=named(prior).digest.hex()[:12]):
        unpack(content, codec, prior=other)
    with pytest.raises(InputError, match="omit --prior"):
        unpack(plain, codec, prior=prior)


def test_priors_that_cannot_drive_a_coder(codec, table):
    others = prior_of(replace(tiny.codec(started=False)))
    with pytest.raises(InputError, match="train one on these"):
        pack(table(9), "tiny", prior=others)
    lost = prior_of(codec)
    lost.model.predictor = lambda rows, condition=None: None
    with pytest.raises(InputError, match="'wavenet'"):
        pack(table(9), "tiny", prior=lost)
    broken = prior_of(codec)
    with torch.no_grad():
        broken.model.logits[0].bias.fill_(float("nan"))
    with pytest.raises(InputError, match="not finite"):
        pack(table(9), "tiny", prior=broken)


def test_a_machine_that_computes_otherwise_is_noticed(codec, table):
    prior = prior_of(codec)
    content = pack(table(500), "tiny", prior=prior).content

    class Otherwise(PriorDriver):
        """A hundredth of a nat off."""

        def weights(self):
            return [weights * np.exp(0.01 * np.arange(len(weights)) % 0.02) for weights in super().weights()]

    from vqspeech.bitstream import packing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "PriorDriver", Otherwise)
        with pytest.raises(InputError, match=r"same processor.*numba"):
            unpack(content, codec, prior=prior)


def test_whole_exponentials_are_those_of_the_distance():
    table = whole_exponentials()
    assert table[0] == 2**40 and table[-1] == 1 and (table == table.round()).all() and (np.diff(table) <= 0).all()
    wanted = 2.0**40 * np.exp(-np.arange(len(table)) / STEPS_PER_NAT)
    np.testing.assert_allclose(table, wanted, atol=0.6, rtol=1e-12)
