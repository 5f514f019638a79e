"""A codebook of moving averages: equations 6 to 8, codes that are never lost, and batches that count as one."""

import copy

import pytest
import torch
from tiny import randn, rng

from vqspeech.nn.quantize.ema import EMAVectorQuantizer


def make(size=8, **options):
    torch.manual_seed(0)
    quantizer = EMAVectorQuantizer(4, codebook_size=size, **options)
    quantizer._set_codebook(randn(size, 4, seed=7))
    return quantizer


def test_counts_start_at_one_and_the_codebook_is_sums_over_counts():
    torch.manual_seed(0)
    quantizer = EMAVectorQuantizer(4, codebook_size=8)
    assert torch.equal(quantizer.counts, torch.ones(8))
    assert torch.equal(quantizer.codebook, quantizer.sums)
    quantizer.counts.fill_(2.0)
    assert torch.equal(quantizer.codebook, quantizer.sums / 2)


def test_a_step_is_equations_6_to_8():
    quantizer, z = make(decay=0.9), randn(2, 4, 10)
    counts, sums = quantizer.counts.double(), quantizer.sums.double()
    codes = quantizer(z).codes
    quantizer.update(rng())
    for code in range(8):
        frames = z.double().transpose(1, 2)[codes[:, 0] == code]
        counts[code] = 0.9 * counts[code] + 0.1 * len(frames)
        sums[code] = 0.9 * sums[code] + 0.1 * frames.sum(0)
    torch.testing.assert_close(quantizer.counts.double(), counts)
    torch.testing.assert_close(quantizer.codebook.double(), sums / counts[:, None])


def test_the_average_arrives_at_the_mean_of_its_frames():
    quantizer, z = make(size=1, decay=0.9), randn(1, 4, 50) + 3
    for _ in range(200):
        quantizer(z)
        quantizer.update(rng())
    torch.testing.assert_close(quantizer.codebook[0], z[0].mean(1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("decay, steps", [(0.99, 1), (0.5, 400), (0.99, 30_000)])
def test_a_code_that_is_never_chosen_stays_where_it_is(decay, steps):
    quantizer = make(size=2, decay=decay, revive_below=0.0)
    quantizer._set_codebook(torch.tensor([[0.0, 0, 0, 0], [9.0, -9, 9, -9]]))
    with torch.no_grad():
        quantizer(torch.zeros(1, 4, 3))
        pending = quantizer._pending
        for _ in range(steps):
            quantizer._pending = list(pending)
            quantizer.update(rng())
    torch.testing.assert_close(quantizer.codebook[1], torch.tensor([9.0, -9, 9, -9]), rtol=1e-4, atol=0)
    assert torch.isfinite(quantizer.state_dict()["counts"]).all()


def test_a_dead_code_comes_back_with_its_count_and_sum_and_is_used():
    quantizer = make(size=2, decay=0.5, revive_below=0.1, revive_every=1)
    quantizer._set_codebook(torch.tensor([[0.0, 0, 0, 0], [1e3, 1e3, 1e3, 1e3]]))
    z = torch.cat([0.1 * randn(1, 4, 50), 5 + 0.1 * randn(1, 4, 50, seed=1)], 2)
    revived = False
    for step in range(12):
        used = set(quantizer(z).codes.unique().tolist())
        assert used == ({0, 1} if revived else {0})
        quantizer.update(rng(step))
        back = bool(quantizer.codebook[1].abs().max() < 10)
        if back and not revived:
            assert quantizer.counts[1] > 0.1 * quantizer.counts.mean()
            # On a frame, not between frame and old place.
            distances = (quantizer.codebook[1] - z[0].T).norm(dim=1)
            assert distances.min() < 1e-4
        revived = revived or back
    assert revived
    # The two codes part the two clusters.
    ends = quantizer.codebook.mean(1).sort().values
    torch.testing.assert_close(ends, torch.tensor([0.0, 5.0]), atol=0.5, rtol=0)


def test_without_revival_the_dead_stay_dead():
    quantizer = make(size=2, decay=0.5, revive_below=0.0, revive_every=1)
    quantizer._set_codebook(torch.tensor([[0.0, 0, 0, 0], [1e3, 1e3, 1e3, 1e3]]))
    for step in range(20):
        assert quantizer(randn(1, 4, 30, seed=step)).codes.max() == 0
        quantizer.update(rng())


def test_codes_in_use_are_not_revived():
    quantizer, z = make(decay=0.9, revive_every=1), randn(1, 4, 4000)
    quantizer(z)
    quantizer.update(rng())
    plain = make(decay=0.9, revive_below=0.0)
    plain(z)
    plain.update(rng())
    assert torch.equal(quantizer.sums, plain.sums)
    assert torch.equal(quantizer.counts, plain.counts)


def test_batches_before_an_update_count_as_one():
    whole, halves = make(), make()
    z = randn(4, 4, 10)
    whole(z)
    halves(z[:2])
    halves(z[2:])
    for one in (whole, halves):
        one.update(rng())
    torch.testing.assert_close(whole.counts, halves.counts)
    torch.testing.assert_close(whole.sums, halves.sums)
    assert whole.updates == halves.updates == 1


def test_an_update_uses_a_batch_once():
    quantizer = make()
    quantizer(randn(2, 4, 10))
    quantizer.update(rng())
    state = copy.deepcopy(quantizer.state_dict())
    quantizer.update(rng())
    assert all(torch.equal(tensor, state[name]) for name, tensor in quantizer.state_dict().items())


@pytest.mark.parametrize("cast", [lambda m: m.to(torch.bfloat16), lambda m: m.half(), lambda m: m.double()])
def test_the_state_stays_float32_whatever_the_model_is_cast_to(cast):
    quantizer = make()
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    model = cast(torch.nn.Sequential(torch.nn.Linear(2, 2), quantizer))
    assert model[0].weight.dtype != torch.float32
    for name, tensor in quantizer.state_dict().items():
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name])


