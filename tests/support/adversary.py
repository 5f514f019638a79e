"""A task with an adversary: a generator that copies rows through a bottleneck, a discriminator, and a frozen matrix."""

import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from vqspeech.checkpoints import directory
from vqspeech.config import RunConfig, TrainConfig
from vqspeech.nn.batch import LossTerms
from vqspeech.nn.share import Share, uniforms
from vqspeech.training.trainer import Trainer

TRAIN = {
    "steps": 8,
    "batch_size": 6,
    "crop_samples": 1,
    "learning_rate": 0.01,
    "warmup_steps": 2,
    "precision": "32-true",
    "accelerator": "cpu",
    "log_every": 2,
    "validate_every": 4,
    "validation_batches": 2,
    "checkpoint_every": 4,
    "keep_last": 9,
    "weight_average": 0.5,
}


class Rows(NamedTuple):
    rows: torch.Tensor
    share: Share

    def to(self, device):
        return self._replace(rows=self.rows.to(device))


class Copier(nn.Module):
    """Minimises a squared error, its criterion, and fools an adversary; there is nothing to shuffle."""

    criterion = "error"

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(5, 3)
        self.decoder = nn.Linear(3, 5)
        self.judge = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))
        self.frozen = nn.Linear(5, 5)
        self.frozen.requires_grad_(False)
        self.trained = []
        """Groups of each call in training, with the parameters that required gradients."""

    def parameter_groups(self):
        return {"adversary": list(self.judge.parameters())}

    def loss(self, batch, generator=None, group="main"):
        if self.training:
            self.trained.append((group, {name for name, p in self.named_parameters() if p.requires_grad}))
        share = batch.share
        noise = uniforms(batch.rows.shape, share, generator if self.training else None, batch.rows.device).float()
        rows = self.frozen(batch.rows)
        copies = self.decoder(self.encoder(rows + 0.1 * noise))
        scale = 1 / share.rows
        if group == "main":
            terms = {
                "error": (copies - rows).square().mean(1).sum() * scale,
                "fooled": -0.1 * self.judge(copies).sum() * scale,
            }
        else:
            real, made = self.judge(rows), self.judge(copies.detach())
            terms = {"hinge": (torch.relu(1 - real) + torch.relu(1 + made)).sum() * scale, "error": made.sum() * scale}
        total = terms["error"] + terms["fooled"] if group == "main" else terms["hinge"]
        codes = torch.zeros(len(rows), 0, 1, dtype=torch.int64)
        mask = torch.ones(len(rows), 1, dtype=torch.bool)
        return LossTerms(total, {name: term.detach() for name, term in terms.items()}, codes, mask)

    def shuffled(self, batch):
        return None

    def start(self, batch, generator):
        pass

    def update(self, generator):
        pass


class CopyTask:
    """Rows of random numbers; see `vqspeech.modality.Task`."""

    codebook_sizes = ()
    steps_per_epoch = 4
    samples_per_step = 6
    fingerprint = "rows"

    def __init__(self, config):
        self.config = config
        torch.manual_seed(config.seed)
        self.model = Copier()

    def batch(self, step, rank, ranks, stream=0):
        count = self.config.train.batch_size
        rows = np.random.default_rng([self.config.seed, stream, step]).normal(size=(count, 5)).astype(np.float32)
        share = Share(rank=rank, ranks=ranks, rows=count)
        return Rows(torch.from_numpy(rows[rank::ranks].copy()), share)

    def validation_batch(self, number, rank, ranks):
        return self.batch(number, rank, ranks, stream=1)

    def start_batch(self):
        return self.batch(0, 0, 1, stream=2)

    def save(self, path, weights, step, state):
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        facts = json.dumps({"step": step}).encode()
        directory.write(path, {directory.TRAIN_STATE: buffer.getbuffer(), directory.CONFIG: facts})


def config(kind=TrainConfig, **train):
    return RunConfig(train=kind(**{**TRAIN, **train}))


def trainer(run: Path, processes, task=CopyTask, kind=TrainConfig, **train) -> Trainer:
    """A trainer of the task in a new directory; `kind` is the class of the table train."""
    settings = config(kind, **train)
    processes.first(lambda: run.mkdir(parents=True, exist_ok=True))
    return Trainer(settings, run, task(settings), processes)
