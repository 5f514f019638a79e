"""Write the parts of a trained model as ONNX graphs, checked against PyTorch with onnxruntime."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vqspeech import untrusted
from vqspeech.claims import claimed
from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import InputError
from vqspeech.files import whole_directory
from vqspeech.nn.decoders.excitation import SOURCE_FRAMES
from vqspeech.nn.decoders.harmonic import Harmonic
from vqspeech.publishing.onnx_check import compare_codes, compare_speech
from vqspeech.publishing.onnx_parts import CodesOf, PitchOf, SpeechOf
from vqspeech.publishing.precision import test_audio
from vqspeech.publishing.selection import chosen_speakers, published_codec, published_config, published_weights

FACTS = "model.json"
FORMAT = "vqspeech-onnx 1"
FILES = frozenset({FACTS, "encoder.onnx", "pitch.onnx", "decoder.onnx"})
"""Files of an export."""

OPSET = 17
Axes = dict[str, dict[int, str]]


@dataclass(frozen=True, kw_only=True)
class OnnxExported:
    """What an export wrote.

    Parameters
    ----------
    path : the directory
    megabytes : size of all files
    changed, codes : codes of the test audio that differ from PyTorch's, and all
    of : the test audio, in words
    deviation : largest difference of a sample from PyTorch's
    """

    path: Path
    megabytes: float
    changed: int
    codes: int
    of: str
    deviation: float


def export_onnx(
    codec: SpeechCodec,
    out: Path,
    *,
    speakers: Sequence[str] | None = None,
    codebooks: int | None = None,
    recordings: Sequence[str] = (),
) -> OnnxExported:
    """Write encoder with quantizer, prediction of F0, and decoder as ONNX, and `FACTS`; nothing when one fails.

    Parameters
    ----------
    codec : a trained model with the decoder `harmonic`
    out : directory to write: new, empty, or an earlier export as ONNX, which is replaced
    speakers, codebooks : as in `vqspeech.publishing.export.ExportOptions`
    recordings : audio to check on; held-out utterances of the run, else a synthetic signal, when empty

    Raises
    ------
    InputError : without the extra ``onnx``; for a part that cannot be written as ONNX or computes something else there;
        for a directory that holds other files, cannot be written or that another process writes
    UnknownNameError : for a voice that the model does not have
    AudioError : for recordings that cannot be read
    """
    if importlib.util.find_spec("onnx") is None:
        raise InputError("writing ONNX needs onnx; install it with `pip install 'vqspeech[onnx]'`")
    with claimed([out]):
        require_onnx_free(out)
        chosen, config = chosen_speakers(codec, speakers), published_config(codec, codebooks)
        kept = published_codec(codec, chosen, config, published_weights(codec, chosen, config))
        waveforms, of = test_audio(codec, recordings)
        decoder = _decoder(kept)
        graphs = _graphs(kept, decoder)
        changed, codes = compare_codes(kept, graphs["encoder.onnx"], waveforms)
        deviation = compare_speech(kept, decoder, graphs)
        facts = {
            **_facts(kept, decoder),
            "check": {"audio": of, "codes": codes, "changed": changed, "deviation": deviation},
        }
        files = {**graphs, FACTS: (json.dumps(facts, indent=1) + "\n").encode()}
        try:
            with whole_directory(out, ours=FILES.__contains__, sync=True) as partial:
                for name, content in files.items():
                    (partial / name).write_bytes(content)
        except OSError as error:
            raise InputError(f"cannot write {out}: {error.strerror or error}; choose another folder") from error
    size = sum(map(len, files.values())) / 1e6
    return OnnxExported(path=out, megabytes=size, changed=changed, codes=codes, of=of, deviation=deviation)


def require_onnx_free(out: Path) -> None:
    """Check that a directory can be written: new, empty, or an earlier export as ONNX.

    Raises
    ------
    InputError : when it is a file or holds other files
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a directory")
    held = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    others = [name for name in held if name not in FILES]
    if held and not others and not _made(out):
        others = held
    if others:
        raise InputError(f"{out} holds other files ({', '.join(others[:3])}); give a new or an empty directory")


