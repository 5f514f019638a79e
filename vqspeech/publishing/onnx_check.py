"""Comparison of ONNX graphs with the model that they were written from, by onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import InputError
from vqspeech.nn.decoders.harmonic import Harmonic
from vqspeech.publishing.onnx_parts import CodesOf, PitchOf, SpeechOf

DEVIATION = 1e-2
"""Largest difference of samples from PyTorch's that a graph may have; the full scale is 1.

Rounding of F0 adds up in the phase, which the loud pulses of untrained models show most.
"""

CHANGED = 1e-3
"""Largest share of codes that may differ, and at least one: rounding decides between codes that are equally near."""

PITCH_DEVIATION = 5e-4
"""Largest difference of log F0, two of the steps that it is rounded to; at most `CHANGED` frames differ by more."""

SPOKEN_FRAMES = (1, 7, 60)
"""Lengths of the random codes that are decoded."""

Array = npt.NDArray[Any]


def compare_codes(codec: SpeechCodec, graph: bytes, waveforms: list[npt.NDArray[np.float32]]) -> tuple[int, int]:
    """Encode batches of one to three pieces of random length; return how many codes differ, and all.

    Raises
    ------
    InputError : for a graph that cannot be run on them, or more than `CHANGED`
    """
    rng, rate, hop = np.random.default_rng(0), codec.sample_rate, codec.hop_samples
    model, changed, compared = CodesOf(codec.model), 0, 0
    name = f"the encoder {codec.config.encoder['name']!r} with the quantizer {codec.config.quantizer['name']!r}"
    session = _session(name, graph)
    for waveform in waveforms:
        place = 0
        while place < len(waveform):
            rows = [waveform[place : place + int(size)] for size in rng.integers(1, 4 * rate, rng.integers(1, 4))]
            rows = [row for row in rows if len(row)]
            batch = np.zeros((len(rows), max(map(len, rows))), np.float32)
            for row, samples in zip(batch, rows, strict=True):
                row[: len(samples)] = samples
            lengths = np.array([len(row) for row in rows])
            place += batch.shape[1]
            with torch.inference_mode():
                wanted = model(torch.from_numpy(batch), torch.from_numpy(lengths)).numpy()
            made = _run(name, session, {"waveform": batch, "lengths": lengths})[0]
            real = np.arange(wanted.shape[2]) < -(-lengths[:, None] // hop)
            real = np.broadcast_to(real[:, None], wanted.shape)
            _require_shape(name, made, wanted)
            changed, compared = changed + int((made != wanted)[real].sum()), compared + int(real.sum())
    if changed > max(1, CHANGED * compared):
        raise InputError(f"as ONNX, {name} gives {changed} of {compared} codes otherwise; it cannot be exported")
    return changed, compared


def compare_speech(codec: SpeechCodec, decoder: Harmonic, graphs: dict[str, bytes]) -> float:
    """Decode random codes of `SPOKEN_FRAMES`; return the largest difference of a sample.

    Raises
    ------
    InputError : for graphs that cannot be run on them, or a difference above `DEVIATION`
    """
    rng, most = np.random.default_rng(0), 0.0
    name = f"the decoder {codec.config.decoder['name']!r} with the quantizer {codec.config.quantizer['name']!r}"
    quantizer = codec.model.quantizer
    pitch, speech = _session(name, graphs["pitch.onnx"]), _session(name, graphs["decoder.onnx"])
    for batch, frames in enumerate(SPOKEN_FRAMES, 1):
        codes = np.stack([rng.integers(0, size, (batch, frames)) for size in codec.codebook_sizes], 1)
        speaker = rng.integers(0, max(1, len(codec.speakers)), batch)
        given = {"codes": codes, "speaker": speaker}
        noise = rng.standard_normal((batch, decoder.source_filter.noise_samples(frames * decoder.frames)), np.float32)
        with torch.inference_mode():
            inputs = torch.from_numpy(codes), torch.from_numpy(speaker)
            contour = PitchOf(quantizer, decoder)(*inputs)
            wanted = SpeechOf(quantizer, decoder)(*inputs, *contour, torch.from_numpy(noise)).numpy()
        log_f0, voiced = _run(name, pitch, given)
        _require_shape(name, log_f0, contour.log_f0.numpy())
        unlike = (np.abs(log_f0 - contour.log_f0.numpy()) > PITCH_DEVIATION) | (voiced != contour.voiced.numpy())
        if unlike.sum() > max(1, CHANGED * unlike.size):
            raise InputError(f"as ONNX, {name} predicts F0 otherwise in {unlike.mean():.2%}; it cannot be exported")
        # Of the same F0: the phase carries rounding of F0 on.
        f0 = {"log_f0": contour.log_f0.numpy(), "voiced": contour.voiced.numpy()}
        made = _run(name, speech, {**given, **f0, "noise": noise})[0]
        _require_shape(name, made, wanted)
        most = max(most, float(np.abs(made - wanted).max()))
    if not most <= DEVIATION:
        raise InputError(f"as ONNX, samples of {name} differ by {most:.2g}; it cannot be exported")
    return most


def _session(name: str, graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"as ONNX, {name} cannot be loaded: {_reason(error)}") from error


def _run(name: str, session: Any, inputs: dict[str, Array]) -> list[Array]:
    # A graph keeps only the inputs that it uses.
    used = {one.name: inputs[one.name] for one in session.get_inputs()}
    try:
        made: list[Array] = session.run(None, used)
    except Exception as error:
        raise InputError(f"as ONNX, {name} cannot be run on any length and batch: {_reason(error)}") from error
    return made


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _require_shape(name: str, made: Array, wanted: Array) -> None:
    if made.shape != wanted.shape:
        raise InputError(f"as ONNX, {name} gives {made.shape} instead of {wanted.shape}; it cannot be exported")
