"""The whole model: its loss on windows and padded crops, its start, and the jitter of codes."""

import math

import pytest
import torch
from tiny import rng
from vqvae import DEEP, HOP, crops, make

from vqspeech.config import PerturbConfig
from vqspeech.errors import InputError, PluginError
from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.decoders.mulaw import ZERO_LEVEL, mu_law_encode
from vqspeech.nn.frame_error import QUIET_WEIGHT
from vqspeech.nn.quantize.vq import VectorQuantizer
from vqspeech.nn.share import Share

VARIANTS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"quantizer": VectorQuantizer},
        {"front_end": True, "head": True},
        {"head": True, "jitter": 0.2, "past_noise": 3.0},
        {"front_end": True, "perturb": PerturbConfig(warp=0.1, tilt=1.0, noise=-6.0), "head": DEEP},
    ],
    ids=["ema", "vq", "mfcc and head", "head, jitter and noise", "perturbed and a deep head"],
)


def test_a_head_that_predicts_from_f0_needs_it():
    model, batch = make(head={"pitch": True}), crops()
    assert model.needs_pitch and not make(head=True).needs_pitch
    higher = batch._replace(f0=1.5 * batch.f0)
    assert model.loss(batch).terms["spectral"] != model.loss(higher).terms["spectral"]
    with pytest.raises(InputError, match="F0"):
        model.loss(batch._replace(f0=None))


def head_loss(**options):
    """The head's loss on crops whose later half is quiet, and its gradient for the frames that it predicted."""
    model, batch = make(head=options), crops()
    batch = batch._replace(waveform=batch.waveform * torch.linspace(1, 0.01, batch.waveform.shape[1]))
    model.start(batch, rng())
    head, slopes = model.spectral_head, []
    head.output.register_full_backward_hook(lambda module, given, made: slopes.append(made[0]))
    loss = model.loss(batch, rng()).terms["spectral"]
    model.loss(batch, rng()).total.backward()
    target = head.features(batch.waveform).transpose(1, 2)
    return loss, slopes[0].abs().sum(-1), target


def test_a_head_weighs_errors_of_loud_frames_and_of_differences():
    plain, even, target = head_loss(loss="absolute")
    _, weighted, _ = head_loss(loss="absolute", loud=2.0)
    torch.testing.assert_close(weighted / even, torch.sigmoid(2 * target.mean(-1)) + QUIET_WEIGHT, rtol=1e-3, atol=1e-3)
    more, _, _ = head_loss(loss="absolute", differences=0.5)
    twice, _, _ = head_loss(loss="absolute", differences=1.0)
    assert more > plain
    torch.testing.assert_close(twice - more, more - plain)


@VARIANTS
def test_the_loss_is_the_sum_of_its_terms_and_reaches_every_weight(options):
    model, batch = make(**options), crops(lengths=[480, 455, 130], start=[0, 3, 0], window=4)
    model.start(batch, rng())
    result = model.loss(batch, rng())
    result.total.backward()
    assert all(torch.isfinite(term) and term.ndim == 0 and not term.requires_grad for term in result.terms.values())
    stats = {"distortion", "energy"} | (set() if options.get("quantizer") else {"revived"})
    wanted = {"nll", "commitment"} | ({"codebook"} if options.get("quantizer") else set())
    wanted |= {"spectral"} if options.get("head") else set()
    assert set(result.terms) == wanted | stats
    assert math.isclose(result.total.item(), sum(result.terms[name].item() for name in wanted), rel_tol=1e-5)
    assert result.codes.shape == (3, 1, 12)
    assert result.mask.sum(1).tolist() == [12, 12, 4]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def plain_nll(model, batch, row):
    """Mean nats per real sample of one crop, decoded from its first sample with no window."""
    length = int(batch.lengths[row])
    z = model.encoder(batch.waveform[row : row + 1])
    mask = torch.arange(z.shape[-1])[None] * HOP < length
    quantized = model.quantizer(z, mask).z_q
    levels = mu_law_encode(batch.waveform[row : row + 1])
    past = torch.cat([torch.tensor([[ZERO_LEVEL]]), levels[:, :-1]], 1)
    logits = model.decoder(past, quantized, batch.speaker[row : row + 1])
    return -logits.log_softmax(1).gather(1, levels[:, None])[0, 0, :length]


def test_a_window_of_the_whole_crop_is_the_plain_likelihood():
    model, batch = make().eval(), crops(lengths=[480, 455, 130])
    wanted = torch.cat([plain_nll(model, batch, row) for row in range(3)]).mean()
    torch.testing.assert_close(model.loss(batch).terms["nll"], wanted)


