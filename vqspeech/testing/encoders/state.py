"""What an encoder remembers, and what it draws; a second process changes nothing."""

from __future__ import annotations

import torch

from vqspeech.nn.encoders.protocol import Encoder
from vqspeech.testing.encoders.subject import EncoderSubject
from vqspeech.testing.modules import (
    copy_through_file,
    generator,
    global_randomness_untouched,
    require_close,
    same_bits,
    snapshot,
    unchanged,
)
from vqspeech.testing.two_processes import run_in_two


@torch.no_grad()
def no_hidden_state(subject: EncoderSubject) -> None:
    """Encoding changes no state and is not random: the same waveform has the same latents in either mode."""
    encoder = subject.started()
    samples = 6 * encoder.hop_samples
    waveform, other = subject.waveforms(2, samples), subject.waveforms(3, samples // 2, seed=9)
    for training in (True, False):
        encoder.train(training)
        mode = "training" if training else "evaluation"
        with unchanged(encoder, f"encoding in {mode} mode"), global_randomness_untouched(f"{mode} mode"):
            first = encoder(waveform)
            encoder(other)
            second = encoder(waveform)
        assert torch.equal(first, second), f"in {mode} mode the same waveform has other latents the second time"


def same_start(subject: EncoderSubject) -> None:
    """`start` is a function of its batch and its generator, and leaves finite weights."""
    states = []
    for seed in (1, 2):
        encoder = subject.fresh()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            with global_randomness_untouched("start"):
                encoder.start(subject.batch(encoder), generator(2))
        states.append(snapshot(encoder))
    assert not (differ := same_bits(*states)), f"the same start gives another {', '.join(differ)}"
    broken = [name for name, tensor in states[0].items() if not torch.isfinite(tensor).all()]
    assert not broken, f"start leaves values that are not finite in {', '.join(broken)}"


@torch.no_grad()
def state_round_trip(subject: EncoderSubject) -> None:
    """The state goes through safetensors and a strict load; the latents are the same, bit for bit."""
    encoder, other = subject.started().eval(), subject.fresh(seed=99).eval()
    copy_through_file(encoder, other)
    waveform = subject.waveforms(2, 6 * encoder.hop_samples)
    assert torch.equal(encoder(waveform), other(waveform)), (
        "what was loaded gives other latents: some state is not in state_dict()"
    )


@torch.no_grad()
def two_processes(subject: EncoderSubject) -> None:
    """Two processes (gloo) have the same state after `start`, and the latents of one process."""
    encoder = subject.fresh()
    batch = subject.batch(encoder)

    def work(rank: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        encoder.start(batch, generator(2))
        latents = encoder(batch.waveform[rank::2], batch.lengths[rank::2])
        return snapshot(encoder), latents * _real(encoder, batch.lengths[rank::2], latents)

    (one, first), (two, second) = run_in_two(work)
    assert not (differ := same_bits(one, two)), f"after start the ranks differ in {', '.join(differ)}"
    encoder.start(batch, generator(2))
    whole = encoder(batch.waveform, batch.lengths)
    whole = whole * _real(encoder, batch.lengths, whole)
    for name, tensor in snapshot(encoder).items():
        require_close(one[name].float(), tensor.float(), f"{name} after start in one and in two processes")
    for rank, latents in enumerate((first, second)):
        require_close(latents, whole[rank::2], f"latents in process {rank} of two and in one process")


def _real(encoder: Encoder, lengths: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """(batch, 1, frames) bool, True for latents of at least one real sample."""
    return (torch.arange(latents.shape[-1]) * encoder.hop_samples < lengths[:, None])[:, None]


CHECKS = (no_hidden_state, same_start, state_round_trip, two_processes)
