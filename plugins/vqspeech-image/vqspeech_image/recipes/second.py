"""The second stage in the recipes on images: what a few latents of a whole image keep of it (van den Oord et al. 2017, section 4.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.report import Picture, Section, Table
from vqspeech.runs import RunDirectory
from vqspeech_image.code_store import CodeStore
from vqspeech_image.evaluation.latents import latent_use
from vqspeech_image.models import LoadedImages, load_two_stage, require_same_codes
from vqspeech_image.recipes.results import Evidence
from vqspeech_image.sampling import sample
from vqspeech_image.sampling.draws import uniform_grid

SECOND = "second"
"""The run directory of the second stage, below that of the recipe."""


def measured(out: Path, store: CodeStore, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """What `results.json` tells of the second stage, over some held-out images."""
    loaded = load_two_stage(out / SECOND)
    use = latent_use(loaded.model, store.at(loaded.config.level), rows, seed=0)
    return {
        "latents": list(loaded.model.codebook_sizes),
        "nats_per_code": {"true": use.true_nats, "shuffled": use.shuffled_nats},
        "entropy_bits": list(use.entropy_bits),
        "used": list(use.used),
        "images": len(rows),
    }


@torch.no_grad()
def remembered(
    out: Path, images: LoadedImages, store: CodeStore, rows: npt.NDArray[np.int64], seed: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Images through their codes, and through codes drawn from what the latents of the second stage tell; (images, height, width, channels) each.

    Raises
    ------
    CheckpointError : when the second stage was trained on other codes
    """
    loaded = load_two_stage(out / SECOND)
    require_same_codes(images, loaded)
    codes = torch.from_numpy(store.at(loaded.config.level).codes[rows].astype(np.int64))
    numbers = uniform_grid(seed, range(len(rows)), len(loaded.codes.codebook_sizes), loaded.codes.grid)
    drawn = sample(loaded.model.decoder, numbers, loaded.model.told(loaded.model.encode(codes)))
    first, second = (images.model.decode(one.to(images.device)).cpu().numpy() for one in (codes, drawn))
    return first, second


def second_section(evidence: Evidence, results: dict[str, Any]) -> Section:
    """The section of the report."""
    found, prior = results["second"], results["nats_per_code"]["prior"]
    nats, latents = found["nats_per_code"], found["latents"]
    bits = sum(float(np.log2(size)) for size in latents)
    return Section(
        title="A few latents for a whole image",
        text=(
            f"A second VQ-VAE over the codes of the first: {len(latents)} latents, {bits:.0f} bits for an image, are all that its PixelCNN is told. "
            f"They can save it at most {bits * np.log(2) / results['codes_per_image']:.3f} nats per code, so that they are used is seen not in the "
            "likelihood but in what the latents of another image cost.\n\nRows: original, through its codes, and codes drawn from its latents."
        ),
        tables=(
            Table(
                columns=("the decoder is told", "nats per code"),
                rows=(
                    ("the latents of the image", nats["true"]),
                    ("those of another image", nats["shuffled"]),
                    ("nothing: the prior above, another network", prior),
                ),
                caption=f"over {found['images']:,} held-out images",
            ),
            Table(
                columns=("latent", "values", "used", "entropy, bits"),
                rows=tuple(
                    (number, size, used, entropy)
                    for number, (size, used, entropy) in enumerate(
                        zip(latents, found["used"], found["entropy_bits"], strict=True)
                    )
                ),
            ),
        ),
        figures=(
            Picture(
                source=RunDirectory(evidence.out).pictures / "second.png",
                caption="held-out images and what their latents keep",
                alt="images, reconstructions and draws given the latents",
            ),
        ),
    )
