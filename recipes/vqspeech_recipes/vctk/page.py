"""The report of the recipe `vctk`, from results and files of its stages."""

from __future__ import annotations

from typing import Any

from vqspeech.experiments import Result, Results
from vqspeech.experiments.analyses import analysis_sections
from vqspeech.experiments.components import codebook_section, training_section
from vqspeech.report import Clip, PlayerRow, Report, Section, Table
from vqspeech.runs import RunDirectory
from vqspeech_recipes.vctk.overview import facts, headlines
from vqspeech_recipes.vctk.settings import VctkSettings

SYNTHETIC = (
    "Synthetic demo corpus: no human speech. Every voice here is the speech synthesiser espeak-ng, so these numbers "
    "show that the pipeline works, and nothing about real recordings. To run on VCTK: "
    "`vqspeech corpora download vctk --data-dir DIR`, then `vqspeech recipe run vctk --data-dir DIR`."
)


def page(run: RunDirectory, made: Results, results: Result, settings: VctkSettings) -> Report:
    """Return the page.

    Parameters
    ----------
    run : run directory with the files of the stages
    made : results of the stages
    results : the contents of ``results.json``
    """
    coded = made["encode"]
    pictures = [run.pictures / name for name in coded["pictures"]]
    return Report(
        title="Discrete codes from raw speech",
        subtitle="VQ-VAE with a speaker-conditioned decoder: reconstruction, voice conversion, codes and phonemes",
        warning=SYNTHETIC if results["corpus"]["synthetic"] else "",
        facts=facts(results, coded, settings.choices),
        headlines=headlines(results),
        sections=(
            _reconstruction(run, made["reconstruct"], results),
            *_conversion(run, made["convert"], made["reconstruct"], results),
            *analysis_sections(made, run),
            codebook_section(coded["codebooks"], pictures, over="every utterance of the corpus"),
            training_section(run.pictures / "training.png"),
        ),
        versions=results["versions"],
    )


def _reconstruction(run: RunDirectory, rebuilt: Result, results: Result) -> Section:
    sampling = results["sampling"]
    engine = f", engine `{sampling['engine']}`" if sampling["engine"] else ""
    rows = []
    for clip in rebuilt["clips"]:
        distance = ("log-mel distance", f"{clip['measured']['log_mel_distance_db']:.1f} dB")
        clips = (
            _original(run, clip, "original"),
            _clip(
                run, "reconstruction", clip["reconstruction"], clip["speaker"], (distance, *_voice(clip, "generated"))
            ),
        )
        rows.append(PlayerRow(title=f"{clip['id']} ({clip['split']})", text=clip["text"], clips=clips))
    return Section(
        title="Reconstruction",
        text="The codes of an utterance and its speaker's id, decoded freely: the decoder never sees the recording. "
        f"Codes of {results['bits_per_second']:.0f} bit/s hold neither melody nor the waveform, and whether they "
        f"hold the words is not measured here. Generated at {sampling['samples_per_second']:.0f} samples per second, "
        f"{sampling['real_time_factor']:.2f} times real time, {sampling['streams']} utterances at once{engine}.",
        players=tuple(rows),
    )


def _conversion(run: RunDirectory, converted: Result, rebuilt: Result, results: Result) -> tuple[Section, ...]:
    """Return the section on voice conversion, or none without conversions."""
    if not converted["clips"]:
        return ()
    rows = []
    for source in rebuilt["clips"]:
        targets = [clip for clip in converted["clips"] if clip["id"] == source["id"]]
        if targets:
            clips = [_original(run, source, "source")]
            clips += [_clip(run, "converted", clip["converted"], clip["target"], _target(clip)) for clip in targets]
            rows.append(PlayerRow(title=source["id"], text=source["text"], clips=tuple(clips)))
    scores = results["conversion"]
    shares = (
        ("classified as the target speaker", "target_speaker_accuracy"),
        ("classified as the source speaker", "source_speaker_accuracy"),
        ("chance", "chance"),
        ("the classifier on held-out originals", "held_out_accuracy"),
        ("median F0 within the target's range", "f0_in_target_range"),
    )
    table = Table(
        columns=("measure", "share"),
        rows=tuple((name, _percent(scores.get(key))) for name, key in shares),
        caption=f"{scores['pairs']} conversions, free-running samples",
    )
    return (
        Section(
            title="Voice conversion",
            text="The same codes with another speaker's id: nothing else changes.",
            tables=(table,),
            players=tuple(rows),
        ),
    )


def _original(run: RunDirectory, clip: Result, label: str) -> Clip:
    return _clip(run, label, clip["original"], clip["speaker"], _voice(clip, "original"))


def _clip(
    run: RunDirectory, label: str, file: dict[str, str], speaker: str, measures: tuple[tuple[str, str], ...]
) -> Clip:
    return Clip(
        label=label,
        audio=run.listening / file["audio"],
        speaker=speaker,
        spectrogram=run.listening / file["spectrogram"],
        measures=measures,
    )


def _voice(clip: Result, which: str) -> tuple[tuple[str, str], ...]:
    measured = clip["measured"]
    return _pitch_and_level(measured[f"{which}_f0"], measured[f"{which}_level"])


def _target(clip: Result) -> tuple[tuple[str, str], ...]:
    target = clip["target_f0_hz"]
    own = (("target's F0", f"{target['low']:.0f} to {target['high']:.0f} Hz"),) if target else ()
    return (*_pitch_and_level(clip["f0"], clip["level"]), *own)


def _pitch_and_level(f0: dict[str, Any], level: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    pitch = f"{f0['median_hz']:.0f} Hz" if f0["median_hz"] else "unvoiced"
    return (("F0", pitch), ("level", f"{level['rms_dbfs']:.1f} dBFS"))


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"
