"""The report page of the recipes on images."""

from __future__ import annotations

import math
from typing import Any

from vqspeech.analysis.figures.charts import codebook_usage
from vqspeech.experiments.request import RecipeOutcome
from vqspeech.report import Headline, Picture, Report, Section, Table, write_report
from vqspeech.runs import RunDirectory
from vqspeech.training.metrics import read_metrics
from vqspeech_image.recipes.bits import bits_section
from vqspeech_image.recipes.pictures import curves
from vqspeech_image.recipes.results import Evidence, model_name, results_of, summary, write_results
from vqspeech_image.recipes.second import SECOND, second_section


def write_page(evidence: Evidence) -> RecipeOutcome:
    """Write ``results.json`` and ``report/index.html``."""
    results = results_of(evidence)
    path = write_results(RunDirectory(evidence.out).results, results)
    corpus = evidence.store.corpus
    warning = ""
    if evidence.store.stand_in:
        warning = f"These are {corpus.variant}: they show that everything works, and are no figures of the literature's data sets."
    report = Report(
        title=evidence.title,
        subtitle=f"A convolutional {model_name(results)}, a PixelCNN over its codes, and what both are worth in bits",
        warning=warning,
        facts=_facts(evidence, results),
        headlines=_headlines(results),
        sections=(
            bits_section(evidence, results),
            _reconstructions(evidence, results),
            _samples(evidence, results),
            *((second_section(evidence, results),) if results["second"] else ()),
            _codes(evidence),
            _training(evidence, results),
        ),
        command=evidence.command,
        versions=results["versions"],
    )
    page = write_report(RunDirectory(evidence.out).report, report)
    return RecipeOutcome(report=page, results=path, message=summary(results, path))


def _facts(evidence: Evidence, results: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    corpus, model = evidence.store.corpus, results["config"]["model"]
    counts = ", ".join(f"{split} {count:,}" for split, count in results["corpus"]["images"].items())
    grids = ", ".join(
        f"{level['name']} {level['grid'][0]} x {level['grid'][1]} x {level['codebooks']}".strip()
        for level in results["levels"]
    )
    priors = ", ".join(
        f"{name} {run['steps']:,} steps in {run['seconds'] / 60:.1f} min" for name, run in results["priors"].items()
    )
    facts = [
        ("Data", f"{corpus.variant} ({counts})"),
        ("Codes", f"{grids}, quantizer `{model['quantizer']['name']}`"),
        ("Model", f"{_network(model)}, likelihood `{model['likelihood']}`"),
        (
            "Training",
            f"{results['steps']:,} steps of {results['config']['train']['batch_size']} images in {results['train_seconds'] / 60:.1f} min, "
            f"{priors}, seed {results['seed']}",
        ),
        (
            "Measured on",
            f"{results['bits_per_dimension'][0]['images']:,} images of the split {results['evaluated_on']}",
        ),
    ]
    if results["corpus"]["skipped"]:
        facts.append(("Skipped files", str(results["corpus"]["skipped"])))
    facts += [("Note", note) for note in corpus.notes]
    return (*facts, *(("Choice", sentence) for sentence in evidence.settings.choices))


def _network(model: dict[str, Any]) -> str:
    if model["network"] == "tfp":
        return "the network of the TensorFlow Probability blog"
    return f"width {model['width']}"


def _headlines(results: dict[str, Any]) -> tuple[Headline, ...]:
    uniform, nats = results["bits_per_dimension"][0], results["nats_per_code"]
    used, sizes = results["codes_used"], results["codebook_size"]
    return (
        Headline(
            name="bound with a uniform prior",
            value=f"{uniform['bits_per_dimension']:.3f}",
            unit="bits/dim",
            comparison=_yardstick(results),
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


def _yardstick(results: dict[str, Any]) -> str:
    found = results["yardsticks"]
    text = f"independent pixels {found['histogram_bits']:.2f}"
    if found["gaussian_bits"] is not None:
        text += f", one Gaussian on noisy pixels {found['gaussian_bits']:.2f}"
    return text


def _reconstructions(evidence: Evidence, results: dict[str, Any]) -> Section:
    found = evidence.stages["reconstruct"]
    swapped = tuple(
        (f"with the {level['name']} codes of another image", level["swapped_bits"])
        for level in results["levels"]
        if "swapped_bits" in level
    )
    use = Table(
        columns=("the reconstruction", "bits/dim"),
        rows=swapped,
        caption="what each level of codes is worth to the decoder",
    )
    names = [model_name(results), *(name.upper() for name in evidence.settings.baselines)]
    return Section(
        title="Reconstructions",
        text=f"Held-out images, each through its codes and back. Rows: original, {', '.join(names)}.",
        tables=(
            Table(
                columns=("model", "PSNR, dB"),
                rows=tuple(zip(names, found["psnr_db"].values(), strict=True)),
                caption=f"of the mean squared error over {found['images']:,} images of the split {found['split']}",
            ),
            *((use,) if swapped else ()),
        ),
        figures=(
            Picture(
                source=RunDirectory(evidence.out).pictures / "reconstructions.png",
                caption="expected pixels, no sampling",
                alt="images and their reconstructions",
            ),
        ),
    )


def _samples(evidence: Evidence, results: dict[str, Any]) -> Section:
    found = results["sampling"]
    how = "Codes drawn from the prior one after the other"
    if len(results["levels"]) > 1:
        how = "Top codes drawn one after the other, then bottom codes given them"
    order = " Each column is one class." if found["by_class"] else ""
    return Section(
        title="Samples",
        text=f"{how}, and decoded.{order}",
        tables=tuple(
            Table(
                columns=("prior", "nats per code", "bits per image"),
                rows=tuple(
                    (name, level["nats_per_code"][key], level["nats_per_code"][key] * level["codes"] / math.log(2))
                    for key, name in (("uniform", "uniform"), ("unigram", "by frequency"), ("prior", "PixelCNN"))
                ),
                caption=f"{level['name']} codes, on held-out images".strip(),
                emphasis=2,
            )
            for level in results["levels"]
        ),
        figures=(
            Picture(
                source=RunDirectory(evidence.out).pictures / "samples.png",
                caption=f"{found['images']} samples in {found['seconds']:.1f} s, {found['distinct']} of them different",
                alt="samples from the prior",
            ),
        ),
    )


def _codes(evidence: Evidence) -> Section:
    books = evidence.stages["encode"]["codebooks"]
    return Section(
        title="Codebook use",
        text="Counted over all held-out images.",
        tables=(
            Table(
                columns=("codebook", "codes", "used", "perplexity"),
                rows=tuple(
                    (f"{book['level']} {number}".strip(), book["size"], book["codes_used"], book["perplexity"])
                    for number, book in enumerate(books)
                ),
            ),
        ),
        figures=(
            Picture(
                source=codebook_usage(books[0]["counts"]),
                caption="share of positions by code, sorted, of the first codebook",
                alt="bar chart of codebook use",
            ),
        ),
    )


def _training(evidence: Evidence, results: dict[str, Any]) -> Section:
    priors = {name: read_metrics(RunDirectory(evidence.out / name).metrics) for name in evidence.settings.priors}
    trained = {model_name(results): evidence.stages["train"], **results["priors"]}
    if results["second"]:
        trained["second stage"] = evidence.stages["second"]
        priors["second stage"] = read_metrics(RunDirectory(evidence.out / SECOND).metrics)
    trained |= {name.upper(): found for name, found in evidence.stages["baselines"].items()}
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
                source=curves(priors, "nll_bits", "bits per code, held out"),
                caption="priors on validation images",
                alt="curves of the priors' likelihood",
            ),
        ),
    )
