"""Likelihoods of 8-bit pixels: distributions over the integers 0 to 255."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 256


class Likelihood(nn.Module):
    """A distribution of a pixel's channels given features, computed in float32.

    Parameters
    ----------
    width : channels of the features
    channels : channels of a pixel
    outputs : parameters of the distribution
    """

    def __init__(self, width: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.channels = channels
        self.head = nn.Linear(width, outputs)

    def parameters_of(self, features: Tensor) -> Tensor:
        """Compute the distribution's parameters (..., outputs), float32, from features (..., width)."""
        with torch.autocast(features.device.type, enabled=False):
            return F.linear(features.float(), self.head.weight.float(), self.head.bias.float())

    def nll(self, features: Tensor, pixels: Tensor) -> Tensor:
        """Compute -log p in nats, summed over channels, of pixels (..., channels) uint8."""
        raise NotImplementedError

    def mean(self, features: Tensor) -> Tensor:
        """Compute expected pixels (..., channels) in [0, 255]."""
        raise NotImplementedError


class Softmax256(Likelihood):
    """A softmax over 256 values per channel (van den Oord et al. 2016, arXiv 1601.06759, 2.2).

    The paper's 4.67 bits use it.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__(width, channels, channels * LEVELS)

    def _logits(self, features: Tensor) -> Tensor:
        return self.parameters_of(features).unflatten(-1, (self.channels, LEVELS))

    def nll(self, features: Tensor, pixels: Tensor) -> Tensor:
        """See `Likelihood.nll`."""
        logits = self._logits(features)
        losses = F.cross_entropy(logits.flatten(0, -2), pixels.long().flatten(), reduction="none")
        return losses.view(pixels.shape).sum(-1)

    def mean(self, features: Tensor) -> Tensor:
        """See `Likelihood.mean`."""
        levels = torch.arange(LEVELS, device=features.device, dtype=torch.float32)
        return self._logits(features).softmax(-1) @ levels


class DiscretisedLogistic(Likelihood):
    """A mixture of discretised logistics (Salimans et al. 2017, arXiv 1701.05517, eq. 2).

    A value has the probability of its bin of width 1 under the logistic; 0 and 255 get the tails. Within a component,
    the location of a channel depends linearly on the channels before it (eq. 3). Log-probabilities of bins are exact in
    the tails too: sigma(b) - sigma(a) = sigma(b) sigma(-a) (1 - exp(a - b)).

    Parameters
    ----------
    mixtures : number of components
    """

    def __init__(self, width: int, channels: int, mixtures: int = 5) -> None:
        self.mixtures = mixtures
        self.links = channels * (channels - 1) // 2
        super().__init__(width, channels, mixtures * (1 + 2 * channels + self.links))
        # Locations spread over the range, so that components differ from the start.
        with torch.no_grad():
            bias = self.head.bias.view(mixtures, -1)
            bias.zero_()
            bias[:, 1 : 1 + channels] = torch.linspace(-0.7, 0.7, mixtures)[:, None] if mixtures > 1 else 0.0
            bias[:, 1 + channels : 1 + 2 * channels] = -1.5

    def _split(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return log-weights, locations, log-scales and links of the mixtures.

        The unit is 127.5 levels.
        """
        values = self.parameters_of(features).unflatten(-1, (self.mixtures, -1))
        weights, locations, scales, links = values.split([1, self.channels, self.channels, self.links], -1)
        return weights[..., 0].log_softmax(-1), locations, scales.clamp(-7, 7), links.tanh()

    def nll(self, features: Tensor, pixels: Tensor) -> Tensor:
        """See `Likelihood.nll`."""
        weights, locations, scales, links = self._split(features)
        x = (pixels.float() / 127.5 - 1)[..., None, :]
        locations = self._linked(locations, links, x)
        half = 1 / 255
        below = (x - half - locations) * torch.exp(-scales)
        above = (x + half - locations) * torch.exp(-scales)
        width = 2 * half * torch.exp(-scales)
        log_p = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-width))
        log_p = torch.where(x < -1 + half, F.logsigmoid(above), log_p)
        log_p = torch.where(x > 1 - half, F.logsigmoid(-below), log_p)
        return -(weights + log_p.sum(-1)).logsumexp(-1)

    def mean(self, features: Tensor) -> Tensor:
        """See `Likelihood.mean`; of the logistics without bins."""
        weights, locations, _, links = self._split(features)
        channels = [locations[..., 0]]
        for _ in range(1, self.channels):
            known = torch.stack([*channels, *[torch.zeros_like(channels[0])] * (self.channels - len(channels))], -1)
            channels.append(self._linked(locations, links, known)[..., len(channels)])
        means = torch.stack(channels, -1)
        return ((weights.exp()[..., None] * means).sum(-2).clamp(-1, 1) + 1) * 127.5

    def _linked(self, locations: Tensor, links: Tensor, x: Tensor) -> Tensor:
        moved, at = [locations[..., 0]], 0
        for channel in range(1, self.channels):
            shift = (links[..., at : at + channel] * x[..., :channel]).sum(-1)
            moved.append(locations[..., channel] + shift)
            at += channel
        return torch.stack(moved, -1)


