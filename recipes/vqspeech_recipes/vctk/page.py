"""The report page of the VCTK recipe: what was run, what came out, how it sounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech import audio
from vqspeech.analysis import latents
from vqspeech.analysis.figures import charts, spectrograms
from vqspeech.analysis.phonemes import baselines, figures
from vqspeech.analysis.phonemes.score import CODES
from vqspeech.codes import CodeTable
from vqspeech.corpora.store import AudioStore
from vqspeech.model import Checkpoint
from vqspeech.report import Clip, Picture, PlayerRow, Report, Section, Table, write_report
from vqspeech.runs import RunDirectory
from vqspeech.training.metrics import read_metrics
from vqspeech_recipes.vctk.outline import facts, headlines

PAPER = "van den Oord et al. 2017 report 49.3 % on VCTK with 128 codes at 25 Hz and 41 phones, against 7.2 % by chance."


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Everything the page shows: the run directory, its data and model, and what the stages found."""

    out: Path
    store: AudioStore
    checkpoint: Checkpoint
    results: dict[str, Any]
    coded: dict[str, Any]
    rebuilt: dict[str, Any]
    converted: dict[str, Any]
    scored: dict[str, Any]
    choices: tuple[str, ...]
    command: str


def write_page(evidence: Evidence) -> Path:
    """Write ``report/index.html`` in the run directory and return its path."""
    results, corpus = evidence.results, evidence.results["corpus"]
    warning = ""
    if corpus["synthetic"]:
        warning = (
            "Synthetic demo corpus: no human speech. Every voice here is the speech synthesiser espeak-ng, so these numbers say that "
            "the pipeline works, and nothing about real recordings. To run on VCTK: `vqspeech corpora download vctk --data-dir DIR`, "
            "then `vqspeech recipe run vctk --data-dir DIR`."
        )
    report = Report(
        title="Discrete codes from raw speech",
        subtitle="A VQ-VAE with a speaker-conditioned WaveNet decoder: reconstruction, voice conversion, and codes against phonemes",
        warning=warning,
        facts=facts(results, evidence.checkpoint.config, evidence.choices),
        headlines=headlines(results),
        sections=tuple(
            section
            for section in (
                _listen(evidence),
                _convert(evidence),
                _phonemes(evidence),
                _codebook(evidence),
                _training(evidence),
            )
            if section is not None
        ),
        command=evidence.command,
        versions=results["versions"],
    )
    return write_report(RunDirectory(evidence.out).report, report)


def _listen(evidence: Evidence) -> Section:
    rows = []
    for clip in evidence.rebuilt["clips"]:
        measured = clip["measured"]
        row = evidence.store.rows[evidence.store.by_id(clip["id"])]
        clips = (
            _clip(
                evidence,
                "original",
                clip["original"],
                clip["speaker"],
                _voice(measured["original_f0"], measured["original_level"]),
            ),
            _clip(
                evidence,
                "reconstruction",
                clip["reconstruction"],
                clip["speaker"],
                (
                    ("log-mel distance", f"{measured['log_mel_distance_db']:.1f} dB"),
                    *_voice(measured["generated_f0"], measured["generated_level"]),
                ),
            ),
        )
        rows.append(PlayerRow(title=f"{clip['id']} ({row.split})", text=row.text or "", clips=clips))
    sampling = evidence.results["sampling"]
    return Section(
        title="Reconstruction",
        text="The codes of an utterance and its speaker's id, sampled one value at a time. At "
        f"{evidence.results['bits_per_second']:.0f} bit/s the words should survive; melody, timing of pitch and the waveform itself are not in the codes. "
        f"Sampled at {sampling['samples_per_second']:.0f} samples per second, {sampling['real_time_factor']:.2f} times real time, "
        f"{sampling['streams']} utterances at once, engine `{sampling['engine']}`.",
        players=tuple(rows),
    )


def _convert(evidence: Evidence) -> Section | None:
    if not evidence.converted["clips"]:
        return None
    rows: dict[str, list[dict[str, Any]]] = {}
    for clip in evidence.converted["clips"]:
        rows.setdefault(clip["id"], []).append(clip)
    originals = {clip["id"]: clip for clip in evidence.rebuilt["clips"]}
    players = []
    for name, converted in rows.items():
        source = originals[name]
        measured = source["measured"]
        clips = [
            _clip(
                evidence,
                "source",
                source["original"],
                source["speaker"],
                _voice(measured["original_f0"], measured["original_level"]),
            )
        ]
        clips += [_clip(evidence, "converted", clip["converted"], clip["target"], _target(clip)) for clip in converted]
        text = evidence.store.rows[evidence.store.by_id(name)].text or ""
        players.append(PlayerRow(title=name, text=text, clips=tuple(clips)))
    scores = evidence.results["conversion"]
    rows_of_table = [
        ("heard as the target speaker", _percent(scores.get("target_speaker_accuracy"))),
        ("heard as the source speaker", _percent(scores.get("source_speaker_accuracy"))),
        ("chance", _percent(scores.get("chance"))),
        ("the classifier on held-out originals", _percent(scores.get("held_out_accuracy"))),
        ("median F0 within the target's range", _percent(scores.get("f0_in_target_range"))),
    ]
    return Section(
        title="Voice conversion",
        text="The same codes with another speaker's id: nothing else changes.",
        tables=(
            Table(
                columns=("measure", "share"),
                rows=tuple(rows_of_table),
                caption=f"{scores['pairs']} conversions, free-running samples",
            ),
        ),
        players=tuple(players),
    )


