"""Read and write recordings of any length in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.audio.full_scale import FullScale, limited
from vqspeech.errors import AudioError, InputError

BLOCK_SAMPLES = 1 << 17
"""Samples per block: about eight seconds at 16 kHz."""

_HEADER_BYTES = 4096
"""At least the size of a header with its comments."""


def blocks(path: str | Path, sample_rate: int = 16000) -> Iterator[npt.NDArray[np.float32]]:
    """Read like `audio.read`, block by block; resampled by the same filter.

    Yields
    ------
    float32 (time,) in [-1, 1), any time

    Raises
    ------
    AudioError : as `audio.read`, when the position is reached; of another scale at the end
    """
    import soxr

    with audio.opened(path) as file:
        rate, given, taken, full_scale = file.samplerate, 0, 0, FullScale(path, file.format)
        resampler = soxr.ResampleStream(rate, sample_rate, 1, "float32", "HQ") if rate != sample_rate else None
        for block in audio.mono(path, file, BLOCK_SAMPLES):
            if not np.isfinite(block).all():
                raise AudioError(f"{path}: {np.count_nonzero(~np.isfinite(block))} samples are NaN or infinite")
            block = full_scale.limit(block)
            taken += len(block)
            if resampler is not None:
                block = resampler.resample_chunk(block)
            given += len(block)
            yield limited(block)
    if resampler is not None:
        rest = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        missing = -(-taken * sample_rate // rate) - given
        yield limited(np.pad(rest[:missing], (0, max(0, missing - len(rest)))))
    full_scale.check()
    full_scale.warn()


class Writer:
    """A mono 16-bit wav or flac written piece by piece, under a temporary name until it is closed.

    Parameters
    ----------
    path : ends in ``.wav`` or ``.flac``; an existing file is replaced on completion
    sample_rate : rate in Hz

    Raises
    ------
    InputError : another file name ending, an unwritable folder, a full disk; no file remains then
    """

    def __init__(self, path: str | Path, sample_rate: int) -> None:
        import soundfile

        self.path = Path(path)
        container = audio.container_of(path)
        self._whole = ExitStack()
        self._sound: soundfile.SoundFile | None = None
        file = self._whole.enter_context(audio.replacing(self.path))
        with self._errors():
            # libsndfile writes the header at once, and says "System error" of a full disk.
            file.write(bytes(_HEADER_BYTES))
            file.flush()
            file.seek(0)
            file.truncate()
            self._sound = soundfile.SoundFile(
                file.fileno(), "w", sample_rate, 1, "PCM_16", format=container, closefd=False
            )
            self._sound.software = audio.SOFTWARE

    def write(self, samples: npt.ArrayLike) -> None:
        """Append float samples (time,), clipped to [-1, 1), or int16."""
        assert self._sound is not None
        with self._errors():
            self._sound.write(audio.to_int16(samples))

    def close(self) -> None:
        """Complete the file and rename it."""
        assert self._sound is not None
        with self._errors():
            self._sound.close()
        self._whole.close()

    def discard(self) -> None:
        """Delete the file."""
        with suppress(InputError), self._errors():
            raise OSError("given up")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn libsndfile's errors into errors of the file, and delete it."""
        from soundfile import LibsndfileError

        try:
            yield
        except (LibsndfileError, AssertionError, OSError) as error:
            # soundfile asserts that libsndfile took all samples.
            lost = f"not everything could be written ({audio.reason(error)})"
            reason = error if isinstance(error, OSError) else OSError(lost)
            if self._sound is not None:
                with suppress(LibsndfileError):
                    self._sound.close()
            self._whole.__exit__(OSError, reason, None)
