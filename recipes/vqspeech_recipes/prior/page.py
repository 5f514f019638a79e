"""The report of the recipe `prior`, from results and files of its stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from vqspeech.analysis.figures.spectrograms import file_strip
from vqspeech.analysis.sampled.compare import HELD_OUT
from vqspeech.analysis.sampled.phones import SHORTEST_S
from vqspeech.analysis.sampled.words import WORDS_PER_S
from vqspeech.experiments import Result, Results
from vqspeech.experiments.components import codebook_section, training_section
from vqspeech.experiments.facts import describe
from vqspeech.report import Clip, CodeStrip, Headline, Picture, PlayerRow, Report, Section, Table
from vqspeech.report.elements import Cell
from vqspeech.runs import RunDirectory
from vqspeech_recipes.prior.measuring import BASELINE
from vqspeech_recipes.prior.results import NGRAMS
from vqspeech_recipes.prior.settings import PriorSettings

SYNTHETIC = (
    "Synthetic demo corpus: the priors learned from the speech synthesiser espeak-ng, in codes of a model of human "
    "voices, which speak what is drawn. To use recordings: `vqspeech recipe run prior --data-dir DIR`."
)


def curves(out: RunDirectory, prior: str) -> Path:
    """Return the picture of the training curves of a prior."""
    return out.pictures / f"training-{prior}.png"


def measured(out: RunDirectory) -> Path:
    """Return the folder of the figures of the stage `measure`."""
    return out.pictures / "measured"


def page(run: RunDirectory, made: Results, results: Result, settings: PriorSettings) -> Report:
    """Return the page.

    Parameters
    ----------
    run : directory with the files of the stages
    made : results of the stages
    results : the contents of ``results.json``
    """
    coded = made["encode"]
    return Report(
        title="New speech from a prior over codes",
        subtitle="Priors over the codes of speech: what they draw, beside n-grams and held-out speech",
        warning=SYNTHETIC if results["corpus"]["synthetic"] else "",
        facts=_facts(results, settings),
        headlines=_headlines(results),
        sections=(
            _samples(run, made, settings),
            _likelihood(results),
            _comparison(run, made, results),
            _judged(results),
            codebook_section(
                coded["codebooks"],
                [run.pictures / name for name in coded["pictures"]],
                over="every utterance of the corpus",
            ),
            replace(
                training_section(curves(run, settings.priors[0].name), text="Losses on training and held-out codes."),
                figures=tuple(
                    Picture(source=curves(run, prior.name), caption=prior.name, alt=f"training curves of {prior.name}")
                    for prior in settings.priors
                ),
            ),
        ),
        versions=results["versions"],
    )


def _facts(results: Result, settings: PriorSettings) -> tuple[tuple[str, str], ...]:
    sizes = " x ".join(map(str, results["codebook_sizes"]))
    rate = results["frame_rate_hz"]
    seconds = {split: frames / rate for split, frames in results["frames"].items()}
    return (
        ("Data", describe(results["corpus"])),
        ("Codes", f"{results['model']}: {rate:g} a second of {sizes}, {results['bits_per_second']:.0f} bit/s"),
        (
            "Training, held out",
            f"{seconds['train'] / 60:.1f} min, {(seconds['valid'] + seconds['test']) / 60:.1f} min",
        ),
        ("Window", f"{settings.codes.window} frames, {results['window_s']:.1f} s"),
        *(("Choice", choice) for choice in settings.choices),
    )


def _headlines(results: Result) -> tuple[Headline, ...]:
    bits = {name: one["bits_per_code"] for name, one in results["priors"].items()}
    best = min(bits, key=lambda name: bits[name])
    found = [
        Headline(
            name=f"held-out bits per code, {best}",
            value=f"{bits[best]:.2f}",
            unit="bit",
            comparison=", ".join(f"{name} {results['bits_per_code'][name]:.2f}" for name in NGRAMS),
            explanation="What a code costs if the prior predicts it, beside n-grams of the training codes.",
        )
    ]
    shares = {name: results["phone_bigrams_of_baseline"][name] for name in results["priors"]}
    known = {name: share for name, share in shares.items() if share is not None}
    if known:
        best = min(known, key=lambda name: known[name])
        found.append(
            Headline(
                name=f"divergence of phone bigrams, {best}",
                value=f"{100 * known[best]:.0f}",
                unit="%",
                comparison=f"drawn from the {BASELINE}s of the codes: 100 %; held-out speech: 0 %",
                explanation="From held-out speech, above that of two sets of one source.",
            )
        )
    return tuple(found)


def _samples(run: RunDirectory, made: Results, settings: PriorSettings) -> Section:
    heard = made["judge"].get("rows") or made["speak"]["rows"]
    rows = []
    for number in range(min(settings.listen.played, settings.listen.clips)):
        clips = tuple(_clip(run, row) for row in heard if row["number"] == number)
        rows.append(PlayerRow(title=f"Window {number + 1}", clips=clips))
    return Section(
        title="Samples",
        text="New codes from each prior and from n-grams, and the codes of held-out speech, decoded in the voices of "
        "the model. The windows of a row are unrelated.",
        players=tuple(rows),
    )


def _clip(run: RunDirectory, row: dict[str, Any]) -> Clip:
    clip = row["clips"][0]
    return Clip(
        label=row["set"],
        audio=run.listening / clip["audio"],
        speaker=clip["voice"],
        spectrogram=file_strip(run.listening / clip["audio"]),
        measures=_heard(clip),
        codes=CodeStrip.of(row["codes"]) if "codes" in row else None,
    )


def _heard(clip: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what a judge heard in a clip; empty where it was not judged."""
    heard = clip.get("heard")
    words = () if heard is None else (("heard", heard or "nothing"),)
    scores = (("similarity", clip.get("similarity")), ("DNSMOS", clip.get("dnsmos")))
    return (*words, *((name, f"{value:.2f}") for name, value in scores if value is not None))


