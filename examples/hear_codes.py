"""Hear codes: encode a recording, change its codes, and decode them in two voices.

    python examples/hear_codes.py [RUN] [AUDIO]

Without a run it trains a toy model for a few seconds on synthetic vowels, which hums rather than speaks.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import vqspeech
from vqspeech import audio
from vqspeech.testing.speech import write_corpus

TOY = {
    "corpus": {"name": "folder"},
    "model": {
        "encoder": {"front_end": {"kind": "logmel"}, "strides": [[4, 2], [4, 2]], "channels": 32, "dim": 16},
        "quantizer": {"name": "ema", "codebook_size": 32},
        "decoder": {"cycles": 1, "layers_per_cycle": 6, "residual_channels": 16, "skip_channels": 32},
    },
    "train": {"steps": 30, "batch_size": 4, "crop_samples": 8000, "window_samples": 2560, "start_crops": 16},
}


def main() -> None:
    """Write the recording, its reconstruction, a conversion, and speech of stretched codes."""
    out = Path(tempfile.mkdtemp(prefix="vqspeech-"))
    run, recording = [*map(Path, sys.argv[1:]), None, None][:2]
    if run is None:
        data = write_corpus(out / "speech")
        run, recording = out / "run", data / "ann" / "ann_0.wav"
        vqspeech.train(TOY, run, data_dir=data)
    if recording is None:
        raise SystemExit("give a recording as the second argument")

    model = vqspeech.load(run)
    waveform = audio.read(recording, model.sample_rate)
    codes = model.encode(waveform)
    print(f"{model}\n{len(waveform) / model.sample_rate:.2f} s of speech are {codes.size} codes: {codes[0, :20]} ...")

    one, other = model.speakers[0], model.speakers[-1]
    sounds = {
        "original": waveform,
        f"as-{one}": model.decode(codes, speaker=one),
        f"as-{other}": model.decode(codes, speaker=other),
        "half-as-fast": model.decode(np.repeat(codes, 2, axis=1), speaker=one),
    }
    for name, sound in sounds.items():
        audio.write(out / f"{name}.wav", sound, model.sample_rate)
        print(out / f"{name}.wav")


if __name__ == "__main__":
    main()
