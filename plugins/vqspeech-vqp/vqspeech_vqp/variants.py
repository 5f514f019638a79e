"""The variants; functions take ``dim`` and the options of ``[model.quantizer]``."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.quantize.hyperparameters import require
from vqspeech.nn.quantize.kmeans import k_means
from vqspeech_vqp.peer import PeerQuantizer, peer_class


class SimVQ(PeerQuantizer):
    """Zhu et al. 2024, arXiv 2411.02038: a frozen Gaussian codebook behind a learned linear layer."""

    def quantize_frames(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `PeerQuantizer.quantize_frames`."""
        quantized, codes, loss = self.peer(frames[None])
        return quantized[0], codes[0][:, None], loss

    def raise_codes(self, codes: Tensor) -> Tensor:
        """See `PeerQuantizer.raise_codes`."""
        return self.peer.indices_to_codes(codes[:, 0])


def simvq(dim: int, *, codebook_size: int = 512, beta: float = 0.25, rotation_trick: bool = True) -> SimVQ:
    """Make SimVQ; `beta` weighs the commitment loss relative to the codebook loss."""
    _at_least(2, codebook_size=codebook_size)
    _at_least(0, beta=beta)
    peer = peer_class("SimVQ")(
        dim=dim,
        codebook_size=codebook_size,
        rotation_trick=rotation_trick,
        input_to_quantize_commit_loss_weight=beta,
    )
    return SimVQ(peer, dim, (codebook_size,))


class LookupFree(PeerQuantizer):
    """Yu et al. 2023, arXiv 2310.05737 (LFQ), and Zhao et al. 2024, arXiv 2406.07548 (BSQ)."""

    distance = None

    def quantize_frames(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `PeerQuantizer.quantize_frames`."""
        quantized, codes, loss = self.peer(frames[None])
        return quantized[0], codes[0][:, None].long(), loss

    def raise_codes(self, codes: Tensor) -> Tensor:
        """See `PeerQuantizer.raise_codes`."""
        return self.peer.indices_to_codes(codes.T)[0]


def _lookup_free(
    dim: int, codebook_size: int, entropy_weight: float, diversity: float, beta: float, *, spherical: bool
) -> LookupFree:
    bits = math.log2(codebook_size) if codebook_size >= 2 else 0.5
    require(bits.is_integer(), "codebook_size", codebook_size, "a power of two, at least 2")
    require(codebook_size <= 2**14, "codebook_size", codebook_size, "at most 16384; the peer lists all codes per frame")
    _at_least(0, entropy_weight=entropy_weight, diversity=diversity, beta=beta)
    peer = peer_class("LFQ")(
        dim=dim,
        codebook_size=codebook_size,
        entropy_loss_weight=entropy_weight,
        diversity_gamma=diversity,
        commitment_loss_weight=beta,
        spherical=spherical,
        has_projections=True,
    )
    return LookupFree(peer, dim, (codebook_size,))


def lfq(
    dim: int, *, codebook_size: int = 512, entropy_weight: float = 0.1, diversity: float = 1.0, beta: float = 0.25
) -> LookupFree:
    """Make LFQ of log2(codebook_size) signs, with (frames, codebook_size) numbers in training."""
    return _lookup_free(dim, codebook_size, entropy_weight, diversity, beta, spherical=False)


def bsq(
    dim: int, *, codebook_size: int = 512, entropy_weight: float = 0.1, diversity: float = 1.0, beta: float = 0.25
) -> LookupFree:
    """Make BSQ: as `lfq`, on the unit sphere."""
    return _lookup_free(dim, codebook_size, entropy_weight, diversity, beta, spherical=True)


class Rotation(PeerQuantizer):
    """A codebook with rotated gradients (Fifty et al. 2024, arXiv 2410.06424).

    Its loss trains the codebook; the peer's moving averages are off.
    """

    def quantize_frames(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `PeerQuantizer.quantize_frames`."""
        quantized, codes, loss = self.peer(frames[None])
        return quantized[0], codes[0][:, None], loss.sum()

    def raise_codes(self, codes: Tensor) -> Tensor:
        """See `PeerQuantizer.raise_codes`."""
        return F.embedding(codes[:, 0], self.peer.codebook)

    @torch.no_grad()
    def start(self, frames: Tensor, generator: torch.Generator) -> None:
        """See `Quantizer.start`: k-means, ours, since the peer's runs in evaluation too."""
        if len(frames):
            self.peer.codebook = k_means(frames, self.codebook_sizes[0], generator)


def rotation(dim: int, *, codebook_size: int = 512, beta: float = 1.0) -> Rotation:
    """Make a codebook with the rotation trick; `beta` weights both losses, as in the peer."""
    _at_least(1, codebook_size=codebook_size)
    require(beta > 0, "beta", beta, "above 0; no other loss trains the codebook")
    require(dim >= 2, "dim", dim, "at least 2; one dimension has no rotations")
    peer = peer_class("VectorQuantize")(
        dim=dim,
        codebook_size=codebook_size,
        commitment_weight=beta,
        learnable_codebook=True,
        ema_update=False,
        rotation_trick=True,
        sync_codebook=False,
        kmeans_init=False,
    )
    return Rotation(peer, dim, (codebook_size,))


class RandomProjection(PeerQuantizer):
    """BEST-RQ's targets (Chiu et al. 2022, arXiv 2202.01855), with learned latents of codes.

    Projection and codebook are frozen; gradients pass straight through the lookup, then through the projection.
    """

    distance = None

    def __init__(self, peer: nn.Module, dim: int, code_dim: int, codebook_size: int) -> None:
        super().__init__(peer, dim, (codebook_size,))
        self.up = nn.Linear(code_dim, dim)

    def quantize_frames(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `PeerQuantizer.quantize_frames`."""
        with torch.no_grad():
            codes = self.peer(frames[None]).view(-1, 1)
        soft = F.normalize(self.peer.norm(frames) @ self.peer.rand_projs[0], dim=1)
        hard = self._rows(codes)
        return self.up(soft + (hard - soft).detach()), codes, soft.new_zeros(())

    def raise_codes(self, codes: Tensor) -> Tensor:
        """See `PeerQuantizer.raise_codes`."""
        return self.up(self._rows(codes))

    def _rows(self, codes: Tensor) -> Tensor:
        return F.embedding(codes[:, 0], self.peer.vq._codebook.embed[0])


def random_projection(dim: int, *, codebook_size: int = 512, code_dim: int = 16) -> RandomProjection:
    """Make BEST-RQ codes of one codebook.

    With several codebooks the peer adds a random layer before the lookup.
    """
    _at_least(1, codebook_size=codebook_size)
    _at_least(2, code_dim=code_dim)
    peer = peer_class("RandomProjectionQuantizer")(
        dim=dim, codebook_size=codebook_size, codebook_dim=code_dim, sync_codebook=False
    )
    return RandomProjection(peer, dim, code_dim, codebook_size)


def _at_least(least: float, **values: float) -> None:
    for name, value in values.items():
        require(value >= least, name, value, f"at least {least}")
