"""The prior ``wavenet``: dilated causal convolutions with gates over the frames before."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from vqspeech.config import at_least, require
from vqspeech.nn.decoders.dilated import dilated_taps, residual_block
from vqspeech.nn.decoders.gated import gated_stack
from vqspeech.nn.priors.predictor import FramePredictor, floats
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.nn.priors.sequence import Noise, SequencePrior, require_sequences

MOST_LAYERS_PER_CYCLE, MOST_CYCLES = 16, 100
"""Largest options of the dilations: a layer of dilation 2^16 looks back 22 minutes at 50 codes per second."""


class WaveNetPrior(SequencePrior):
    """A WaveNet over codes (van den Oord et al. 2016, arXiv 1609.03499; 2017, arXiv 1711.00937, section 4.3).

    Each layer is a `residual_block` of the decoder `wavenet`: [f, g] = W * x + V c, z = tanh(f) sigmoid(g),
    x + R z + b. The features are the ReLU of one product over the z of all layers. The condition is embedded once and
    shifts the gates of every layer. Before the first frame activations are zero.

    Parameters
    ----------
    space : the codes
    dilations : dilation of each layer, in frames
    kernel_size : taps of each dilated convolution
    residual_channels, skip_channels : width of the layers, and of the features
    head_channels : channels between the features and the logits
    condition_channels : channels of an embedded speaker or class
    dropout : see `SequencePrior`
    """

    def __init__(
        self,
        space: CodeSpace,
        *,
        dilations: tuple[int, ...],
        kernel_size: int,
        residual_channels: int,
        skip_channels: int,
        head_channels: int,
        condition_channels: int,
        dropout: float,
    ) -> None:
        super().__init__(space, width=residual_channels, dropout=dropout)
        self.dilations, self.kernel_size = dilations, kernel_size
        layers, width = len(dilations), residual_channels
        self.shift = nn.Parameter(torch.zeros(layers, 2 * width))
        self.speakers = nn.Embedding(space.conditions, condition_channels) if space.conditions else None
        self.by_speaker = nn.Linear(condition_channels, layers * 2 * width, bias=False) if space.conditions else None
        self.gates = nn.ParameterList(
            nn.Parameter(torch.randn(kernel_size, width, 2 * width) / math.sqrt(kernel_size * width)) for _ in dilations
        )
        self.residual = nn.ModuleList(nn.Linear(width, width) for _ in dilations[1:])
        self.skip = nn.Linear(layers * width, skip_channels)
        self.add_heads(skip_channels, head_channels)

    @property
    def reach(self) -> int:
        """Frames before it that a frame depends on."""
        return 1 + (self.kernel_size - 1) * sum(self.dilations)

    def shifts(self, rows: int, condition: Tensor | None) -> Tensor:
        """Compute what is added to the gates, (rows, layers, 2 * width)."""
        shift = self.shift.expand(rows, -1, -1)
        if self.speakers is None or self.by_speaker is None:
            return shift
        assert condition is not None
        embedded = self.speakers(condition.to(shift.device))
        return shift + self.by_speaker(embedded).unflatten(-1, self.shift.shape)

    def summaries(self, inputs: Tensor, condition: Tensor | None, noise: Noise | None) -> Tensor:
        """Compute features; see `SequencePrior.summaries`."""
        shifts = self.shifts(len(inputs), condition)[:, None]
        if torch.is_autocast_enabled(inputs.device.type):
            inputs = inputs.to(torch.get_autocast_dtype(inputs.device.type))
        shifts = shifts.to(inputs.dtype)
        if inputs.device.type == "cpu" and inputs.dtype in (torch.float32, torch.bfloat16) and inputs.numel():
            residual = [(layer.weight, layer.bias) for layer in self.residual if isinstance(layer, nn.Linear)]
            z = 0.5 * gated_stack(inputs, shifts, list(self.gates), residual, self.dilations)
        else:
            z = self._stack(inputs, shifts)
        features: Tensor = self.skip(self.dropped(z, noise))
        return self.dropped(features.relu(), noise)

    def predictor(self, rows: int, condition: Tensor | None = None) -> WaveNetPredictor:
        """Predict codes one after the other, with rings of the past; see `Prior.predictor`."""
        return WaveNetPredictor(self, rows, condition)

    def _stack(self, x: Tensor, shifts: Tensor) -> Tensor:
        """Concatenate the outputs z of all layers, (batch, frames, layers * width)."""
        outputs = []
        for layer, dilation in enumerate(self.dilations):
            residual = self.residual[layer] if layer < len(self.residual) else None
            taps = dilated_taps(x, self.kernel_size, dilation)
            z, x = residual_block(x, taps, shifts[:, :, layer], self.gates[layer].to(x.dtype), residual)
            outputs.append(z)
        return torch.cat(outputs, -1)


class WaveNetPredictor(FramePredictor):
    """Predicts with the last (taps - 1) * dilation inputs of every layer, in rings: constant memory, constant cost."""

    @torch.no_grad()
    def __init__(self, prior: WaveNetPrior, rows: int, condition: Tensor | None) -> None:
        from vqspeech.kernels.steps import Dilated, DilatedPast

        super().__init__(prior, prior.first, rows)
        layers, width, taps = len(prior.dilations), prior.width, prior.kernel_size
        dilations = np.array(prior.dilations, np.int64)
        ends = np.cumsum((taps - 1) * dilations)
        residual = [layer for layer in prior.residual if isinstance(layer, nn.Linear)]
        self._net = Dilated(
            gates=floats(torch.stack(list(prior.gates)).flatten(1, 2)),
            residual=_stacked([floats(layer.weight.T) for layer in residual], width, width),
            residual_bias=_stacked([floats(layer.bias) for layer in residual], width),
            skip=floats(prior.skip.weight.T).reshape(layers, width, -1),
            skip_bias=floats(prior.skip.bias),
            dilations=dilations,
            begins=ends - (taps - 1) * dilations,
        )
        self._past = DilatedPast(
            shift=_shifts(prior, rows, condition),
            clock=np.zeros(1, np.int64),
            rings=np.zeros((int(ends[-1]), rows, width), np.float32),
            taps=np.zeros((rows, taps * width), np.float32),
            both=np.zeros((rows, 2 * width), np.float32),
            z=np.zeros((layers, rows, width), np.float32),
        )

    def advance(self, inputs: np.ndarray, features: np.ndarray) -> None:
        """Compute the features of the next frame; see `FramePredictor.advance`."""
        from vqspeech.kernels.steps import advance_dilated

        advance_dilated(self._net, self._past, inputs, features)


def _shifts(prior: WaveNetPrior, rows: int, condition: Tensor | None) -> np.ndarray:
    """Compute `WaveNetPrior.shifts`, (layers, rows, 2 * width), each row with the same bits whatever the others are."""
    from vqspeech.kernels.steps import add_product

    shape = prior.shift.shape
    shift = np.tile(floats(prior.shift).reshape(-1), (rows, 1))
    if prior.speakers is not None and prior.by_speaker is not None:
        assert condition is not None
        embedded = floats(prior.speakers(condition.to(prior.shift.device)))
        add_product(embedded, floats(prior.by_speaker.weight.T), shift)
    return np.ascontiguousarray(shift.reshape(rows, *shape).transpose(1, 0, 2))


def _stacked(arrays: list[np.ndarray], *shape: int) -> np.ndarray:
    return np.stack(arrays) if arrays else np.zeros((0, *shape), np.float32)


def wavenet(
    space: CodeSpace,
    *,
    cycles: int = 2,
    layers_per_cycle: int = 8,
    kernel_size: int = 2,
    residual_channels: int = 192,
    skip_channels: int = 256,
    head_channels: int = 256,
    condition_channels: int = 64,
    dropout: float = 0.0,
) -> WaveNetPrior:
    """Build the prior ``wavenet``.

    Parameters
    ----------
    space : codes in sequences, or on a grid in raster order
    cycles, layers_per_cycle : dilations are 1, 2, 4, ... frames in each cycle
    kernel_size, residual_channels, skip_channels, head_channels, condition_channels, dropout : see `WaveNetPrior`

    Raises
    ------
    ConfigError : for sizes out of range, or codes with a level above
    """
    require_sequences(space, "wavenet")
    sizes = {
        "kernel_size": kernel_size,
        "residual_channels": residual_channels,
        "skip_channels": skip_channels,
        "head_channels": head_channels,
        "condition_channels": condition_channels,
    }
    counts = {"cycles": cycles, "layers_per_cycle": layers_per_cycle}
    at_least(1, sizes | counts, "model", *sizes, *counts)
    at_least(2, sizes, "model", "kernel_size")
    require(layers_per_cycle <= MOST_LAYERS_PER_CYCLE, f"model.layers_per_cycle: at most {MOST_LAYERS_PER_CYCLE}")
    require(cycles <= MOST_CYCLES, f"model.cycles: at most {MOST_CYCLES}")
    require(0 <= dropout < 1, f"model.dropout = {dropout}; at least 0 and below 1")
    dilations = tuple(2**layer for layer in range(layers_per_cycle)) * cycles
    return WaveNetPrior(space, dilations=dilations, dropout=dropout, **sizes)
