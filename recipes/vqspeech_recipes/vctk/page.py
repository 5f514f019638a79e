"""The report of the recipe `vctk`, from results and files of its stages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vqspeech.experiments import Result, Results
from vqspeech.experiments.analyses import analysis_sections
from vqspeech.experiments.components import codebook_section, training_section
from vqspeech.report import Clip, CodeStrip, Picture, PlayerRow, Report, Section, Table
from vqspeech.runs import RunDirectory
from vqspeech_recipes.vctk.decoders import curves
from vqspeech_recipes.vctk.judging import judged_sections
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
            *judged_sections(made, run.judged),
            _reconstruction(run, made, results),
            *_conversion(run, made, results),
            *analysis_sections(made, run),
            codebook_section(coded["codebooks"], pictures, over="every utterance of the corpus"),
            _training(run, results),
        ),
        versions=results["versions"],
    )


def _reconstruction(run: RunDirectory, made: Results, results: Result) -> Section:
    rebuilt = {name: made[f"reconstruct/{name}"] for name in results["decoders"]}
    rows = []
    for same in zip(*(one["clips"] for one in rebuilt.values()), strict=True):
        strip = _codes(same[0])
        clips = [_original(run, same[0], "original")]
        for name, clip in zip(rebuilt, same, strict=True):
            distance = ("log-mel distance", f"{clip['measured']['log_mel_distance_db']:.1f} dB")
            measures = (distance, *_voice(clip, "generated"))
            clips.append(_clip(run, f"by {name}", clip["reconstruction"], clip["speaker"], measures, strip))
        rows.append(PlayerRow(title=f"{same[0]['id']} ({same[0]['split']})", text=same[0]["text"], clips=tuple(clips)))
    return Section(
        title="Reconstruction",
        text="The codes of an utterance and its speaker's id, decoded freely: no decoder sees the recording. "
        f"Codes of {results['bits_per_second']:.0f} bit/s hold neither melody nor the waveform.",
        tables=(_speed(results),),
        players=tuple(rows),
    )


def _speed(results: Result) -> Table:
    rows = []
    engines = any(decoder["sampling"]["engine"] for decoder in results["decoders"].values())
    for name, decoder in results["decoders"].items():
        sampling = decoder["sampling"]
        engine = f"`{sampling['engine']}`" if sampling["engine"] else None
        speed = (
            sampling["samples_per_second"],
            sampling["real_time_factor"],
            sampling["streams"],
            *((engine,) if engines else ()),
        )
        rows.append((name, decoder["steps"], f"{decoder['train_seconds'] / 60:.1f}", *speed))
    return Table(
        columns=(
            "decoder",
            "steps",
            "minutes of training",
            "samples/s",
            "x real time",
            "utterances at once",
            *(("engine",) if engines else ()),
        ),
        rows=tuple(rows),
        caption="Training of each decoder on the same codes, and its speed of generation; the first was trained "
        "together with encoder and codebook",
    )


def _conversion(run: RunDirectory, made: Results, results: Result) -> tuple[Section, ...]:
    """Return the section on voice conversion, or none without conversions."""
    sources = made[f"reconstruct/{results['decoder']}"]["clips"]
    converted = {name: made[f"convert/{name}"]["clips"] for name in results["decoders"]}
    if not converted[results["decoder"]]:
        return ()
    rows = []
    for source in sources:
        clips = [_original(run, source, "source")]
        for same in zip(*converted.values(), strict=True):
            if same[0]["id"] == source["id"]:
                clips += [
                    _clip(run, f"by {name}", clip["converted"], clip["target"], _target(clip), _codes(source))
                    for name, clip in zip(converted, same, strict=True)
                ]
        rows.append(PlayerRow(title=source["id"], text=source["text"], clips=tuple(clips)))
    scores = {name: decoder["conversion"] for name, decoder in results["decoders"].items()}
    shares = (
        ("classified as the target speaker", "target_speaker_accuracy"),
        ("classified as the source speaker", "source_speaker_accuracy"),
        ("chance", "chance"),
        ("the classifier on held-out originals", "held_out_accuracy"),
        ("median F0 within the target's range", "f0_in_target_range"),
    )
    table = Table(
        columns=("measure", *scores),
        rows=tuple((name, *(_percent(one.get(key)) for one in scores.values())) for name, key in shares),
        caption=f"{results['conversion']['pairs']} conversions by each decoder, free-running samples",
    )
    return (
        Section(
            title="Voice conversion",
            text="The same codes with another speaker's id: nothing else changes.",
            tables=(table,),
            players=tuple(rows),
        ),
    )


def _training(run: RunDirectory, results: Result) -> Section:
    pictures = tuple(
        Picture(source=curves(run, name), caption=name, alt=f"training curves of {name}")
        for name in results["decoders"]
    )
    return replace(training_section(curves(run, results["decoder"])), figures=pictures)


def _original(run: RunDirectory, clip: Result, label: str) -> Clip:
    return _clip(run, label, clip["original"], clip["speaker"], _voice(clip, "original"), _codes(clip))


def _codes(clip: Result) -> CodeStrip | None:
    """Return the codes of an utterance; None where an earlier release reconstructed it."""
    return CodeStrip.of(**clip["codes"]) if "codes" in clip else None


def _clip(
    run: RunDirectory,
    label: str,
    file: dict[str, str],
    speaker: str,
    measures: tuple[tuple[str, str], ...],
    codes: CodeStrip | None,
) -> Clip:
    return Clip(
        label=label,
        audio=run.listening / file["audio"],
        speaker=speaker,
        spectrogram=run.listening / file["spectrogram"],
        measures=measures,
        codes=codes,
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