def _phonemes(evidence: Evidence) -> Section:
    scores = evidence.scored["scores"]
    if scores is None:
        return Section(title="Codes against phonemes", text=f"Not computed: {evidence.scored['reason']}.")
    interval = (
        f" (95 % over {scores['ci95_over']}: {100 * scores['ci95'][0]:.1f} to {100 * scores['ci95'][1]:.1f})"
        if scores["ci95"]
        else ""
    )
    units = scores["units"]
    rows: list[tuple[str, str | None, str | None]] = [
        (
            "VQ-VAE codes" if name == CODES else name,
            _percent(scores["random_codes"] if name == baselines.RANDOM else unit["accuracy"]),
            _percent(unit["accuracy_other_speakers"]),
        )
        for name, unit in units.items()
    ]
    rows.append(("most frequent phone", _percent(scores["prior"]), _percent(scores["prior_other_speakers"])))
    counts, names = np.array(evidence.scored["counts"]), evidence.scored["phone_names"]
    pictures = [
        Picture(
            source=figures.code_phone_matrix(counts, names),
            caption="P(phone | code); codes ordered by their phone",
            alt="matrix of phones against codes",
        ),
        Picture(
            source=figures.codebook_projection(
                latents.code_vectors(evidence.checkpoint, evidence.scored["code_names"]), counts, names
            ),
            caption="the codebook in the plane; each code is named by its phone, its area is its share of frames",
            alt="projections of the code vectors",
        ),
        Picture(
            source=figures.recall_bars(scores["per_phone"], dict(zip(names, counts.sum(axis=0).tolist(), strict=True))),
            caption="share of each phone's frames that the map names",
            alt="bar chart of recall by phone",
        ),
    ]
    pictures += _time_axis(evidence)
    return Section(
        title="Codes against phonemes",
        text=f"Each code is mapped to the phone it falls on most often, and the map is scored on the same {scores['frames']} frames, silence "
        f"excluded{interval}. k-means has as many clusters at the same rate; fitted on the training audio it is a fair rival, fitted on the scored "
        f"audio it is flattered. {PAPER}",
        tables=(
            Table(
                columns=("codes", "accuracy", "map fitted on other speakers"),
                rows=tuple(rows),
                caption=f"{scores['frames']} frames, {scores['phones']} phones, {scores['speakers']} speakers, all splits; no phone label was used in training",
                emphasis=0,
            ),
        ),
        figures=tuple(pictures),
    )


def _time_axis(evidence: Evidence) -> list[Picture]:
    """Spectrogram, codes and phones of one held-out utterance on one time axis, and how long codes and phones last."""
    name = evidence.rebuilt["clips"][0]["id"]
    index = evidence.store.by_id(name)
    table = CodeTable.read(RunDirectory(evidence.out).codes)
    codes = next(row.codes for row in table if row.id == name)
    alignments = {row.id: row.alignment for row in evidence.store.rows if row.alignment is not None}
    hop_s = table.hop_samples / table.sample_rate
    figure = spectrograms.codes_and_phones(
        evidence.store.waveform(index),
        table.sample_rate,
        codes[0],
        table.hop_samples,
        alignment=evidence.store.rows[index].alignment,
    )
    lengths = figures.durations(
        figures.run_lengths((row.codes for row in table), hop_s),
        figures.phone_lengths(alignments.values()),
        hop_s,
    )
    return [
        Picture(
            source=figure, caption=f"{name}: codes and phones on one time axis", alt="spectrogram with codes and phones"
        ),
        Picture(source=lengths, caption="how long codes hold, and phones last", alt="histogram of durations"),
    ]


def _codebook(evidence: Evidence) -> Section:
    books = evidence.coded["codebooks"]
    return Section(
        title="Codebook use",
        text="A collapsed codebook uses few codes. Counted over every utterance of the corpus, not over a batch.",
        tables=(
            Table(
                columns=("codebook", "codes", "used", "perplexity", "entropy / log K"),
                rows=tuple(
                    (
                        str(number),
                        book["size"],
                        book["codes_used"],
                        f"{book['perplexity']:.1f}",
                        f"{book['normalised_entropy']:.3f}",
                    )
                    for number, book in enumerate(books)
                ),
            ),
        ),
        figures=tuple(
            Picture(
                source=charts.codebook_usage(book["counts"]),
                caption="share of frames by code, sorted",
                alt="bar chart of code use",
            )
            for book in books
        ),
    )


def _training(evidence: Evidence) -> Section:
    return Section(
        title="Training",
        text="Losses on training and held-out crops, with the loss when each crop gets the codes of another, and the codes in use.",
        figures=(
            Picture(
                source=charts.training_curves(read_metrics(RunDirectory(evidence.out).metrics)),
                caption="",
                alt="training curves",
            ),
        ),
    )


def _clip(evidence: Evidence, label: str, file: str, speaker: str, measures: tuple[tuple[str, str], ...]) -> Clip:
    path, rate = RunDirectory(evidence.out).listening / file, evidence.store.sample_rate
    strip = spectrograms.spectrogram_strip(audio.read(path, rate), rate)
    return Clip(label=label, audio=path, speaker=speaker, spectrogram=strip, measures=measures)


def _voice(f0: dict[str, Any], level: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    pitch = f"{f0['median_hz']:.0f} Hz" if f0["median_hz"] else "unvoiced"
    return (("F0", pitch), ("level", f"{level['rms_dbfs']:.1f} dBFS"))


def _target(clip: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    target = clip["target_f0_hz"]
    own = (("target's F0", f"{target['low']:.0f} to {target['high']:.0f} Hz"),) if target else ()
    return (*_voice(clip["f0"], clip["level"]), *own)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"
