"""The second stage of recipes of images: a few latents per image (section 4.2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.corpora.code_store import CodeStore
from vqspeech.experiments import Result
from vqspeech.generation import require_priors
from vqspeech.report import Picture, Section, Table
from vqspeech.training.codes import LoadedPrior, load_prior
from vqspeech_image.evaluation.codes import grids_of
from vqspeech_image.evaluation.latents import latent_use
from vqspeech_image.models import LoadedImages
from vqspeech_image.two_stage import TwoStage

SECOND = "second"
"""The run directory of the second stage, below that of the recipe."""


def measured(out: Path, store: CodeStore, rows: npt.NDArray[np.int64]) -> Result:
    """Measure the second stage on held-out images."""
    _, model = _loaded(out)
    use = latent_use(model, store.at(), rows, seed=0)
    return {
        "latents": list(model.codebook_sizes),
        "nats_per_code": {"true": use.true_nats, "shuffled": use.shuffled_nats},
        "entropy_bits": list(use.entropy_bits),
        "used": list(use.used),
        "images": len(rows),
    }


@torch.no_grad()
def from_latents(
    out: Path, images: LoadedImages, store: CodeStore, rows: npt.NDArray[np.int64], seed: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return images through their codes, and images drawn given the latents of the second stage.

    Both are (images, height, width, channels).

    Raises
    ------
    CheckpointError : when the second stage was trained on other codes
    """
    loaded, model = _loaded(out)
    require_priors(images, [loaded])
    codes = torch.from_numpy(grids_of(store.at())[rows].astype(np.int64))
    drawn = model.sample_given(model.encode(codes), seed=seed)
    first, second = (images.model.decode(one.to(images.device)).cpu().numpy() for one in (codes, drawn))
    return first, second


def _loaded(out: Path) -> tuple[LoadedPrior, TwoStage]:
    loaded = load_prior(out / SECOND)
    assert isinstance(loaded.model, TwoStage)
    return loaded, loaded.model


def second_section(results: Result, picture: Path) -> Section:
    """Return the section of the report."""
    stage, prior = results["second"], results["nats_per_code"]["prior"]
    nats, latents = stage["nats_per_code"], stage["latents"]
    bits = sum(float(np.log2(size)) for size in latents)
    costs = (
        ("the latents of the image", nats["true"]),
        ("the latents of another image", nats["shuffled"]),
        ("nothing: the prior above, another network", prior),
    )
    use = tuple(
        (number, size, used, entropy)
        for number, (size, used, entropy) in enumerate(zip(latents, stage["used"], stage["entropy_bits"], strict=True))
    )
    return Section(
        title="A few latents for a whole image",
        text=f"A second VQ-VAE over the codes of the first: its PixelCNN is conditioned on {len(latents)} latents, "
        f"{bits:.0f} bits for an image. They can save at most "
        f"{bits * np.log(2) / results['codes_per_image']:.3f} nats per code, so whether they are used shows not in the "
        "likelihood but in the cost of the latents of another image."
        "\n\nRows: original, through its codes, and codes drawn given its latents.",
        tables=(
            Table(
                columns=("condition of the decoder", "nats per code"),
                rows=costs,
                caption=f"over {stage['images']:,} held-out images",
            ),
            Table(columns=("latent", "values", "used", "entropy, bits"), rows=use),
        ),
        figures=(
            Picture(
                source=picture,
                caption="held-out images and what their latents keep",
                alt="images, reconstructions and draws given the latents",
            ),
        ),
    )
