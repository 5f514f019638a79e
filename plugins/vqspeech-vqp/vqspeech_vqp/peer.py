"""Wraps a module of vector-quantize-pytorch as a `vqspeech.nn.quantize.Quantizer`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn

from vqspeech.nn.quantize import Quantized, Quantizer
from vqspeech.nn.quantize.frames import to_frames
from vqspeech.nn.quantize.terms import fidelity


class PeerQuantizer(Quantizer):
    """The base of all variants. The peer (1.32.0) has these traps:

    - Its masks break losses, projections and entropies. So valid frames are gathered, passed as one sequence without a
      mask, and scattered back.
    - Without frames it gives NaN, or leaves other processes waiting in its collectives. So it gets one frame of zeros
      whose loss has weight zero.
    - It looks for a process group once and remembers the answer. So no variant lets it keep statistics: everything that
      learns is a parameter, whose gradients the training loop averages; the rest is frozen at its seeded initial value.
    - It computes in the type to which it is cast. So parameters and buffers stay float32, without autocast.
    - Its quantized latents differ from its decoded codes in the last bits. So z_q has the values of `decode` and the
      gradient of the peer.

    Parameters
    ----------
    peer : the module, of a package without type hints
    dim : channels of latents
    codebook_sizes : number of codes of each codebook
    """

    peer: Any

    def __init__(self, peer: nn.Module, dim: int, codebook_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.peer = peer
        self.dim = dim
        self.codebook_sizes = codebook_sizes

    @abstractmethod
    def quantize_frames(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantize frames (frames, dim); return frames, codes (frames, codebooks) and loss."""

    @abstractmethod
    def raise_codes(self, codes: Tensor) -> Tensor:
        """Decode codes (frames, codebooks) to quantized frames (frames, dim)."""

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """See `Quantizer.forward`; the only loss is ``auxiliary``, the peer's."""
        with torch.autocast(z.device.type, enabled=False):
            frames = _gather(z, mask)
            count = len(frames)
            if not count:
                # All of z takes part with weight zero, so that every process computes the same graph.
                frames = torch.zeros(1, self.dim, device=z.device) + 0 * z[:0].float().sum()
            quantized, codes, loss = self.quantize_frames(frames)
            exact = self.raise_codes(codes)
            quantized = quantized + (exact - quantized).detach()
            return Quantized(
                _scatter(quantized[:count], z, mask),
                _scatter(codes[:count], z, mask),
                {"auxiliary": loss if count else 0 * (loss + quantized.sum())},
                fidelity(frames[:count], exact[:count], None),
            )

    @torch.no_grad()
    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `Quantizer.encode`.

        Frames are independent, so padding becomes zeros and its codes are dropped: no shape depends on data.
        """
        if not z.numel():
            return torch.zeros(len(z), len(self.codebook_sizes), z.shape[2], dtype=torch.int64, device=z.device)
        frames, valid = to_frames(z, mask)
        with torch.autocast(z.device.type, enabled=False), _evaluating(self.peer):
            codes = self.quantize_frames(frames)[1]
        return _scatter(codes if valid is None else codes * valid[:, None], z, None)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Quantizer.decode`."""
        batch, books, time = codes.shape
        with torch.autocast(codes.device.type, enabled=False):
            if not codes.numel():
                return torch.zeros(batch, self.dim, time, device=codes.device)
            frames = self.raise_codes(codes.transpose(1, 2).reshape(-1, books))
            return frames.view(batch, time, self.dim).transpose(1, 2)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        def moved(tensor: Tensor) -> Tensor:
            result = fn(tensor)
            return result if result.dtype == tensor.dtype else tensor.to(result.device)

        super()._apply(moved, recurse)
        return self


def _gather(z: Tensor, mask: Tensor | None) -> Tensor:
    """Gather the valid frames of latents (batch, dim, time): (frames, dim) float32."""
    frames = z.float().transpose(1, 2)
    return frames.reshape(-1, z.shape[1]) if mask is None else frames[mask]


def _scatter(frames: Tensor, z: Tensor, mask: Tensor | None) -> Tensor:
    """Scatter frames (frames, width) back to (batch, width, time), with zeros elsewhere."""
    shape = len(z), z.shape[2], frames.shape[1]
    if mask is None:
        return frames.view(shape).transpose(1, 2)
    return frames.new_zeros(shape).masked_scatter(mask[..., None], frames).transpose(1, 2)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Put the module and its parts into evaluation mode within the context."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def peer_class(name: str) -> Any:
    """Import a class of vector-quantize-pytorch."""
    import vector_quantize_pytorch

    return getattr(vector_quantize_pytorch, name)
