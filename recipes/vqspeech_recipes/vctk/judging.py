"""The stage ``judge``: words, voices and quality of the speech of each decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vqspeech.analysis.listening.judge.clips import CONVERSION, ORIGINAL
from vqspeech.analysis.listening.judge.evaluation import judge_clips
from vqspeech.analysis.listening.judge.judge import Judge
from vqspeech.analysis.listening.judge.page import judged_section
from vqspeech.analysis.listening.judge.sources import draw, store_sources
from vqspeech.analysis.listening.judge.synthesis import Model, synthesise
from vqspeech.analysis.listening.judge.targets import find_targets
from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import Strict, plain
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import ConfigError
from vqspeech.experiments import Result, Results, Stage, say
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.progress import reporter
from vqspeech.report import Headline, Section
from vqspeech.runs.made import remove_made

TITLE = "Judged speech"


@dataclass(frozen=True, kw_only=True)
class JudgeConfig(Strict):
    """What is judged: the table ``[judge]``.

    Parameters
    ----------
    utterances : number of held-out utterances; 0 judges nothing
    conversions : target voices of each utterance
    max_seconds : longer utterances are left out
    recogniser : folder or name of a Whisper model; empty for the one of the extra ``judge``
    language : language of the speech
    """

    utterances: int = 20
    conversions: int = 2
    max_seconds: float = 12.0
    recogniser: str = ""
    language: str = "en"

    def __post_init__(self) -> None:
        for key in ("utterances", "conversions"):
            if getattr(self, key) < 0:
                raise ConfigError(f"judge.{key} = {getattr(self, key)} is negative; 0 judges nothing")


def judge_stage(
    config: JudgeConfig,
    folder: Path,
    codecs: Callable[[], Mapping[str, SpeechCodec]],
    store: Callable[[], AudioStore],
    seed: int,
    after: tuple[str, ...],
) -> Stage:
    """Return the stage; without the extra ``judge``, or when judging fails, its result is a reason.

    Parameters
    ----------
    config : the table ``[judge]``
    folder : receives clips and a list of them for other judges
    codecs : makes name of a decoder -> model
    store : opens the recordings
    seed : seed of draws, sampling and intervals
    after : the stages that trained
    """

    def work(made: Results) -> Result:
        remove_made(folder)
        folder.mkdir()
        if config.utterances == 0:
            return {"reason": "judge.utterances = 0"}
        judge = Judge.installed(config.recogniser or None, language=config.language)
        for why in judge.unavailable.values():
            say(f"not judged: {why}")
        if not (judge.recogniser or judge.embedder or judge.quality):
            return {"reason": next(iter(judge.unavailable.values()))}
        return _judge(judge, config, folder, codecs(), store(), seed)

    return Stage(
        name="judge",
        work=work,
        after=after,
        # Installing what was missing runs the stage again.
        config={**plain(config), "unavailable": _unavailable(config)},
        files=(folder,),
        failure=lambda error: {"reason": f"judging failed: {error}"},
    )


def _unavailable(config: JudgeConfig) -> list[str]:
    from vqspeech.analysis.listening.judge import embedding, quality, recogniser

    return [
        why for why in (recogniser.why_not(config.recogniser or None), embedding.why_not(), quality.why_not()) if why
    ]


def _judge(
    judge: Judge, config: JudgeConfig, folder: Path, codecs: Mapping[str, SpeechCodec], store: AudioStore, seed: int
) -> Result:
    models = [Model(name=name, codec=codec, voices=tuple(codec.speakers)) for name, codec in codecs.items()]
    recordings = store_sources(store)
    usable = [one for one in recordings if one.duration_s <= config.max_seconds]
    heard = frozenset().union(*(model.heard for model in models))
    drawn = draw(usable, config.utterances, seed, heard)
    clips = synthesise(
        models,
        drawn.sources,
        folder,
        SpeakOptions(seed=seed),
        lambda label: reporter(f"judge: {label}"),
        conversions=config.conversions,
    )
    voices = list(dict.fromkeys(clip.voice for clip in clips if clip.voice))
    targets = find_targets(voices, [recordings], models[0].codec.path, folder, judge.embedder, drawn.sources)
    return judge_clips(
        clips,
        judge=judge,
        targets=targets,
        models=models,
        drawn=drawn,
        data={"name": store.corpus.name, "variant": store.corpus.variant},
        out=folder,
        seed=seed,
        show=reporter,
    )


def judged(made: Results) -> Result | None:
    """Return the result of the stage for ``results.json``, without its clips; None where it was not requested."""
    result = made.get("judge")
    return None if result is None else {name: value for name, value in result.items() if name != "clips"}


def judged_sections(made: Results, folder: Path) -> tuple[Section, ...]:
    """Return the section of the page; none where the stage was not requested."""
    result = made.get("judge")
    if result is None:
        return ()
    if "rows" not in result:
        return (Section(title=TITLE, text=f"Words, voices and quality were not judged: {result['reason']}."),)
    return (judged_section(result, folder, TITLE),)


def judged_headlines(results: Result) -> tuple[Headline, ...]:
    """Return the word error rate of conversions, by the decoder with the lowest, beside that of the originals."""
    originals, found = _word_errors(results)
    if originals is None or not found:
        return ()
    best = min(found, key=lambda name: found[name])
    others = [f"{name} {100 * value:.0f} %" for name, value in found.items() if name != best]
    return (
        Headline(
            name="words of conversions that a recogniser gets wrong" + (f", {best}" if others else ""),
            value=f"{100 * found[best]:.0f}",
            unit="%",
            comparison=", ".join([*others, f"originals {100 * originals:.0f} %"]),
            explanation="Whisper on held-out utterances in other voices.",
        ),
    )


def judged_lines(results: Result) -> list[str]:
    """Return the summary's line on the judged speech."""
    given = results.get("judged")
    if not given:
        return []
    if "rows" not in given:
        return [f"not judged: {given['reason']}"]
    originals, found = _word_errors(results)
    if originals is None or not found:
        return []
    conversions = ", ".join(f"conversions by {name} {value:.0%}" for name, value in found.items())
    return [f"words that a recogniser gets wrong: originals {originals:.0%}, {conversions}"]


def _word_errors(results: Result) -> tuple[float | None, dict[str, float]]:
    """Return WER of the originals, and of the conversions by each decoder."""
    originals: float | None = None
    found: dict[str, float] = {}
    for row in (results.get("judged") or {}).get("rows", []):
        wer = row["measures"]["wer"]["value"]
        if wer is None:
            continue
        if row["kind"] == ORIGINAL:
            originals = wer
        elif row["kind"] == CONVERSION:
            # The row of all voices is the first.
            found.setdefault(row["run"], wer)
    return originals, found
