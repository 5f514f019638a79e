"""The WaveNet decoder against its equations written out, and what each sample may and does depend on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL
from vqspeech.nn.decoders.wavenet import Conditioner, WaveNet

# the equations, one sample and one sum at a time, in float64 NumPy


def weights(decoder):
    return {name: tensor.detach().double().numpy() for name, tensor in decoder.state_dict().items()}


def convolve(rows, weight, bias):
    """y[t] = b + sum_k W[:, :, k] x[t + k]; rows (time, in), weight (out, in, kernel), no padding."""
    kernel = weight.shape[2]
    return np.array(
        [bias + sum(weight[:, :, k] @ rows[t + k] for k in range(kernel)) for t in range(len(rows) - kernel + 1)]
    )


def slow_conditions(decoder, latents, speaker):
    """(dim, frames) -> (frames * upsampling, layers, 2 * width), latents beyond both ends zero."""
    w, conditioner = weights(decoder), decoder.conditioner
    half, up = w["conditioner.context.weight"].shape[2] // 2, conditioner.upsampling
    # Frames of zeros on either side that the result can depend on.
    reach = half + -(-half // up)
    rows = np.pad(latents.T, ((reach + half, reach + half), (0, 0)))
    hidden = np.maximum(convolve(rows, w["conditioner.context.weight"], w["conditioner.context.bias"]), 0)
    # (in, out, upsampling).
    expand = w["conditioner.expand.weight"]
    hidden = np.array([row @ expand[:, :, u] + w["conditioner.expand.bias"] for row in hidden for u in range(up)])
    if speaker is not None:
        hidden = hidden + w["conditioner.speaker.weight"][speaker]
    hidden = convolve(np.maximum(hidden, 0), w["conditioner.smooth.weight"], w["conditioner.smooth.bias"])
    first = reach * up - half
    hidden = np.maximum(hidden, 0)[first : first + latents.shape[1] * up]
    result = hidden @ w["condition.weight"].T + w["condition.bias"]
    return result.reshape(len(result), len(decoder.dilations), 2 * decoder.residual_channels)


def slow_logits(decoder, past, latents, speaker):
    """(time,) levels shifted by one, (dim, frames) -> (256, time)."""
    w, width = weights(decoder), decoder.residual_channels
    conditions = slow_conditions(decoder, latents, speaker)
    x = w["embedding.weight"][past]
    skips = []
    for layer, dilation in enumerate(decoder.dilations):
        # (kernel, in, out), the last tap is the present.
        gates = w[f"gates.{layer}"]
        kernel, z = len(gates), []
        for t in range(len(x)):
            total = conditions[t // decoder.condition_samples, layer].copy()
            for k in range(kernel):
                source = t - (kernel - 1 - k) * dilation
                if source >= 0:
                    total += x[source] @ gates[k]
            z.append(np.tanh(total[:width]) / (1 + np.exp(-total[width:])))
        z = np.array(z)
        skips.append(z)
        if layer + 1 < len(decoder.dilations):
            x = x + z @ w[f"residual.{layer}.weight"].T + w[f"residual.{layer}.bias"]
    hidden = np.maximum(np.concatenate(skips, 1) @ w["skip.weight"].T + w["skip.bias"], 0)
    hidden = np.maximum(hidden @ w["hidden.weight"].T + w["hidden.bias"], 0)
    return (hidden @ w["logits.weight"].T + w["logits.bias"]).T


# the decoder


def make(seed=0, **options):
    torch.manual_seed(seed)
    values = {"dim": 3, "hop_samples": 12, "dilations": (1, 2, 4), "residual_channels": 5, "skip_channels": 7}
    values |= {"condition_channels": 4, **options}
    return WaveNet(**values)


def inputs(decoder, frames=3, batch=2, seed=1):
    generator = torch.Generator().manual_seed(seed)
    past = torch.randint(LEVELS, (batch, frames * decoder.hop_samples), generator=generator)
    latents = torch.randn(batch, decoder.conditioner.context.in_channels, frames, generator=generator)
    table = decoder.conditioner.speaker
    speaker = torch.randint(table.num_embeddings, (batch,), generator=generator) if table is not None else None
    return past, latents, speaker


configs = st.fixed_dictionaries(
    {
        "dilations": st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple),
        "kernel_size": st.integers(1, 3),
        "residual_channels": st.integers(1, 4),
        "skip_channels": st.integers(1, 5),
        "condition_channels": st.integers(1, 4),
        "condition_kernel": st.sampled_from([1, 3, 5]),
        "condition_upsampling": st.sampled_from([1, 2, 3, 12]),
        "speakers": st.sampled_from([0, 1, 3]),
        "dim": st.integers(1, 3),
    }
)


@settings(max_examples=30, deadline=None)
@given(options=configs, frames=st.integers(1, 3), seed=st.integers(0, 9))
def test_logits_are_the_equations(options, frames, seed):
    decoder = make(seed, **options).double()
    past, latents, speaker = inputs(decoder, frames)
    latents = latents.double()
    found = decoder(past, latents, speaker)
    assert found.shape == (2, LEVELS, frames * 12)
    for row in range(2):
        who = None if speaker is None else speaker[row].item()
        wanted = slow_logits(decoder, past[row].numpy(), latents[row].numpy(), who)
        torch.testing.assert_close(found[row], torch.from_numpy(wanted), atol=1e-10, rtol=1e-9)


def test_float32_is_near_the_equations():
    decoder = make(speakers=2)
    past, latents, speaker = inputs(decoder)
    wanted = slow_logits(decoder, past[1].numpy(), latents[1].double().numpy(), speaker[1].item())
    torch.testing.assert_close(
        decoder(past, latents, speaker)[1].double(), torch.from_numpy(wanted), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("kernel_size", [2, 3])
def test_logits_see_no_future_and_as_much_past_as_the_receptive_field(kernel_size):
    """Logits t depend on past[t - receptive_field + 1 .. t], and past[t] is sample t - 1."""
    decoder = make(dilations=(1, 2, 4), kernel_size=kernel_size).double()
    past, latents, _ = inputs(decoder, frames=5, batch=1)
    latents = latents.double()
    embedded = decoder.embedding(past).detach().requires_grad_()
    decoder.embedding.register_forward_hook(lambda *_: embedded)
    logits, at = decoder(past, latents), 30
    torch.manual_seed(0)
    (logits[0, :, at] * torch.randn(LEVELS).double()).sum().backward()
    touched = embedded.grad[0].abs().sum(1).nonzero()[:, 0]
    assert touched.max() == at
    assert at - touched.min() + 1 == decoder.receptive_field == 1 + 7 * (kernel_size - 1)


def test_changing_a_sample_changes_only_what_comes_after_it():
    decoder = make(dilations=(1, 2))
    levels = torch.randint(LEVELS, (1, 36), generator=torch.Generator().manual_seed(0))
    latents = torch.zeros(1, 3, 3)
    changed = levels.clone()
    changed[0, 20] = (changed[0, 20] + 100) % LEVELS
    one, two = (decoder(F.pad(row[:, :-1], (1, 0), value=ZERO_LEVEL), latents) for row in (levels, changed))
    different = (one != two).any(1)[0].nonzero()[:, 0]
    assert different.min() == 21
    assert different.max() == 20 + decoder.receptive_field


@pytest.mark.parametrize("upsampling", [1, 2, 3, 12])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_latent_reaches_its_own_samples_and_at_most_the_margin_on_either_side(kernel, upsampling):
    decoder = make(condition_kernel=kernel, condition_upsampling=upsampling, dilations=(1,), kernel_size=1).double()
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in decoder.conditioner.parameters():
            parameter.abs_().add_(0.01)
    latents = (torch.rand(1, 3, 11).double() + 0.1).requires_grad_()
    conditions = decoder.conditions(latents, None)
    assert conditions.shape == (1, 11 * upsampling, 1, 10)
    margin = decoder.conditioner.margin
    reach = kernel // 2
    for u in {0, upsampling - 1}:
        (gradient,) = torch.autograd.grad(conditions[0, 5 * upsampling + u].sum(), latents, retain_graph=True)
        touched = gradient[0].abs().sum(0).nonzero()[:, 0]
        # Floor division: frames that the smoothing reaches, then their context.
        first = 5 + (u - reach) // upsampling - reach
        last = 5 + (u + reach) // upsampling + reach
        assert (touched.min(), touched.max()) == (first, last)
        assert first >= 5 - margin
        assert last <= 5 + margin


def test_a_condition_holds_for_its_own_samples():
    decoder = make(condition_upsampling=2, dilations=(1,), kernel_size=1)
    past, latents, _ = inputs(decoder, batch=1)
    conditions = decoder.conditions(latents, None)
    changed = conditions.clone()
    changed[0, 3] += 1
    one, two = (decoder.stack(decoder.embedding(past), rows) for rows in (conditions, changed))
    assert (one != two).any(2)[0].nonzero()[:, 0].tolist() == list(range(18, 24))


@settings(max_examples=30, deadline=None)
@given(
    kernel=st.sampled_from([1, 3, 5, 7]),
    upsampling=st.integers(1, 5),
    frames=st.integers(1, 9),
    start=st.integers(0, 8),
    count=st.integers(1, 5),
)
def test_conditions_of_a_window_with_margin_are_those_of_the_whole_cut(kernel, upsampling, frames, start, count):
    torch.manual_seed(0)
    conditioner = Conditioner(3, 4, kernel=kernel, upsampling=upsampling, speakers=2).double()
    latents, speaker = torch.randn(1, 3, frames).double(), torch.tensor([1])
    start, margin = min(start, frames - 1), conditioner.margin
    count = min(count, frames - start)
    whole = conditioner(latents, speaker)
    assert whole.shape == (1, frames * upsampling, 4)
    padded = F.pad(latents, (margin, margin))
    window = conditioner(padded[..., start : start + count + 2 * margin], speaker, with_margin=True)
    torch.testing.assert_close(
        window, whole[:, start * upsampling : (start + count) * upsampling], atol=1e-12, rtol=1e-12
    )


def test_each_speaker_has_a_voice():
    decoder = make(speakers=3)
    past, latents, _ = inputs(decoder, batch=1)
    one, two = (decoder(past, latents, torch.tensor([who])) for who in (0, 2))
    assert not torch.allclose(one, two)


def test_likelihoods_are_those_of_the_softmax():
    decoder = make(speakers=2)
    levels, latents, speaker = inputs(decoder)
    nll = decoder.negative_log_likelihood(levels, decoder.conditions(latents, speaker))
    past = torch.cat([torch.full((2, 1), ZERO_LEVEL), levels[:, :-1]], 1)
    logits = decoder(past, latents, speaker)
    wanted = -logits.double().log_softmax(1).gather(1, levels[:, None])[:, 0]
    assert nll.shape == levels.shape
    torch.testing.assert_close(nll.double(), wanted, atol=1e-4, rtol=1e-5)
    probabilities = logits.softmax(1).sum(1)
    torch.testing.assert_close(probabilities, torch.ones_like(probabilities))


def test_the_past_given_is_the_past_used():
    decoder = make()
    levels, latents, _ = inputs(decoder)
    conditions = decoder.conditions(latents, None)
    past = torch.cat([torch.full((2, 1), ZERO_LEVEL), levels[:, :-1]], 1)
    assert torch.equal(
        decoder.negative_log_likelihood(levels, conditions), decoder.negative_log_likelihood(levels, conditions, past)
    )
    past[:, 0] = 7
    other = decoder.negative_log_likelihood(levels, conditions, past)
    assert not torch.equal(decoder.negative_log_likelihood(levels, conditions)[:, 0], other[:, 0])


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("width", [5, 16])
def test_the_fused_path_computes_the_plain_layers(kernel_size, width):
    """Likelihoods within 1e-5, each gradient within 1e-4 of its norm, in float32."""
    decoder = make(speakers=2, kernel_size=kernel_size, residual_channels=width)
    levels, latents, speaker = inputs(decoder)
    found = {}
    for path in ("fused cpu", "plain"):
        decoder.zero_grad()
        nll = decoder.negative_log_likelihood(levels, decoder.conditions(latents, speaker), computation=path)
        nll.mean().backward()
        assert decoder.computation == path
        found[path] = [nll.detach(), *(parameter.grad.clone() for parameter in decoder.parameters())]
    torch.testing.assert_close(found["fused cpu"][0], found["plain"][0], atol=1e-5, rtol=1e-5)
    for one, other in zip(*found.values(), strict=True):
        assert (one - other).norm() <= 1e-4 * other.norm()


def test_float64_takes_the_plain_layers_and_evaluation_changes_nothing():
    decoder = make().double()
    levels, latents, _ = inputs(decoder)
    conditions = decoder.conditions(latents.double(), None)
    with torch.no_grad():
        decoder.negative_log_likelihood(levels, conditions)
    assert decoder.computation == ""
    assert decoder.negative_log_likelihood(levels, conditions).dtype == torch.float64
    assert decoder.computation == "plain"


def test_under_autocast_likelihoods_are_float32_and_near():
    decoder = make(speakers=2, residual_channels=16, skip_channels=16)
    levels, latents, speaker = inputs(decoder)
    plain = decoder.negative_log_likelihood(levels, decoder.conditions(latents, speaker))
    with torch.autocast("cpu", torch.bfloat16):
        found = decoder.negative_log_likelihood(levels, decoder.conditions(latents, speaker))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, plain, atol=0.1, rtol=0.02)


def test_the_paper_decoder_sees_3_cycles_of_1024():
    with torch.device("meta"):
        decoder = make(dilations=tuple(2**layer for layer in range(10)) * 3)
    assert decoder.receptive_field == 1 + 3 * 1023