def _made(out: Path) -> bool:
    try:
        return untrusted.json_object((out / FACTS).read_bytes()).get("format") == FORMAT
    except (OSError, ValueError):
        return False


def _decoder(codec: SpeechCodec) -> Harmonic:
    decoder = codec.model.decoder
    if not isinstance(decoder, Harmonic):
        name = codec.config.decoder["name"]
        raise InputError(f"the decoder {name!r} of {codec.path} cannot be written as ONNX; only `harmonic` can")
    return decoder


def _facts(codec: SpeechCodec, decoder: Harmonic) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "sample_rate": codec.sample_rate,
        "hop_samples": codec.hop_samples,
        "output_rate": codec.output_rate,
        "codebook_sizes": codec.codebook_sizes,
        "codebook": codec.codebook,
        "speakers": codec.speakers,
        "pitch": {
            "frames_per_code": decoder.frames,
            "frame_samples": decoder.frame_samples,
            "mean_log_f0": decoder.pitch_mean.tolist(),
            "deviation_log_f0": decoder.pitch_std.tolist(),
        },
        "noise": {"frames_more": 2 * SOURCE_FRAMES, "of": "unit variance, frame_samples values per pitch frame"},
    }


def _graphs(codec: SpeechCodec, decoder: Harmonic) -> dict[str, bytes]:
    model, options = codec.model, codec.config
    waveform = torch.randn(2, 9 * codec.hop_samples, generator=torch.Generator().manual_seed(0)) * 0.1
    lengths = torch.tensor([9 * codec.hop_samples, 7 * codec.hop_samples])
    codes = torch.zeros(2, len(codec.codebook_sizes), 9, dtype=torch.int64)
    speaker = torch.zeros(2, dtype=torch.int64)
    noise = torch.zeros(2, decoder.source_filter.noise_samples(9 * decoder.frames))
    f0 = {"log_f0": {0: "batch", 1: "pitch_frames"}, "voiced": {0: "batch", 1: "pitch_frames"}}
    given: Axes = {"codes": {0: "batch", 2: "frames"}, "speaker": {0: "batch"}}
    parts = f"the encoder {options.encoder['name']!r} or the quantizer {options.quantizer['name']!r} of {codec.path}"
    spoken = f"the decoder {options.decoder['name']!r} or the quantizer {options.quantizer['name']!r} of {codec.path}"
    waves: Axes = {"waveform": {0: "batch", 1: "samples"}, "lengths": {0: "batch"}}
    pitch = PitchOf(model.quantizer, decoder)
    with torch.no_grad():
        contour = pitch(codes, speaker)
    noisy: Axes = {**given, **f0, "noise": {0: "batch", 1: "noise_samples"}}
    return {
        "encoder.onnx": _graph(parts, CodesOf(model), (waveform, lengths), waves, {"codes": given["codes"]}),
        "pitch.onnx": _graph(spoken, pitch, (codes, speaker), given, f0),
        "decoder.onnx": _graph(
            spoken,
            SpeechOf(model.quantizer, decoder),
            (codes, speaker, *contour, noise),
            noisy,
            {"waveform": waves["waveform"]},
        ),
    }


def _graph(what: str, part: nn.Module, inputs: tuple[Tensor, ...], axes: Axes, results: Axes) -> bytes:
    """Record a part as a graph; shapes that a plugin's code fixes are found by the comparison afterwards."""
    file = BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                part.eval(),
                inputs,
                file,  # type: ignore[arg-type]
                dynamo=False,
                opset_version=OPSET,
                input_names=list(axes),
                output_names=list(results),
                dynamic_axes={**axes, **results},
            )
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{what} cannot be written as ONNX: {reason}. Nothing was written") from error
    return file.getvalue()
