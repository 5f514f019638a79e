"""Codes of speech drawn one after the other: from a prompt, by top-p, in blocks, with F0, for voices that fit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vqspeech.codec.pitch_codes import LEVELS, beside_codes, from_codebooks
from vqspeech.codes import UtteranceCodes
from vqspeech.errors import ConfigError, InputError, UnknownNameError
from vqspeech.generation import generate, stream
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.nn.priors.wavenet import wavenet
from vqspeech.training.codes import LoadedPrior

SIZES = (5, 4)


def a_prior(*, pitch=0, conditions=(), hop=320, seed=0):
    torch.manual_seed(seed)
    space = CodeSpace(codebook_sizes=SIZES + (LEVELS + 1,) * pitch, conditions=len(conditions))
    source = {"run": "r", "checkpoint": "c", "modality": "audio", "codebook": "ab" * 32}
    return LoadedPrior(
        model=wavenet(space, layers_per_cycle=2, residual_channels=8).eval(),
        config={"name": "wavenet"},
        path=Path("prior"),
        step=0,
        facts={},
        codebook_sizes=space.codebook_sizes,
        space=space,
        level="",
        levels=("",),
        source=source,
        sample_rate=16_000,
        hop_samples=hop,
        conditions=conditions,
        pitch=pitch,
    )


def a_model(*speakers):
    return SimpleNamespace(speakers=speakers, path=Path("model"))


def a_prompt(frames=6, pitch=None):
    codes = np.arange(2 * frames).reshape(2, frames) % 4
    return UtteranceCodes(id="p", speaker="", split="", path="", n_samples=320 * frames, codes=codes, pitch=pitch)


def test_the_draws_are_those_of_the_prior_in_blocks_of_any_length():
    prior = a_prior()
    whole = prior.model.sample(2, frames=150, seed=4)
    blocks = list(stream(prior, None, 2, 150, seed=4))
    assert [block.shape[2] for block in blocks] == [64, 64, 22] and torch.equal(torch.cat(blocks, 2), whole)
    drawn = [row.codes for row in generate(a_model("a"), [prior], 2, frames=150, seed=4)]
    assert np.array_equal(np.stack(drawn), whole.numpy())


def test_progress_is_reported_block_by_block_and_changes_nothing():
    prior, model, reports = a_prior(), a_model("a"), []
    told = generate(model, [prior], 1, frames=70, seed=2, progress=lambda *report: reports.append(report))
    assert reports == [(64, 70), (70, 70)]
    assert np.array_equal(told.rows[0].codes, generate(model, [prior], 1, frames=70, seed=2).rows[0].codes)


def test_a_narrow_nucleus_is_the_likeliest_code():
    prior, model = a_prior(), a_model("a")
    narrow = generate(model, [prior], 1, frames=20, top_p=1e-6).rows[0].codes
    assert np.array_equal(narrow, generate(model, [prior], 1, frames=20, temperature=0.0).rows[0].codes)


@pytest.mark.parametrize("pitch", [1, 2])
def test_f0_is_drawn_beside_the_codes_and_goes_on_from_that_of_a_prompt(pitch):
    prior = a_prior(pitch=pitch, hop=320 * pitch)
    f0 = np.arange(1, 1 + 6 * pitch).astype(np.uint8)
    (row,) = generate(a_model("a"), [prior], 1, frames=9, prompt=a_prompt(pitch=f0))
    assert row.codes.shape == (2, 15) and row.pitch.shape == (15 * pitch,) and row.pitch.dtype == np.uint8
    assert np.array_equal(row.pitch[: 6 * pitch], f0) and np.array_equal(row.codes[:, :6], a_prompt().codes)
    (alone,) = generate(a_model("a"), [prior], 1, frames=9)
    assert alone.pitch.shape == (9 * pitch,) and alone.codes.max() < 5
    with pytest.raises(InputError, match="F0"):
        generate(a_model("a"), [prior], 1, frames=9, prompt=a_prompt())


def test_codebooks_of_f0_are_codes_of_f0_in_their_order():
    f0 = np.arange(7).astype(np.uint8)
    books = beside_codes(f0, 4, 2)
    assert books.tolist() == [[0, 2, 4, 6], [1, 3, 5, 0]]
    assert from_codebooks(books).tolist() == [*f0, 0]
    assert beside_codes(f0, 3, 1).tolist() == [[0, 1, 2]]


def test_speakers_are_those_that_the_prior_and_the_model_have():
    prior = a_prior(conditions=("a", "b", "c"))
    table = generate(a_model("c", "a", "z"), [prior], 3, frames=2)
    assert [row.speaker for row in table] == ["a", "c", "a"]
    for name in ("b", "z"):
        with pytest.raises(UnknownNameError, match=f"'{name}'"):
            generate(a_model("c", "a", "z"), [prior], 1, frames=2, conditions=[name])
    with pytest.raises(InputError, match="none of the voices"):
        generate(a_model("y", "z"), [prior], 1, frames=2)


def test_a_prior_without_speakers_speaks_in_every_voice_of_the_model():
    table = generate(a_model("y", "z"), [a_prior()], 1, frames=2, conditions=["z"])
    assert table.rows[0].speaker == "z"
    with pytest.raises(UnknownNameError, match="'a'"):
        generate(a_model("y", "z"), [a_prior()], 1, frames=2, conditions=["a"])


def test_a_prompt_of_other_codebooks():
    prompt = UtteranceCodes(id="p", speaker="", split="", path="", n_samples=320, codes=np.zeros((1, 3), np.int64))
    with pytest.raises(InputError, match="1 codebooks"):
        generate(a_model("a"), [a_prior()], 1, frames=2, prompt=prompt)


def test_f0_of_frames_that_do_not_fit():
    from vqspeech.codec.pitch_codes import codes_per_frame

    assert codes_per_frame(16_000, 320) == 1 and codes_per_frame(16_000, 640) == 2
    for rate, hop in ((16_000, 64), (16_000, 400), (16_000, 0)):
        with pytest.raises(ConfigError, match=r"model\.pitch"):
            codes_per_frame(rate, hop)
