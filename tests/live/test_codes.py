from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from voiced import speech

from vqspeech.errors import InputError
from vqspeech.live.codes import CodeStream
from vqspeech.nn.encoders.conv import ConvEncoder


def streamed(codec, waveform, sizes=(700,), **options):
    stream, found, at = CodeStream(codec, **options), [], 0
    while at < len(waveform):
        size = sizes[len(found) % len(sizes)]
        found += stream.push(waveform[at : at + size])
        at += size
    return [*found, stream.finish()]


def joined(found):
    return np.concatenate([codes.decided for codes in found if codes is not None], 1)


@pytest.mark.parametrize("time", [1, 319, 321, 40_000, 40_320])
@pytest.mark.parametrize("step", [1, 3])
def test_with_the_encoders_reach_codes_are_those_of_the_whole_recording(codec, time, step):
    waveform = speech(3.0)[:time]
    ahead = CodeStream(codec, ahead=0).exact_ahead
    whole = codec.encode(torch.from_numpy(waveform)[None])[0].numpy()
    assert len(np.unique(whole)) > 3 or time < 1000
    np.testing.assert_array_equal(joined(streamed(codec, waveform, ahead=ahead, step=step)), whole)


def test_one_frame_less_than_the_reach_is_not_enough(codec):
    """`exact_ahead` is no more than it must be: noise after it changes nothing, noise before its end does."""
    ahead = CodeStream(codec, ahead=0).exact_ahead
    latents = []
    for quiet in (0, ahead * 320, (ahead + 1) * 320):
        waveform = torch.randn(1, 200 * 320, generator=torch.Generator().manual_seed(1))
        waveform[:, 80 * 320 + quiet :] = 0
        latents.append(codec.model.encoder(waveform)[0, :, 79])
    _, reach, more = latents
    whole = codec.model.encoder(torch.randn(1, 200 * 320, generator=torch.Generator().manual_seed(1)))[0, :, 79]
    torch.testing.assert_close(reach, whole)
    torch.testing.assert_close(more, whole)
    assert not torch.allclose(latents[0], whole)


@pytest.mark.parametrize("ahead", [0, 4])
def test_a_code_is_that_of_a_recording_that_ends_then(codec, ahead):
    waveform = speech(2.0)
    for codes in streamed(codec, waveform, ahead=ahead, step=2)[:-1]:
        if codes.first % 16 == 0:
            known = torch.from_numpy(waveform[: (codes.last + ahead) * 320])[None]
            expected = codec.encode(known)[0].numpy()
            np.testing.assert_array_equal(codes.codes, expected[:, codes.first :])


def test_codes_do_not_depend_on_blocks(codec):
    waveform = speech(2.0)
    once = streamed(codec, waveform, (len(waveform),), ahead=3, step=2)
    many = streamed(codec, waveform, (1, 500, 3000, 13), ahead=3, step=2)
    assert [(one.first, one.last) for one in once] == [(one.first, one.last) for one in many]
    np.testing.assert_array_equal(joined(once), joined(many))


def test_memory_does_not_grow(codec):
    stream = CodeStream(codec, ahead=2)
    held = []
    for _ in range(40):
        stream.push(speech(0.5))
        held.append(len(stream._held))
    assert max(held[20:]) == max(held[5:10]) < 16_000


def test_nothing_has_no_codes(codec):
    stream = CodeStream(codec, ahead=2)
    assert stream.push(np.zeros(0, np.float32)) == [] and stream.finish() is None


def test_an_encoder_of_whole_recordings_is_refused(codec, monkeypatch):
    monkeypatch.setattr(ConvEncoder, "span", None)
    with pytest.raises(InputError, match=r"'conv'.*as a whole.*vqspeech convert"):
        CodeStream(replace(codec), ahead=2)
