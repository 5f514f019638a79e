"""Speaker embeddings by GE2E (Wan et al. 2018), with the weights of the package resemblyzer.

Its own modules are not imported: they need pkg_resources and deprecated names of scipy. Results equal those of
``VoiceEncoder.embed_utterance(preprocess_wav(...))`` of resemblyzer 0.1.4 (Jemine 2019, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vqspeech.analysis.listening.judge.installed import missing, reason
from vqspeech.errors import InputError

if TYPE_CHECKING:
    from torch import nn

NAME = "ge2e, resemblyzer"
SAMPLE_RATE = 16000
DIM = 256

_WINDOW = 480
"""Samples of a decision of the voice activity detector, 30 ms."""

_SMOOTHING, _LONGEST_SILENCE = 8, 6
"""Windows of the moving average, and of silence that is kept."""

_LEAST_LEVEL_DBFS = -30.0
_FRAME, _HOP, _BANDS = 400, 160, 40
_PART_FRAMES = 160
"""Frames that the network sees at once, 1.6 s."""

_PARTS_PER_SECOND, _LEAST_COVERAGE = 1.3, 0.75


class Embedder(Protocol):
    """What describes a voice by a vector of length 1."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON values that identify it in results."""
        ...

    def embed(self, waveform: np.ndarray) -> np.ndarray | None:
        """Return the embedding (dim,) of a waveform (time,) float32 at 16 kHz; None without speech."""
        ...


class Ge2e:
    """The speaker encoder of resemblyzer: an LSTM over mel spectra of 1.6 s, averaged."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Name of network and weights."""
        return {"name": NAME}

    def embed(self, waveform: np.ndarray) -> np.ndarray | None:
        """Return the embedding (256,) of a waveform (time,) float32 at 16 kHz; None without speech."""
        import torch

        spoken = speech_parts(waveform)
        if not len(spoken):
            return None
        with torch.inference_mode():
            parts = self._network(torch.from_numpy(mel_parts(spoken))).numpy()
        return unit(parts.mean(axis=0))

    @cached_property
    def _network(self) -> nn.Module:
        import torch

        state = torch.load(_weights(), map_location="cpu", weights_only=True)["model_state"]
        network = _network()
        # The other two scale similarities in training.
        network.load_state_dict({key: value for key, value in state.items() if not key.startswith("similarity_")})
        return network.eval()


def why_not() -> str | None:
    """Return why no voice can be embedded, or None when it can."""
    absent = missing("resemblyzer", "_webrtcvad")
    names = {"resemblyzer": "resemblyzer", "_webrtcvad": "webrtcvad"}
    return reason("similarity of voices", [names[name] for name in absent]) if absent else None


def unit(vector: np.ndarray) -> np.ndarray:
    """Scale a vector to length 1."""
    scaled: np.ndarray = (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)
    return scaled


def mean_embedding(embeddings: Iterable[np.ndarray]) -> np.ndarray:
    """Return the embedding of a speaker: the mean over recordings, of length 1.

    Raises
    ------
    InputError : without any
    """
    stacked = list(embeddings)
    if not stacked:
        raise InputError("a speaker without a recording that holds speech has no embedding")
    return unit(np.mean(stacked, axis=0))


def speech_parts(waveform: np.ndarray) -> np.ndarray:
    """Return a waveform without long silences, at -30 dBFS or above; empty without speech.

    Parameters
    ----------
    waveform : (time,) float32 at 16 kHz in [-1, 1]
    """
    whole = len(waveform) - len(waveform) % _WINDOW
    rms = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))) if whole else 0.0
    if rms == 0.0:
        return waveform[:0]
    level = 20 * np.log10(rms)
    if level < _LEAST_LEVEL_DBFS:
        waveform = waveform * np.float32(10 ** ((_LEAST_LEVEL_DBFS - level) / 20))
    waveform = waveform[:whole]
    kept: np.ndarray = waveform[np.repeat(_spoken(waveform), _WINDOW)]
    return kept


def mel_parts(waveform: np.ndarray) -> np.ndarray:
    """Compute mel spectra of the overlapping parts of a waveform (time,): (parts, 160, 40) float32."""
    import librosa

    frames = -(-(len(waveform) + 1) // _HOP)
    step = round(SAMPLE_RATE / _PARTS_PER_SECOND / _HOP)
    starts = list(range(0, max(1, frames - _PART_FRAMES + step + 1), step))
    covered = (len(waveform) - starts[-1] * _HOP) / (_PART_FRAMES * _HOP)
    if covered < _LEAST_COVERAGE and len(starts) > 1:
        starts.pop()
    missing_samples = max(0, (starts[-1] + _PART_FRAMES) * _HOP - len(waveform))
    power = librosa.feature.melspectrogram(
        y=np.pad(waveform, (0, missing_samples)), sr=SAMPLE_RATE, n_fft=_FRAME, hop_length=_HOP, n_mels=_BANDS
    ).T
    return np.stack([power[start : start + _PART_FRAMES] for start in starts]).astype(np.float32)


def _spoken(waveform: np.ndarray) -> np.ndarray:
    """Return which windows of 30 ms are kept, (windows,) bool."""
    import _webrtcvad
    from scipy.ndimage import binary_dilation

    pcm = np.round(waveform * 32767).clip(-32768, 32767).astype("<i2").tobytes()
    detector = _webrtcvad.create()
    _webrtcvad.init(detector)
    _webrtcvad.set_mode(detector, 3)
    size = 2 * _WINDOW
    voiced = [
        bool(_webrtcvad.process(detector, SAMPLE_RATE, pcm[at : at + size], _WINDOW)) for at in range(0, len(pcm), size)
    ]
    padded = np.pad(np.asarray(voiced, dtype=np.float64), ((_SMOOTHING - 1) // 2, _SMOOTHING // 2))
    share = np.convolve(padded, np.full(_SMOOTHING, 1 / _SMOOTHING), mode="valid")
    spoken: np.ndarray = binary_dilation(share > 0.5, np.ones(_LONGEST_SILENCE + 1))
    return spoken


def _network() -> nn.Module:
    import torch
    from torch import Tensor, nn

    class Network(nn.Module):
        """(parts, frames, bands) to (parts, 256), each of length 1."""

        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(_BANDS, DIM, 3, batch_first=True)
            self.linear = nn.Linear(DIM, DIM)

        def forward(self, mels: Tensor) -> Tensor:
            _, (hidden, _) = self.lstm(mels)
            raw = torch.relu(self.linear(hidden[-1]))
            return raw / raw.norm(dim=1, keepdim=True).clamp_min(1e-12)

    return Network()


def _weights() -> Path:
    spec = find_spec("resemblyzer")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(why_not() or "resemblyzer is not installed")
    return Path(spec.submodule_search_locations[0]) / "pretrained.pt"