def test_an_average_of_bfloat16_latents_moves():
    quantizer = make(size=1, decay=0.999).to(torch.bfloat16)
    quantizer._set_codebook(torch.zeros(1, 4))
    for _ in range(100):
        quantizer(torch.ones(1, 4, 1, dtype=torch.bfloat16))
        quantizer.update(rng())
    torch.testing.assert_close(quantizer.codebook, torch.full((1, 4), 1 - 0.999**100), atol=1e-4, rtol=0)


def test_the_same_seed_gives_the_same_bits():
    def run():
        quantizer = make(decay=0.5, revive_every=2)
        for step in range(10):
            quantizer(10 * randn(2, 4, 7, seed=step))
            quantizer.update(rng(step))
        return quantizer.state_dict()

    one, two = run(), run()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_gpu_revives_the_same_codes_by_valid_frames_of_the_batch(monkeypatch):
    """Which frames differs: a CPU draws among as many as there are, which a GPU does not tell."""

    def trained(on_device):
        quantizer = make(size=16, decay=0.5, revive_below=0.4, revive_every=2)
        monkeypatch.setattr(type(quantizer), "_on_device", lambda self: on_device)
        found = []
        for step in range(4):
            z = randn(3, 4, 7, seed=step)
            mask = torch.arange(7) < torch.tensor([7, 0, 4])[:, None]
            stats = quantizer(z, mask).stats
            quantizer.update(rng(step))
            found.append((stats["revived"], quantizer.counts.clone()))
            if step == 1:
                distance = (quantizer.codebook[:, None] - z.transpose(1, 2)[mask]).norm(dim=2).amin(1)
                assert (distance < 1e-5).sum() >= quantizer.revived > 0
        assert quantizer.updates == 4
        return found

    here, there = trained(False), trained(True)
    for step in (0, 1):
        for one, other in zip(here[step], there[step], strict=True):
            torch.testing.assert_close(one, other)
    assert here[2][0] == there[2][0] > 0
    assert here[3][0] == there[3][0] == 0


def test_a_gpu_revives_nothing_without_valid_frames(monkeypatch):
    monkeypatch.setattr(EMAVectorQuantizer, "_on_device", lambda self: True)
    quantizer = make(revive_every=1, revive_below=0.9)
    quantizer.counts[0] = 1e-3
    before = quantizer.codebook.clone()
    for frames in (0, 3):
        quantizer(randn(1, 4, frames), torch.zeros(1, frames, dtype=torch.bool))
        quantizer.update(rng())
    torch.testing.assert_close(quantizer.codebook, before)
