"""What a decoder remembers and what it draws; conditions that must matter; a second process."""

from __future__ import annotations

import torch

from vqspeech.nn.decoders.protocol import MAIN
from vqspeech.testing.decoders.losses import criterion, train
from vqspeech.testing.decoders.subject import DecoderSubject, groups
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
def evaluation_changes_nothing(subject: DecoderSubject) -> None:
    """Losses in evaluation mode change no state and are not random: the same batch has the same losses, bit for bit."""
    decoder = subject.started().eval()
    z_q, batch = subject.batch()
    other, others = subject.batch(rows=2, seed=9)
    for group in groups(decoder):
        with unchanged(decoder, "evaluation"), global_randomness_untouched("evaluation"):
            first = decoder.losses(z_q, batch, group=group)
            decoder.losses(other, others, group=group)
            second = decoder.losses(z_q, batch, group=group)
        for name, term in first.items():
            assert torch.equal(term, second[name]), f"the loss {name!r} of the same batch is another the second time"


def training_noise(subject: DecoderSubject) -> None:
    """Noise in training comes from the generator alone: equal generators give equal losses."""
    decoder = subject.started()
    z_q, batch = subject.batch()
    runs = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            with global_randomness_untouched("training"):
                runs.append({group: decoder.losses(z_q, batch, generator(4), group=group) for group in groups(decoder)})
    for group, named in runs[0].items():
        for name, term in named.items():
            assert torch.isclose(term, runs[1][group][name], rtol=1e-4, atol=1e-6), (
                f"equal generators give {name!r} = {term:.6g} and {runs[1][group][name]:.6g}"
            )


def same_start(subject: DecoderSubject) -> None:
    """`start` is a function of its batch and its generator, and leaves finite weights."""
    states = []
    for seed in (1, 2):
        decoder = subject.fresh()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            with global_randomness_untouched("start"):
                decoder.start(subject.batch()[1], generator(2))
        states.append(snapshot(decoder))
    assert not (differ := same_bits(*states)), f"the same start gives another {', '.join(differ)}"
    broken = [name for name, tensor in states[0].items() if not torch.isfinite(tensor).all()]
    assert not broken, f"start leaves values that are not finite in {', '.join(broken)}"


@torch.no_grad()
def state_round_trip(subject: DecoderSubject) -> None:
    """The state goes through safetensors and a strict load; the losses are the same, bit for bit."""
    decoder, other = subject.started().eval(), subject.fresh(seed=99).eval()
    copy_through_file(decoder, other)
    z_q, batch = subject.batch()
    for group in groups(decoder):
        loaded = other.losses(z_q, batch, group=group)
        for name, term in decoder.losses(z_q, batch, group=group).items():
            assert torch.equal(term, loaded[name]), (
                f"what was loaded has another loss {name!r}: some state is not in state_dict()"
            )


def speakers_matter(subject: DecoderSubject) -> None:
    """After a few steps `criterion` depends on the speaker; without speakers (0) the decoder works as well."""
    decoder = subject.started()
    train(subject, decoder, steps=5)
    decoder.eval()
    z_q, batch = subject.batch()
    swapped = batch._replace(speaker=batch.speaker.roll(1))
    own, other = criterion(decoder, z_q, batch), criterion(decoder, z_q, swapped)
    assert own != other, f"{decoder.criterion!r} does not depend on the speaker: voices cannot differ"
    alone = subject.without_speakers()
    try:
        losses = alone.started().losses(*alone.batch())
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise AssertionError(f"latents without speakers fail: {error}") from error
    assert all(torch.isfinite(term) for term in losses.values()), "without speakers losses are not finite"


@torch.no_grad()
def two_processes(subject: DecoderSubject) -> None:
    """Two processes (gloo) have the same state after `start`, and losses that sum to those of one process.

    The decoder is built before the process group.
    """
    decoder = subject.fresh()
    z_q, batch = subject.batch()

    def work(rank: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        decoder.start(batch, generator(2))
        own = subject.share(z_q, batch, rank, 2)
        named = {
            f"{group}.{name}": term
            for group in groups(decoder)
            for name, term in decoder.losses(*own, generator(3), group=group).items()
        }
        return snapshot(decoder), named

    (one, first), (two, second) = run_in_two(work)
    assert not (differ := same_bits(one, two)), f"the ranks differ in {', '.join(differ)}"
    decoder.start(batch, generator(2))
    for name, tensor in snapshot(decoder).items():
        require_close(one[name].float(), tensor.float(), f"{name} after start in one and in two processes")
    for name, term in decoder.losses(z_q, batch, generator(3)).items():
        summed = first[f"{MAIN}.{name}"] + second[f"{MAIN}.{name}"]
        require_close(summed, term, f"{name!r} in one process and summed over two", tolerance=1e-3)


CHECKS = (
    evaluation_changes_nothing,
    training_noise,
    same_start,
    state_round_trip,
    speakers_matter,
    two_processes,
)
