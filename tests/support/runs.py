"""Short runs in tests of training, and what they left."""

import torch

from vqspeech.checkpoints.store import list_checkpoints
from vqspeech.training.metrics import read_metrics
from vqspeech.training.run import open_run, train

MODEL = {
    "encoder": {"strides": [[16, 8], [16, 8], [8, 4]], "channels": 8, "dim": 4},
    "quantizer": {"name": "ema", "codebook_size": 8, "revive_every": 2},
    "decoder": {
        "cycles": 1,
        "layers_per_cycle": 3,
        "residual_channels": 6,
        "skip_channels": 8,
        "condition_channels": 4,
    },
    "jitter": 0.1,
}


def run(config, directory, store):
    open_run(directory, config)
    return train(config, directory, store)


def folder(directory, step):
    return directory / "checkpoints" / f"step-{step:08}"


def weights(directory, step):
    return (folder(directory, step) / "model.safetensors").read_bytes()


def state(directory, step):
    return torch.load(folder(directory, step) / "train_state.pt", weights_only=True)


def same(one, two):
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


def named(directory):
    return [path.name for path in list_checkpoints(directory)]


def rows(directory, split):
    return [row for row in read_metrics(directory / "metrics.jsonl") if row["split"] == split]
