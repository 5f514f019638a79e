"""The auxiliary loss on phones, which keeps words in the codes."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

UNKNOWN = -1
"""Label of a frame without a phone."""


class PhoneHead(nn.Module):
    """Names the phones of frames from latents, for a supervised auxiliary loss (not in the paper).

    Codes that minimise spectral errors alone spend bits on whatever is loud; the cross-entropy of phones, as of the
    semantic tokens of CosyVoice (Du et al. 2024), moves them to what tells words apart.

    Parameters
    ----------
    dim : channels of the latents
    channels : width
    classes : number of phones
    kernel : odd width of the first layer in codes; the second has at most 3. 1 names each code without its neighbours
    """

    def __init__(self, *, dim: int, channels: int, classes: int, kernel: int = 5) -> None:
        super().__init__()
        self.context = nn.Conv1d(dim, channels, kernel, padding=kernel // 2)
        self.output = nn.Conv1d(channels, classes, min(3, kernel), padding=min(3, kernel) // 2)

    def forward(self, z_q: Tensor, phones: Tensor, mask: Tensor) -> Tensor:
        """Compute the mean cross-entropy over latents with a phone, in nats; 0 without any.

        Parameters
        ----------
        z_q : (batch, dim, frames)
        phones : (batch, frames) int64, the phone at each latent's centre, `UNKNOWN` for none
        mask : (batch, frames) bool, real frames
        """
        logits = self.output(F.gelu(self.context(z_q))).float()
        wanted = phones.masked_fill(~mask, UNKNOWN)
        total = F.cross_entropy(logits, wanted, ignore_index=UNKNOWN, reduction="sum")
        # All real frames count, so that terms of shares sum to that of the batch.
        return total / mask.sum().clamp_min(1)
