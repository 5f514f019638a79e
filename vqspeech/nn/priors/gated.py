"""The gated PixelCNN: distributions of codes given previous codes in raster order."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.priors.attention import CausalAttention, gate
from vqspeech.nn.priors.heads import CodeNetwork, embedded


class GatedLayer(nn.Module):
    """One layer of both stacks (van den Oord et al. 2016, arXiv 1606.05328, figure 2 and eq. 2).

    The vertical stack at (i, j) sees the rows above i (and, behind the first layer, row i of its own input, which
    depends only on rows above); the horizontal stack sees what is left of j in row i and, through a 1 x 1
    convolution, the vertical stack. So (i, j) depends on everything before it and on nothing after it. Filters hold
    only the weights that a mask would leave.

    Parameters
    ----------
    width : channels of each stack
    kernel : odd side of the square filter that the two stacks divide
    first : mask A: the horizontal stack does not see (i, j) itself, and there is no residual connection
    classes : number of classes that shift the gates; 0 for none
    latents : channels of a vector that shifts the gates instead; 0 for none
    mapped : whether each position is also shifted by features of the grid
    """

    def __init__(
        self, width: int, kernel: int, *, first: bool, classes: int = 0, latents: int = 0, mapped: bool = False
    ) -> None:
        super().__init__()
        self.first = first
        self.reach = kernel // 2
        self.rows = self.reach + (not first)
        self.taps = self.reach + (not first)
        self.vertical = nn.Conv2d(width, 2 * width, (self.rows, kernel))
        self.across = nn.Conv2d(2 * width, 2 * width, 1)
        self.horizontal = nn.Conv2d(width, 2 * width, (1, self.taps))
        self.residual = nn.Conv2d(width, width, 1)
        self.by_condition: nn.Module | None = None
        if classes or latents:
            self.by_condition = nn.Embedding(classes, 2 * width) if classes else nn.Linear(latents, 2 * width)
        self.by_map = nn.Conv2d(width, 2 * width, 1, bias=False) if mapped else None

    def shift(self, condition: Tensor | None, features: Tensor | None) -> Tensor | float:
        """Compute what is added to the gates of both stacks.

        Parameters
        ----------
        condition : (batch,) int64 classes, or (batch, latents), for a layer that has them
        features : (batch, width, rows, columns) of the coarser codes, for a layer that has them

        Returns
        -------
        (batch, 2 * width, 1, 1), with features (batch, 2 * width, rows, columns), or 0.0 without conditioning
        """
        shift: Tensor | float = 0.0
        if self.by_condition is not None:
            assert condition is not None
            shift = self.by_condition(condition)[:, :, None, None]
        if self.by_map is not None:
            assert features is not None
            shift = self.by_map(features) + shift
        return shift

    def forward(self, vertical: Tensor, horizontal: Tensor, shift: Tensor | float) -> tuple[Tensor, Tensor]:
        """Apply the layer to the vertical and the horizontal stack, (batch, width, rows, columns) each."""
        rows, columns = vertical.shape[2:]
        padded = F.pad(vertical, (self.reach, self.reach, self.reach, 0))
        both = self.vertical(padded)[:, :, :rows]
        left = self.horizontal(F.pad(horizontal, (self.reach, 0)))[..., :columns]
        mixed = self.residual(gate(left + self.across(both) + shift))
        return gate(both + shift), mixed if self.first else mixed + horizontal


class ResidualBlock(nn.Module):
    """x + (ReLU, 3 x 3 convolution, ReLU, 1 x 1 convolution)(x), on (batch, width, rows, columns)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return x + self.body(x)


class CodeMap(nn.Module):
    """Codes of a coarse grid to features of a fine one (as in rosinality/vq-vae-2-pytorch).

    They are embedded, repeated to the fine grid, and go through residual 3 x 3 blocks.

    Parameters
    ----------
    codebook_sizes : codes of each codebook of the coarse grid
    width : channels
    blocks : residual blocks
    """

    def __init__(self, codebook_sizes: Sequence[int], width: int, blocks: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size, width) for size in codebook_sizes)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))

    def forward(self, codes: Tensor, grid: tuple[int, int]) -> Tensor:
        """Compute features (batch, width, *grid) of codes (batch, codebooks, rows, columns)."""
        features: Tensor = self.blocks(F.interpolate(embedded(self.embeddings, codes), size=grid, mode="nearest"))
        return features


class GatedPixelCNN(CodeNetwork):
    """The gated PixelCNN: two stacks summarise the positions before.

    Parameters
    ----------
    codebook_sizes : codes of each codebook
    layers : gated layers, the first with mask A
    width : channels of each stack
    first_kernel, kernel : odd sides of the first layer's filters and of the others'
    head_width : channels between the stacks and the logits
    classes : number of classes that it is conditioned on; 0 for none
    latents : channels of a vector that it is conditioned on instead of a class; 0 for none
    attention_blocks : number of `CausalAttention` blocks, at even distances between the layers; 0 for none
    attention_heads, attention_width : heads of each block, and channels of each head
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
        kernel: int = 3,
        head_width: int = 256,
        classes: int = 0,
        latents: int = 0,
        attention_blocks: int = 0,
        attention_heads: int = 4,
        attention_width: int = 16,
        coarse_sizes: Sequence[int] = (),
        coarse_blocks: int = 3,
    ) -> None:
        super().__init__(codebook_sizes, width)
        self.classes = classes
        self.layers = nn.ModuleList(
            GatedLayer(
                width,
                kernel if number else first_kernel,
                first=number == 0,
                classes=classes,
                latents=latents,
                mapped=bool(coarse_sizes),
            )
            for number in range(layers)
        )
        behind = {(block + 1) * layers // attention_blocks - 1 for block in range(attention_blocks)}
        self.attention = nn.ModuleDict(
            {str(number): CausalAttention(width, attention_heads, attention_width) for number in sorted(behind)}
        )
        self.coarse_map = CodeMap(coarse_sizes, width, coarse_blocks) if coarse_sizes else None
        self.add_heads(width, head_width)

    def shifts(self, grid: tuple[int, int], condition: Tensor | None, coarse: Tensor | None) -> list[Tensor | float]:
        """Compute `GatedLayer.shift` of every layer; arguments as in `forward`."""
        features = None
        if self.coarse_map is not None:
            assert coarse is not None
            features = self.coarse_map(coarse, grid)
        return [layer.shift(condition, features) for layer in self.layers]  # type: ignore[operator]

    def features(self, codes: Tensor, condition: Tensor | None = None, coarse: Tensor | None = None) -> Tensor:
        """Compute features of the codes before each position, (batch, rows, columns, width)."""
        shifts = self.shifts((codes.shape[2], codes.shape[3]), condition, coarse)
        codes = vertical = horizontal = self.embedded(codes)
        for number, (layer, shift) in enumerate(zip(self.layers, shifts, strict=True)):
            vertical, horizontal = layer(vertical, horizontal, shift)
            if str(number) in self.attention:
                horizontal = self.attention[str(number)](codes, horizontal)
        return horizontal.permute(0, 2, 3, 1).relu()
