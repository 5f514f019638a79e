"""Quantizers: nearest codes by brute force, the paper's losses, and a codebook average that loses no code."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

from vqspeech.errors import ConfigError
from vqspeech.nn.quantize.ema import EMAVectorQuantizer
from vqspeech.nn.quantize.kmeans import k_means
from vqspeech.nn.quantize.nearest import code_statistics, nearest_code
from vqspeech.nn.quantize.vq import VectorQuantizer


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=rng(seed))


def both(**options):
    torch.manual_seed(0)
    return VectorQuantizer(4, codebook_size=8, **options), EMAVectorQuantizer(4, codebook_size=8, **options)


BOTH = pytest.mark.parametrize("kind", [VectorQuantizer, EMAVectorQuantizer])


def make(kind=EMAVectorQuantizer, size=8, **options):
    torch.manual_seed(0)
    quantizer = kind(4, codebook_size=size, **options)
    quantizer._set_codebook(randn(size, 4, seed=7))
    return quantizer


# nearest codes


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(0, 40),
    codes=st.integers(1, 30),
    dim=st.integers(1, 6),
    chunk=st.integers(1, 2000),
    offset=st.sampled_from([0.0, 1.0, 30.0]),
    seed=st.integers(0, 99),
)
def test_nearest_code_is_brute_force_in_float64(frames, codes, dim, chunk, offset, seed):
    x, book = randn(frames, dim, seed=seed) + offset, randn(codes, dim, seed=seed + 100) + offset
    found = nearest_code(x, book, chunk_bytes=chunk)
    distances = np.square(x.double().numpy()[:, None] - book.double().numpy()[None]).sum(-1)
    assert found.shape == (frames,)
    assert found.dtype == torch.int64
    chosen = distances[np.arange(frames), found.numpy()]
    assert np.all(chosen <= distances.min(1, initial=np.inf) + 1e-5 * (1 + offset**2))
    if offset == 0:
        clear = np.sort(distances, 1)
        clear = clear[:, 1] - clear[:, 0] > 1e-5 if codes > 1 else np.ones(frames, bool)
        assert np.array_equal(found.numpy()[clear], distances.argmin(1)[clear])


def test_of_two_equal_codes_the_first_is_chosen():
    book = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert nearest_code(torch.tensor([[0.0, 2.0], [2.0, 0.0]]), book).tolist() == [1, 0]


class LargestOutput(TorchDispatchMode):
    """Remembers the largest tensor that any operation made."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in self.given:
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return result

    def watch(self, *given):
        self.given = {tensor.untyped_storage().data_ptr() for tensor in given}
        return self


@pytest.mark.parametrize("chunk", [4096, 100_000])
def test_no_matrix_is_larger_than_the_bound(chunk):
    frames, book = randn(5000, 2), randn(64, 2)
    with LargestOutput().watch(frames, book) as largest:
        found = nearest_code(frames, book, chunk_bytes=chunk)
    assert found.numel() * 8 > 4096  # the result itself may be larger than the bound
    assert largest.bytes <= max(chunk, found.numel() * 8)
    with LargestOutput().watch(frames, book) as largest:
        nearest_code(frames[:500], book, chunk_bytes=chunk)
    assert 0 < largest.bytes <= chunk
    assert torch.equal(found, nearest_code(frames, book))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_nearest_code_computes_in_float32(dtype):
    frames, book = randn(200, 8).to(dtype), randn(50, 8, seed=1).to(dtype)
    assert torch.equal(nearest_code(frames, book), nearest_code(frames.float(), book.float()))


@BOTH
def test_autocast_changes_no_code(kind):
    quantizer, z = make(kind, 64).eval(), randn(2, 4, 200)
    plain = quantizer(z).codes
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(quantizer(z).codes, plain)
        assert torch.equal(quantizer.encode(z), plain)
        assert quantizer(z).z_q.dtype == torch.float32


# k-means and statistics


