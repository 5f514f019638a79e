"""Codes and speech of a model without PyTorch: `vqspeech export RUN --onnx --out onnx`, then

    python examples/onnx_codes.py onnx RECORDING.wav [SPEAKER]

It needs numpy, onnxruntime and soundfile, and a recording at the model's rate. Without arguments it prints this text.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile

if len(sys.argv) < 3:
    print(__doc__)
    sys.exit(0)
folder = Path(sys.argv[1])
facts = json.loads((folder / "model.json").read_text())


def run(part, **inputs):
    """Run a graph of the folder on arrays."""
    session = onnxruntime.InferenceSession(folder / f"{part}.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, {one.name: inputs[one.name] for one in session.get_inputs()})


samples, rate = soundfile.read(sys.argv[2], dtype="float32", always_2d=True)
if rate != facts["sample_rate"] or not len(samples):
    sys.exit(f"{sys.argv[2]}: {len(samples)} samples at {rate} Hz; the model takes {facts['sample_rate']} Hz")
waveform = samples.mean(1)
codes = run("encoder", waveform=waveform[None], lengths=np.array([len(waveform)]))[0]
print(codes.shape, *codes[0], sep="\n")
speaker = np.array([facts["speakers"].index(sys.argv[3]) if len(sys.argv) > 3 else 0])
log_f0, voiced = run("pitch", codes=codes, speaker=speaker)
count = (log_f0.shape[1] + facts["noise"]["frames_more"]) * facts["pitch"]["frame_samples"]
noise = np.random.default_rng(0).standard_normal((1, count), dtype=np.float32)
speech = run("decoder", codes=codes, speaker=speaker, log_f0=log_f0, voiced=voiced, noise=noise)[0]
soundfile.write("onnx.wav", speech[0], facts["output_rate"])
