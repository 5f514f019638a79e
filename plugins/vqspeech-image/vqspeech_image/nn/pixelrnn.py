"""PixelRNN: distributions of codes given previous codes in raster order, by diagonal BiLSTMs."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.priors.gated import CodeMap
from vqspeech.nn.priors.heads import CodeNetwork
from vqspeech_image.nn.diagonal import GATES, DiagonalBiLSTM


class MaskedInput(nn.Module):
    """The first convolution, with mask A: rows above and what is left in the row; only weights that the mask leaves.

    Parameters
    ----------
    inputs, outputs : channels
    kernel : odd side of the square filter
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.reach = kernel // 2
        self.above = nn.Conv2d(inputs, outputs, (self.reach, kernel))
        self.left = nn.Conv2d(inputs, outputs, (1, self.reach), bias=False)

    def forward(self, embedded: Tensor) -> Tensor:
        """(batch, inputs, rows, columns) to (batch, rows, columns, outputs)."""
        rows, columns = embedded.shape[2:]
        above = self.above(F.pad(embedded, (self.reach, self.reach, self.reach, 0)))[:, :, :rows]
        left = self.left(F.pad(embedded, (self.reach, 0)))[..., :columns]
        return (above + left).permute(0, 2, 3, 1)


class PixelRNN(CodeNetwork):
    """PixelRNN with diagonal BiLSTMs (van den Oord et al. 2016, arXiv 1601.06759, figure 4 and table 1).

    Deviations: classes shift the gates, as in the gated PixelCNN; in the first layer the LSTM from the right also
    sees the code of each position, which its shift by a row allows, so that every position depends on all codes
    before it (without, the last code of the row above is hidden from positions far to its left); codes are embedded.

    Parameters
    ----------
    codebook_sizes : codes of each codebook
    layers : diagonal BiLSTMs
    width : channels of each LSTM's state, and of embedded codes; the stream between layers has twice as many
    first_kernel : odd side of the first convolution's filter
    head_width : channels between the last layer and the logits
    classes : number of classes that it is conditioned on; 0 for none
    coarse_sizes : codes of each codebook of a coarser grid that it is conditioned on; empty for none
    coarse_blocks : residual blocks over them
    """

    def __init__(
        self,
        codebook_sizes: Sequence[int],
        *,
        layers: int,
        width: int,
        first_kernel: int = 7,
        head_width: int = 256,
        classes: int = 0,
        coarse_sizes: Sequence[int] = (),
        coarse_blocks: int = 3,
    ) -> None:
        super().__init__(codebook_sizes, width)
        self.first = MaskedInput(width, 2 * width, first_kernel)
        self.own = nn.Linear(width, GATES * width, bias=False)
        self.coarse_map = CodeMap(coarse_sizes, 2 * width, coarse_blocks) if coarse_sizes else None
        self.layers = nn.ModuleList(
            DiagonalBiLSTM(width, classes=classes, mapped=bool(coarse_sizes)) for _ in range(layers)
        )
        self.add_heads(2 * width, head_width)

    def map_features(self, grid: tuple[int, int], coarse: Tensor | None) -> Tensor | None:
        """Compute features (batch, rows, columns, 2 * width) of the coarser codes, where there are any."""
        if self.coarse_map is None:
            return None
        assert coarse is not None
        features: Tensor = self.coarse_map(coarse, grid)
        return features.permute(0, 2, 3, 1)

    def features(self, codes: Tensor, condition: Tensor | None = None, coarse: Tensor | None = None) -> Tensor:
        """Compute features of the codes before each position, (batch, rows, columns, 2 * width)."""
        embedded = self.embedded(codes)
        mapped = self.map_features((codes.shape[2], codes.shape[3]), coarse)
        x = self.first(embedded)
        for number, layer in enumerate(self.layers):
            gates = layer.gates(x, condition, mapped)  # type: ignore[operator]
            if number == 0:
                gates = gates + F.pad(self.own(embedded.permute(0, 2, 3, 1)), (GATES * self.width, 0))
            x = layer(x, gates)
        return x.relu()