@pytest.mark.parametrize("front_end", [False, True])
def test_a_window_in_the_middle_is_that_stretch_of_the_crop(front_end):
    """A decoder of one tap has no past to miss: the window must equal the cut of the whole crop."""
    model, batch = make(front_end=front_end, dilations=(1,)).eval(), crops(start=[2, 0, 8], window=4)
    # Sees its newest input only.
    model.decoder.gates[0].data[0] = 0
    model.start(batch, rng())
    found = model.loss(batch).terms["nll"]
    whole = [plain_nll(model, batch, row) for row in range(3)]
    parts = [nll[start * HOP : (start + 4) * HOP] for nll, start in zip(whole, (2, 0, 8), strict=True)]
    torch.testing.assert_close(found, torch.cat(parts).mean())


def test_a_window_starts_from_empty_layers_and_agrees_beyond_the_receptive_field():
    model, batch = make().eval(), crops(start=3, window=5)
    levels, z_q = mu_law_encode(batch.waveform), model.quantizer(model.encoder(batch.waveform)).z_q
    seen = {}
    decode = model.decoder.negative_log_likelihood

    def spy(*arguments):
        seen["nll"] = decode(*arguments)
        return seen["nll"]

    model.decoder.negative_log_likelihood = spy
    model.loss(batch)
    whole = decode(levels, model.decoder.conditions(z_q, batch.speaker))[:, 3 * HOP : 8 * HOP]
    reach = model.decoder.receptive_field
    torch.testing.assert_close(seen["nll"][:, reach:], whole[:, reach:], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(seen["nll"][:, 1:reach], whole[:, 1:reach])


@VARIANTS
def test_what_lies_beyond_the_length_is_no_part_of_any_mean(options):
    """A crop twice as long as its speech: the decoder's terms count real samples and frames only."""
    model = make(**options).eval()
    short = crops(frames=6, lengths=[240] * 3)
    long = short._replace(waveform=torch.nn.functional.pad(short.waveform, (0, 240)), window_frames=12)
    one, two = model.loss(short), model.loss(long)
    assert two.mask.sum(1).tolist() == [6, 6, 6]
    assert not two.codes[:, :, 6:].any()
    same = (one.codes == two.codes[:, :, :6]).float().mean()
    # Only the encoder's view over the end differs.
    assert same > 0.8
    if same == 1:
        torch.testing.assert_close(one.terms["nll"], two.terms["nll"])


def test_levels_beyond_the_length_do_not_count():
    model, batch = make().eval(), crops(lengths=[480, 455, 130])
    nll, real = model.decoder.window_nll(model.quantizer(model.encoder(batch.waveform)).z_q, batch)
    assert nll.shape == real.shape == (3, 480)
    assert real.sum(1).tolist() == [480, 455, 130]


def test_shuffled_codes_are_those_of_the_next_crop():
    model, batch = make().eval(), crops(start=[1, 2, 3], window=4)
    model.start(batch, rng())
    z_q = model.quantizer.decode(model.encode(batch.waveform))
    nll, real = model.decoder.window_nll(z_q[[2, 0, 1]], batch)
    wanted = nll[real].mean()
    torch.testing.assert_close(model.shuffled(batch), wanted)
    assert model.shuffled(batch) != model.loss(batch).terms["nll"]


def test_shuffled_codes_of_equal_crops_make_no_difference():
    model, batch = make().eval(), crops(lengths=[480, 455, 130])
    row = [1, 1, 1]
    batch = SpeechBatch(*(tensor[row] for tensor in batch[:4]), window_frames=batch.window_frames)
    torch.testing.assert_close(model.shuffled(batch), model.loss(batch).terms["nll"])


def test_jitter_is_for_training_with_a_generator_only():
    model, batch = make(VectorQuantizer, jitter=0.4), crops()
    model.start(batch, rng())
    plain = model.eval().loss(batch).total
    assert torch.equal(model.loss(batch, rng()).total, plain)
    model.train()
    assert torch.equal(model.loss(batch).total, plain)
    assert not torch.equal(model.loss(batch, rng()).total, plain)
    assert torch.equal(model.loss(batch, rng(5)).total, model.loss(batch, rng(5)).total)


@VARIANTS
@pytest.mark.parametrize("lengths", [[480, 455, 130], [480, 0, 90]], ids=["unequal", "an empty share"])
@pytest.mark.parametrize("ranks", [2, 3])
def test_shares_of_a_batch_sum_up_to_its_loss_and_its_gradient(options, lengths, ranks):
    batch = crops(lengths=lengths, start=[0, 3, 0], window=4)
    real = sum(min(max(length - start * HOP, 0), 4 * HOP) for length, start in zip(lengths, [0, 3, 0], strict=True))
    frames = sum(-(-length // HOP) for length in lengths)

    def gradients(batches):
        model = make(**options)
        model.start(batch, rng())
        results = [model.loss(part, rng()) for part in batches]
        sum(result.total for result in results).backward()
        model.update(rng())
        terms = {name: sum(result.terms[name] for result in results) for name in results[0].terms}
        return terms, {name: weight.grad for name, weight in model.named_parameters()}, model.quantizer.codebook

    shares = [
        SpeechBatch(
            *(tensor[rank::ranks] for tensor in batch[:4]),
            4,
            Share(rank, ranks, 3, real, frames),
            batch.f0[rank::ranks],
        )
        for rank in range(ranks)
    ]
    torch.testing.assert_close(gradients(shares), gradients([batch]), atol=1e-6, rtol=1e-4)


def test_the_start_fits_features_and_places_the_codebook():
    model, batch = make(front_end=True, head=True), crops(lengths=[480, 455, 400])
    assert len(model.encode(batch.waveform).unique()) < 6
    model.start(batch, rng())
    for features in (model.encoder.front_end, model.spectral_head.features):
        found = features(batch.waveform)
        frames = torch.cat([found[row, :, : -(-length // 20)] for row, length in enumerate([480, 455, 400])], 1)
        assert frames.mean(1).abs().max() < 1e-3
        assert (frames.std(1, correction=0) - 1).abs().max() < 1e-3
    assert len(model.encode(batch.waveform).unique()) >= 6


def test_a_start_of_many_crops_is_encoded_in_pieces():
    model, batch = make(), crops()
    batch = SpeechBatch(*(tensor.repeat(30, *[1] * (tensor.ndim - 1)) for tensor in batch[:4]), window_frames=12)
    sizes = []
    model.encoder.register_forward_hook(lambda module, given, result: sizes.append(len(given[0])))
    model.start(batch, rng())
    assert sum(sizes) == 90
    assert max(sizes) <= 16


@pytest.mark.parametrize("time", [1, HOP - 1, HOP, HOP + 1, 5 * HOP])
def test_any_waveform_has_codes(time):
    codes = make().encode(torch.zeros(2, time))
    assert codes.shape == (2, 1, -(-time // HOP))
    assert codes.dtype == torch.int64


def test_the_decoder_gradient_reaches_the_encoder_through_the_codes():
    model, batch = make(), crops()
    model.quantizer.beta = 0.0
    model.loss(batch).total.backward()
    assert model.encoder.head.weight.grad.abs().sum() > 0


def test_a_batch_moves_to_a_device():
    batch = crops().to(torch.device("meta"))
    assert {tensor.device.type for tensor in batch[:4]} == {"meta"}
    assert batch.window_frames == 12


def test_noise_is_on_the_past_only_and_for_training_only():
    """The targets stay clean: a decoder that ignores its past has the same loss."""
    model, batch = make(VectorQuantizer, past_noise=20.0), crops()
    clean = make(VectorQuantizer)
    clean.load_state_dict(model.state_dict())
    losses = [net.loss(batch, rng(3)).terms["nll"] for net in (model, clean)]
    assert losses[0] != losses[1]
    for net in (model, clean):
        net.eval()
    torch.testing.assert_close(*(net.loss(batch, rng(3)).terms["nll"] for net in (model, clean)))
    for net in (model, clean):
        net.train()
        torch.nn.init.zeros_(net.decoder.embedding.weight)
    torch.testing.assert_close(*(net.loss(batch, rng(3)).terms["nll"] for net in (model, clean)))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_decoder_teaches_the_encoder_by_the_share_asked_for(share):
    gradients = []
    for decoder_gradient in (share, 1.0):
        model, batch = make(VectorQuantizer, decoder_gradient=decoder_gradient), crops()
        model.quantizer.beta = 0.0
        model.loss(batch).total.backward()
        gradients.append((model.encoder.head.weight.grad, model.decoder.logits.weight.grad))
    (encoder, decoder), (whole, same) = gradients
    torch.testing.assert_close(encoder, share * whole)
    torch.testing.assert_close(decoder, same)
    assert whole.abs().sum() > 0


def test_losses_of_a_decoder_and_of_the_spectral_head_are_both_minimised(monkeypatch):
    """Both may be called spectral; a name that a quantizer has as well is an error."""
    model, batch = make(head=True), crops()
    model.start(batch, rng())
    alone = model.loss(batch, rng()).terms["spectral"]
    monkeypatch.setattr(model.decoder, "losses", lambda *_, **__: {"spectral": torch.tensor(3.0)})
    both = model.loss(batch, rng())
    assert both.terms["spectral"] == 3
    assert both.terms["spectral_head"] == alone
    assert both.total.item() == pytest.approx(3 + alone.item() + both.terms["commitment"].item())
    monkeypatch.setattr(model.decoder, "losses", lambda *_, **__: {"commitment": torch.tensor(3.0)})
    with pytest.raises(PluginError, match="commitment"):
        model.loss(batch, rng())