def _likelihood(results: Result) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            prior["bits_per_code"],
            _percent(prior["fewer_than_ngrams"]),
            prior["parameters"],
            prior["steps"],
            f"{prior['seconds'] / 60:.1f}",
            f"{prior['sampling_seconds_of_5_s']:.2f}",
        )
        for name, prior in results["priors"].items()
    ]
    rows += [(name, results["bits_per_code"][name], *[None] * 5) for name in reversed(NGRAMS)]
    columns = (
        "prior", "bits per code", "fewer than the best n-gram", "parameters", "steps", "minutes of training",
        "seconds for 5 s",
    )  # fmt: skip
    return Section(
        title="Likelihood",
        text=f"Bits per code of {results['held_out']['frames']} held-out frames, mean over codebooks. The n-grams are "
        "interpolated (Kneser-Ney), those of a further codebook given the codebook before it.",
        tables=(Table(columns=columns, rows=tuple(rows)),),
    )


def _comparison(run: RunDirectory, made: Results, results: Result) -> Section:
    compared, phones = results["compared"], results["phones"]
    text = (
        "The divergence of n-grams is that of Jensen and Shannon between held-out speech and as many windows of each "
        "set, in bits. Finite sets of one source differ too; the table has what is above the mean of 20 random "
        "divisions of both sets' windows. Codes drawn from bigrams have the bigrams of the codes by construction."
    )
    if "reason" in phones:
        text += f"\n\nPhones were not compared: {phones['reason']}."
    else:
        text += (
            f"\n\nA code's phone is the one that most of its frames have in {phones['utterances']} aligned training "
            f"utterances, right for {100 * phones['accuracy']:.0f} % of them. Phones shorter than "
            f"{1000 * SHORTEST_S:.0f} ms are dropped."
        )
    text += (
        "\n\nThe longest stretch of a window that occurs anywhere in training, in all codebooks, shows what is copied."
    )
    return Section(
        title="Beside held-out speech",
        text=text,
        tables=(_ngrams(compared, results["phone_bigrams_of_baseline"]), _durations(compared)),
        figures=tuple(
            Picture(source=measured(run) / name, caption=caption, alt=caption)
            for name, caption in made["measure"]["pictures"]
        ),
    )


def _ngrams(compared: Result, shares: Result) -> Table:
    def excess(divergences: dict[str, Any] | None, name: str) -> str | None:
        value = (divergences or {}).get(name)
        return None if value is None else f"{value['excess_bits']:.3f}"

    rows = tuple(
        (
            name,
            *(excess(one["codes"][0], key) for key in ("unigram", "bigram")),
            *(excess(one["phones"], key) for key in ("unigram", "bigram", "trigram")),
            _percent(shares[name]),
        )
        for name, one in compared.items()
        if name != HELD_OUT
    )
    columns = (
        "drawn from", "codes", "bigrams of codes", "phones", "bigrams of phones", "trigrams of phones",
        "bigrams of phones, of the baseline",
    )  # fmt: skip
    return Table(
        columns=columns, rows=rows, caption="Divergence above that of one source, bit; codes of the first codebook"
    )


def _durations(compared: Result) -> Table:
    def phone(one: dict[str, Any], key: str) -> str | None:
        return None if one["phone_durations"] is None else f"{1000 * one['phone_durations'][key]:.0f}"

    rows = []
    for name, one in compared.items():
        codes, nearest = one["code_durations"], one["nearest"]["all_codebooks"]
        rows.append(
            (
                name,
                None if codes is None else f"{1000 * codes['mean_s']:.0f}",
                *(phone(one, key) for key in ("mean_s", "distance_s")),
                f"{nearest['median_s']:.2f}",
                f"{nearest['longest_s']:.2f}",
                _percent(nearest["beyond_held_out"]),
            )
        )
    columns = (
        "", "a code lasts, ms", "a phone lasts, ms", "distance of these, ms", "stretch of training, median, s",
        "longest, s", "longer than any of held-out speech",
    )  # fmt: skip
    return Table(columns=columns, rows=tuple(rows), caption="Durations, and the nearest stretch of training")


def _judged(results: Result) -> Section:
    judged = results["judged"]
    if "reason" in judged:
        return Section(title="Judged samples", text=f"Words and voices were not judged: {judged['reason']}.")
    rows = []
    for name, one in judged["sets"].items():
        words = one["words"] or dict.fromkeys(("clips", "share", "words_per_s", "again"))
        rows.append(
            (
                name,
                words["clips"],
                _percent(words["share"]),
                None if words["words_per_s"] is None else f"{words['words_per_s']:.1f}",
                _percent(words["again"]),
                *(None if one[key] is None else f"{one[key]:.2f}" for key in ("similarity", "dnsmos")),
            )
        )
    why = "\n\n".join(dict.fromkeys(judged["judge"]["unavailable"].values()))
    return Section(
        title="Judged samples",
        text=f"A clip has words if a recogniser hears at least {WORDS_PER_S:g} different word a second; it writes some "
        "for noise too, but others when the same codes are spoken in another voice: words that it hears again are "
        "there. Similarity is the cosine of speaker embeddings of clip and voice, DNSMOS a predicted opinion from 1 "
        f"to 5.\n\n{why}",
        tables=(
            Table(
                columns=("", "clips", "with words", "words a second", "heard again", "similarity", "DNSMOS"),
                rows=tuple(rows),
            ),
        ),
    )


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.0f} %"