def test_k_means_finds_clusters_that_are_apart():
    centres = torch.tensor([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    frames = (centres[:, None] + 0.1 * randn(4, 50, 2)).reshape(-1, 2)
    errors = [
        (found[nearest_code(frames, found)] - frames).square().sum(1).mean().item()
        for found in (k_means(frames, 8, rng(seed)) for seed in range(3))
    ]
    assert max(errors) < 0.05


@pytest.mark.parametrize("count, dim", [(1, 1), (1, 4), (2, 4), (7, 4)])
def test_k_means_with_fewer_frames_than_codes_is_finite_and_near_them(count, dim):
    frames = randn(count, dim)
    found = k_means(frames, 8, rng())
    assert found.shape == (8, dim)
    assert torch.isfinite(found).all()
    assert (found[:, None] - frames).norm(dim=2).min(1).values.max() < 0.1
    assert set(nearest_code(frames, found).tolist()) <= set(range(8))


def test_k_means_of_equal_frames_is_finite():
    assert torch.equal(k_means(torch.ones(50, 3), 4, rng()), torch.ones(4, 3))


def test_k_means_is_a_function_of_its_generator():
    frames = randn(100, 3)
    assert torch.equal(k_means(frames, 8, rng(1)), k_means(frames, 8, rng(1)))
    assert not torch.equal(k_means(frames, 8, rng(1)), k_means(frames, 8, rng(2)))


def test_code_statistics_are_counts_and_sums():
    frames, codes = randn(20, 3), torch.randint(5, (20,), generator=rng())
    counts, sums = code_statistics(frames, codes, 6)
    for code in range(6):
        assert counts[code] == (codes == code).sum()
        torch.testing.assert_close(sums[code], frames[codes == code].sum(0))


# the contract of quantizers


@BOTH
@settings(max_examples=15, deadline=None)
@given(batch=st.integers(0, 3), time=st.integers(1, 9))
def test_shapes_and_agreement_of_forward_encode_and_decode(kind, batch, time):
    quantizer, z = make(kind), randn(batch, 4, time)
    result = quantizer(z)
    assert result.z_q.shape == z.shape
    assert result.codes.shape == (batch, 1, time)
    assert result.codes.dtype == torch.int64
    assert torch.equal(result.codes, quantizer.encode(z))
    assert torch.equal(result.z_q, quantizer.decode(result.codes))
    assert all(torch.isfinite(loss) for loss in result.losses.values())


@BOTH
def test_a_code_decodes_to_its_row_of_the_codebook(kind):
    quantizer = make(kind)
    decoded = quantizer.decode(torch.arange(8)[None, None])
    assert torch.equal(decoded[0].T, quantizer.codebook)
    assert torch.equal(quantizer.encode(decoded)[0, 0], torch.arange(8))


@BOTH
def test_the_gradient_passes_straight_through(kind):
    quantizer, z = make(kind), randn(2, 4, 5).requires_grad_()
    weight = randn(2, 4, 5, seed=3)
    (quantizer(z).z_q * weight).sum().backward()
    assert torch.equal(z.grad, weight)


@BOTH
def test_the_commitment_pulls_the_latents_and_not_the_codes(kind):
    quantizer, z = make(kind, beta=0.25), randn(2, 4, 5).requires_grad_()
    result = quantizer(z)
    result.losses["commitment"].backward()
    e = quantizer.decode(result.codes).detach()
    torch.testing.assert_close(result.losses["commitment"], 0.25 * (z - e).square().mean())
    torch.testing.assert_close(z.grad, 0.25 * 2 * (z - e).detach() / z.numel())
    assert all(parameter.grad is None for parameter in quantizer.parameters())


def test_the_codebook_loss_pulls_the_codes_and_not_the_latents():
    quantizer, z = make(VectorQuantizer, beta=0.25), randn(2, 4, 5).requires_grad_()
    result = quantizer(z)
    result.losses["codebook"].backward()
    e = quantizer.decode(result.codes).detach()
    torch.testing.assert_close(result.losses["codebook"], (z - e).square().mean())
    assert z.grad is None
    wanted = torch.zeros(8, 4)
    for row in range(2):
        for t in range(5):
            wanted[result.codes[row, 0, t]] += 2 * (e - z.detach())[row, :, t] / z.numel()
    torch.testing.assert_close(quantizer.embedding.grad, wanted)


def test_the_average_has_no_codebook_loss_and_no_parameters():
    quantizer = make(EMAVectorQuantizer)
    assert set(quantizer(randn(1, 4, 3)).losses) == {"commitment"}
    assert not list(quantizer.parameters())


@BOTH
@pytest.mark.parametrize("junk", [0.0, 1e6, float("nan"), float("inf")])
def test_what_lies_under_the_mask_changes_nothing(kind, junk):
    mask = torch.tensor([[True, True, False], [True, False, False]])
    runs = []
    for fill in (0.5, junk):
        quantizer, z = make(kind), randn(2, 4, 3)
        z = torch.where(mask[:, None], z, fill).requires_grad_()
        result = quantizer(z, mask)
        sum(result.losses.values(), result.z_q.square().sum()).backward()
        quantizer.update(rng())
        runs.append((result, z.grad, quantizer))
    (one, one_grad, first), (two, two_grad, second) = runs
    assert torch.equal(one.codes, two.codes)
    assert not one.codes[~mask[:, None]].any()
    assert torch.equal(one.z_q, two.z_q)
    assert torch.equal(one_grad, two_grad)
    assert not one_grad.transpose(1, 2)[~mask].any()
    assert one.losses.keys() == two.losses.keys()
    assert all(torch.equal(one.losses[name], two.losses[name]) for name in one.losses)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


@BOTH
def test_masked_losses_are_means_over_the_frames_that_count(kind):
    quantizer, z = make(kind), randn(2, 4, 6)
    mask = torch.zeros(2, 6, dtype=torch.bool)
    mask[0] = True
    masked, alone = quantizer(z, mask).losses, quantizer(z[:1]).losses
    for name, loss in alone.items():
        torch.testing.assert_close(masked[name], loss)


@BOTH
def test_nothing_but_masked_frames_is_finite_and_leaves_the_codebook(kind):
    quantizer = make(kind)
    before = quantizer.codebook.detach().clone()
    result = quantizer(randn(2, 4, 3), torch.zeros(2, 3, dtype=torch.bool))
    quantizer.update(rng())
    assert all(loss == 0 for loss in result.losses.values())
    assert not result.z_q.any()
    torch.testing.assert_close(quantizer.codebook, before)


@BOTH
def test_evaluation_and_encode_change_no_state(kind):
    quantizer = make(kind)
    before = copy.deepcopy(quantizer.state_dict())
    quantizer.encode(randn(2, 4, 30))
    quantizer.decode(torch.zeros(1, 1, 3, dtype=torch.int64))
    quantizer.eval()
    quantizer(randn(2, 4, 30))
    quantizer.train()
    quantizer.update(rng())
    for name, tensor in quantizer.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@BOTH
def test_safetensors_keep_every_bit(kind, tmp_path):
    quantizer = make(kind)
    quantizer(randn(2, 4, 30))
    quantizer.update(rng())
    save_file(quantizer.state_dict(), tmp_path / "q.safetensors")
    torch.manual_seed(99)
    other = kind(4, codebook_size=8)
    other.load_state_dict(load_file(tmp_path / "q.safetensors"), strict=True)
    assert torch.equal(other.codebook, quantizer.codebook)
    z = randn(2, 4, 30, seed=5)
    for one in (quantizer, other):
        one(z)
        one.update(rng(4))
    for name, tensor in quantizer.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@BOTH
def test_the_start_places_the_codes_on_the_latents(kind):
    quantizer, frames = make(kind), 5 + randn(300, 4)
    quantizer.start(frames, rng())
    assert set(quantizer.encode(frames.T[None]).unique().tolist()) == set(range(8))
    unmoved = make(kind, data_start=False)
    before = unmoved.codebook.detach().clone()
    unmoved.start(frames, rng())
    assert torch.equal(unmoved.codebook, before)
    quantizer.start(frames[:0], rng())


@BOTH
@pytest.mark.parametrize("options", [{"codebook_size": 0}, {"codebook_size": -3}, {"beta": -1.0}])
def test_values_that_cannot_be_used_are_refused(kind, options):
    with pytest.raises(ConfigError, match=f"quantizer.{next(iter(options))}"):
        kind(4, **options)


@pytest.mark.parametrize("options", [{"decay": 1.0}, {"decay": -0.1}, {"revive_below": 1.0}, {"revive_every": 0}])
def test_averages_that_cannot_work_are_refused(options):
    with pytest.raises(ConfigError, match=f"quantizer.{next(iter(options))}"):
        EMAVectorQuantizer(4, **options)


# the moving average


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
            assert (quantizer.codebook[1] - z[0].T).norm(
                dim=1
            ).min() < 1e-4  # on a frame, not between frame and old place
        revived = revived or back
    assert revived
    ends = quantizer.codebook.mean(1).sort().values  # and the two codes part the two clusters
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
