"""The report of recipes of images, from results and pictures of their stages."""

from __future__ import annotations

import math
from typing import Any

from vqspeech.experiments import Result, Results
from vqspeech.experiments.components import codebook_section
from vqspeech.report import Headline, Picture, Report, Section, Table
from vqspeech.runs import RunDirectory
from vqspeech_image.recipes.bits import bits_section
from vqspeech_image.recipes.evaluating import MODELS
from vqspeech_image.recipes.second import second_section
from vqspeech_image.recipes.settings import ImageSettings


def page(run: RunDirectory, made: Results, results: Result, settings: ImageSettings, title: str) -> Report:
    """Return the page.

    Parameters
    ----------
    run : run directory with the pictures of the stages
    made : results of the stages
    results : the contents of ``results.json``
    """
    corpus, pictures = results["corpus"], run.pictures
    books = made["encode"]["codebooks"]
    stand_in = (
        f"These are {corpus['variant']}: they show that everything works, "
        "and are no substitute for the data sets of the literature."
    )
    return Report(
        title=title,
        subtitle=f"A convolutional {_name(results)}, a prior over its codes, and the cost of both in bits",
        warning=stand_in if corpus["stand_in"] else "",
        facts=(
            *_facts(results),
            *(("Note", note) for note in made["prepare"]["notes"]),
            *(("Choice", sentence) for sentence in settings.choices),
        ),
        headlines=_headlines(results),
        sections=(
            bits_section(results, pictures / "bits.png"),
            _reconstructions(run, made["reconstruct"], results),
            _samples(run, results),
            *((second_section(results, pictures / "second.png"),) if results["second"] else ()),
            codebook_section(books, [pictures / "codebook-0.png"], over="all held-out images"),
            _training(run, made, results),
        ),
        versions=results["versions"],
    )


def _name(results: Result) -> str:
    return MODELS[results["config"]["model"]["kind"]]


def _facts(results: Result) -> tuple[tuple[str, str], ...]:
    corpus, model = results["corpus"], results["config"]["model"]
    counts = ", ".join(f"{split} {count:,}" for split, count in corpus["images"].items())
    grids = ", ".join(
        f"{level['name']} {level['grid'][0]} x {level['grid'][1]} x {level['codebooks']}".strip()
        for level in results["levels"]
    )
    priors = ", ".join(
        f"{name} {run['steps']:,} steps in {run['seconds'] / 60:.1f} min" for name, run in results["priors"].items()
    )
    blog = model["network"] == "tfp"
    network = "the network of the TensorFlow Probability blog" if blog else f"width {model['width']}"
    images = results["bits_per_dimension"][0]["images"]
    pairs = (
        ("Data", f"{corpus['variant']} ({counts})"),
        ("Codes", f"{grids}, quantizer `{model['quantizer']['name']}`"),
        ("Model", f"{network}, likelihood `{model['likelihood']}`"),
        (
            "Training",
            f"{results['steps']:,} steps of {results['config']['train']['batch_size']} images in "
            f"{results['train_seconds'] / 60:.1f} min, {priors}, seed {results['seed']}",
        ),
        ("Measured on", f"{images:,} images of the split {results['evaluated_on']}"),
    )
    return (*pairs, ("Skipped files", str(corpus["skipped"]))) if corpus["skipped"] else pairs


def _headlines(results: Result) -> tuple[Headline, ...]:
    uniform, nats, references = results["bits_per_dimension"][0], results["nats_per_code"], results["yardsticks"]
    used, sizes = results["codes_used"], results["codebook_size"]
    comparison = f"independent pixels {references['histogram_bits']:.2f}"
    if references["gaussian_bits"] is not None:
        comparison += f", one Gaussian on noisy pixels {references['gaussian_bits']:.2f}"
    return (
        Headline(
            name="bound with a uniform prior",
            value=f"{uniform['bits_per_dimension']:.3f}",
            unit="bits/dim",
            comparison=comparison,
            explanation="Reconstruction and codes together, on held-out images.",
        ),
        Headline(
            name="cost of a code under the prior",
            value=f"{nats['prior']:.3f}",
            unit="nats",
            comparison=f"by frequency {nats['unigram']:.3f}, uniform {nats['uniform']:.3f}",
        ),
        Headline(
            name="reconstructions",
            value=f"{results['psnr_db'][results['config']['model']['kind']]:.1f}",
            unit="dB PSNR",
        ),
        Headline(
            name="codes used",
            value=f"{sum(used)}",
            comparison=f"of {sum(sizes)} in {len(sizes)} codebook{'s' if len(sizes) > 1 else ''}",
        ),
    )


def _reconstructions(run: RunDirectory, rebuilt: Result, results: Result) -> Section:
    names = [_name(results), *(name.upper() for name in results["baselines"])]
    fidelity = Table(
        columns=("model", "PSNR, dB"),
        rows=tuple(zip(names, rebuilt["psnr_db"].values(), strict=True)),
        caption=f"of the mean squared error over {rebuilt['images']:,} images of the split {rebuilt['split']}",
    )
    swapped = tuple(
        (f"with the {level['name']} codes of another image", level["swapped_bits"])
        for level in results["levels"]
        if "swapped_bits" in level
    )
    use = Table(columns=("the reconstruction", "bits/dim"), rows=swapped, caption="use of each level by the decoder")
    return Section(
        title="Reconstructions",
        text=f"Held-out images, each through its codes and back. Rows: original, {', '.join(names)}.",
        tables=(fidelity, use) if swapped else (fidelity,),
        figures=(
            Picture(
                source=run.pictures / "reconstructions.png",
                caption="expected pixels, no sampling",
                alt="images and their reconstructions",
            ),
        ),
    )


def _samples(run: RunDirectory, results: Result) -> Section:
    sampling = results["sampling"]
    how = "Codes drawn from the prior one after the other"
    if len(results["levels"]) > 1:
        how = "Top codes drawn one after the other, then bottom codes given them"
    order = " Each column is one class." if sampling["by_class"] else ""
    return Section(
        title="Samples",
        text=f"{how}, and decoded.{order}",
        tables=tuple(_costs(level) for level in results["levels"]),
        figures=(
            Picture(
                source=run.pictures / "samples.png",
                caption=f"{sampling['images']} samples in {sampling['seconds']:.1f} s, {sampling['distinct']} distinct",
                alt="samples from the prior",
            ),
        ),
    )


def _costs(level: dict[str, Any]) -> Table:
    nats, priors = level["nats_per_code"], {"uniform": "uniform", "unigram": "by frequency", "prior": "learned"}
    return Table(
        columns=("prior", "nats per code", "bits per image"),
        rows=tuple((name, nats[key], nats[key] * level["codes"] / math.log(2)) for key, name in priors.items()),
        caption=f"{level['name']} codes, on held-out images".strip(),
        emphasis=2,
    )


def _training(run: RunDirectory, made: Results, results: Result) -> Section:
    trained = {_name(results): made["train"], **results["priors"]}
    trained |= {"second stage": made["second"]} if results["second"] else {}
    trained |= {name.upper(): found for name, found in made["baselines"].items()}
    return Section(
        title="Training",
        tables=(
            Table(
                columns=("model", "steps", "images seen", "seconds"),
                rows=tuple((name, row["steps"], row["images_seen"], row["seconds"]) for name, row in trained.items()),
            ),
        ),
        figures=(
            Picture(
                source=run.pictures / "priors.png",
                caption="priors on validation images",
                alt="curves of the priors' likelihood",
            ),
        ),
    )