class DiscretisedGaussian(Likelihood):
    """A normal distribution per channel with a learned deviation, in bins of width 1.

    This is the mean squared error as a likelihood, with a scale that cannot be chosen freely.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__(width, channels, channels)
        self.log_deviation = nn.Parameter(torch.full((channels,), math.log(0.3)))

    def nll(self, features: Tensor, pixels: Tensor) -> Tensor:
        """See `Likelihood.nll`."""
        x = pixels.float() / 127.5 - 1
        scale = torch.exp(-self.log_deviation.float())
        centre = x - self.parameters_of(features)
        half = 1 / 255
        # The bin or its mirror image, whichever lies below 0: no 1 - 1 in its tail.
        inner = (half - centre.abs()) * scale
        outer = -(half + centre.abs()) * scale
        high, low = torch.special.log_ndtr(inner), torch.special.log_ndtr(outer)
        log_p = high + torch.log(-torch.expm1((low - high).clamp(max=-1e-6)))
        at_zero = torch.special.log_ndtr((centre + half) * scale)
        at_end = torch.special.log_ndtr((half - centre) * scale)
        log_p = torch.where(pixels == 0, at_zero, torch.where(pixels == LEVELS - 1, at_end, log_p))
        return -log_p.sum(-1)

    def mean(self, features: Tensor) -> Tensor:
        """See `Likelihood.mean`."""
        return (self.parameters_of(features).clamp(-1, 1) + 1) * 127.5


class Bernoulli(Likelihood):
    """A Bernoulli distribution of binarised pixels (128 and more are 1), in bits of these."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__(width, channels, channels)

    def nll(self, features: Tensor, pixels: Tensor) -> Tensor:
        """See `Likelihood.nll`."""
        white = (pixels >= LEVELS // 2).float()
        return F.binary_cross_entropy_with_logits(self.parameters_of(features), white, reduction="none").sum(-1)

    def mean(self, features: Tensor) -> Tensor:
        """See `Likelihood.mean`."""
        return self.parameters_of(features).sigmoid() * 255


class BernoulliLogits(Bernoulli):
    """`Bernoulli` of a decoder whose features are logits."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)
        del self.head

    def parameters_of(self, features: Tensor) -> Tensor:
        """Return the features in float32."""
        return features.float()


def make_likelihood(name: str, width: int, channels: int, mixtures: int) -> Likelihood:
    """Make the likelihood of a `vqspeech_image.config.LikelihoodName`."""
    if name == "logistic":
        return DiscretisedLogistic(width, channels, mixtures)
    kinds = {"softmax256": Softmax256, "gaussian": DiscretisedGaussian, "bernoulli": Bernoulli}
    return kinds[name](width, channels)
