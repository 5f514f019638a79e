"""Audio files of many containers: read at once, in blocks and by header, which must agree."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path
from random import Random

import numpy as np
import soundfile
from fuzzing import Target, mutated_bytes

from vqspeech import audio
from vqspeech.audio.stream import blocks
from vqspeech.errors import AudioError

SUBTYPES = {
    "WAV": ("PCM_16", "PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM"),
    "AIFF": ("PCM_16", "FLOAT"),
    "AU": ("PCM_16", "ALAW"),
    "FLAC": ("PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_III",),
    "NIST": ("PCM_16",),
    "CAF": ("PCM_16",),
    "W64": ("PCM_16",),
    "RF64": ("PCM_16",),
    "VOC": ("PCM_16",),
}
SAMPLES, RATE = 3000, 16000
HEADER_BYTES = 64
"""Most mutations are of the first bytes, in which containers keep rates and lengths."""

NUMBERS = (0, 1, 2, 7, 999, 1000, 8000, 65535, 10**6, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def base(folder: Path) -> list[tuple[str, bytes]]:
    """Return the name and content of files of every container, of one channel and of two."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (SAMPLES, 2))
    files = []
    for container, subtypes in SUBTYPES.items():
        for subtype in subtypes:
            for channels in (1, 2):
                whole = io.BytesIO()
                soundfile.write(whole, noise[:, :channels], RATE, format=container, subtype=subtype)
                files.append((f"a.{container.lower()}", whole.getvalue()))
    return files


def case(files: list[tuple[str, bytes]], draw: Random, folder: Path) -> None:
    """Change bytes of a file, or a number in its header; read it."""
    name, content = draw.choice(files)
    kind = draw.random()
    if kind < 0.4:
        content = mutated_bytes(content[:HEADER_BYTES], draw) + content[HEADER_BYTES:]
    elif kind < 0.7:
        place = draw.randrange(HEADER_BYTES)
        number = struct.pack(draw.choice("<>") + "I", draw.choice(NUMBERS))
        content = content[:place] + number + content[place + 4 :]
    else:
        content = mutated_bytes(content, draw)
    path = folder / name
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            samples = audio.read(path)
        except AudioError:
            assert refuses(path), "in blocks it is read"
            raise
        assert samples.dtype == np.float32 and samples.ndim == 1 and len(samples), "no samples"
        assert np.isfinite(samples).all() and np.abs(samples).max() <= 1, "samples beyond full scale"
        assert np.array_equal(samples, np.concatenate(list(blocks(path)))), "in blocks it is something else"
        info = audio.probe(path)
    # The header of an MP3 or Ogg may be off by what its decoder adds.
    slack = 4000 * 16000 / info.sample_rate if name.endswith(("mp3", "ogg")) else 2
    assert abs(info.duration_s * 16000 - len(samples)) <= slack, "the header says another length"


def refuses(path: Path) -> bool:
    """Return whether a file is refused in blocks, too."""
    try:
        for _ in blocks(path):
            pass
    except AudioError:
        return True
    return False


TARGETS = [Target(name="audio files", base=base, case=case, cases=150)]
