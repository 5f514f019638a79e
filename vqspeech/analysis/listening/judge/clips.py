"""What is judged, and the scores of one clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vqspeech.analysis.listening.judge.text import Errors
from vqspeech.report import CodeStrip

ORIGINAL = "original"
RESYNTHESIS = "resynthesis"
CONVERSION = "conversion"
OTHER_CODES = "codes of another utterance"
UNCHANGED = "source, unchanged"

KINDS = (ORIGINAL, RESYNTHESIS, CONVERSION, OTHER_CODES, UNCHANGED)
"""Kinds of clips, in the order of the table."""


PLAYED = 3
"""Utterances with players on the page."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A column of the judged table.

    Parameters
    ----------
    name : key in results
    heading : heading of the column
    meaning : one sentence
    decimals : digits after the point
    pooled : whether errors of all clips are divided by all words or characters, instead of the mean over clips
    """

    name: str
    heading: str
    meaning: str
    decimals: int = 2
    pooled: bool = False


MEASURES = (
    Measure(
        name="wer", heading="WER", meaning="words that the recogniser gets wrong, per word of the text", pooled=True
    ),
    Measure(name="cer", heading="CER", meaning="the same for characters", pooled=True),
    Measure(
        name="wer_to_original",
        heading="WER to original",
        meaning="words that the recogniser hears otherwise than in the original",
        pooled=True,
    ),
    Measure(
        name="similarity_target",
        heading="similarity to target",
        meaning="cosine of speaker embeddings of the clip and of the target's recordings",
    ),
    Measure(
        name="similarity_source",
        heading="similarity to source",
        meaning="cosine of speaker embeddings of the clip and of its original",
    ),
    Measure(name="dnsmos", heading="DNSMOS", meaning="predicted quality, 1 to 5"),
    Measure(name="f0_median_hz", heading="F0 (Hz)", meaning="mean over clips of the median F0", decimals=0),
    Measure(name="f0_correlation", heading="F0 correlation", meaning="correlation of log F0 with the original's"),
    Measure(
        name="level_db", heading="level (dB)", meaning="level of the speech relative to the original's", decimals=1
    ),
)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A sound file to judge.

    Parameters
    ----------
    path : the file
    kind : one of `KINDS`
    utterance : id of the utterance that it should say
    speaker : speaker of the original
    text : the words it should say; None where they are not known
    voice : the target voice; None for an original
    original : file of the original, which it is compared with; None for an original
    run : name of the model; empty for originals
    codes : the codes that it was decoded from, for utterances with players
    """

    path: Path
    kind: str
    utterance: str
    speaker: str = ""
    text: str | None = None
    voice: str | None = None
    original: Path | None = None
    run: str = ""
    codes: CodeStrip | None = None


@dataclass(frozen=True, kw_only=True)
class ClipScores:
    """Scores of a clip.

    Parameters
    ----------
    clip : the clip
    heard : words that the recogniser hears; None without a recogniser
    values : name of a measure -> errors, number, or None where there is none
    reasons : name of a measure -> why there is none
    """

    clip: Clip
    heard: str | None
    values: Mapping[str, Errors | float | None]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_json(self, folder: Path) -> dict[str, Any]:
        """Return JSON values; paths are relative to `folder` where they lie in it."""

        def name(path: Path | None) -> str | None:
            if path is None:
                return None
            inside = path.is_relative_to(folder)
            return path.relative_to(folder).as_posix() if inside else str(path)

        clip = self.clip
        return {
            "run": clip.run,
            "kind": clip.kind,
            "voice": clip.voice,
            "utterance": clip.utterance,
            "speaker": clip.speaker,
            "path": name(clip.path),
            "original": name(clip.original),
            "text": clip.text,
            "heard": self.heard,
            **({} if clip.codes is None else {"codes": asdict(clip.codes)}),
            **{key: list(value) if isinstance(value, Errors) else value for key, value in self.values.items()},
            "reasons": dict(self.reasons),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], folder: Path) -> ClipScores:
        """Return what `to_json` wrote."""
        clip = Clip(
            path=folder / values["path"],
            kind=values["kind"],
            utterance=values["utterance"],
            speaker=values["speaker"],
            text=values["text"],
            voice=values["voice"],
            original=folder / values["original"] if values["original"] else None,
            run=values["run"],
            codes=CodeStrip.of(**values["codes"]) if "codes" in values else None,
        )
        scores = {
            one.name: Errors(*value) if isinstance(value := values.get(one.name), list) else value for one in MEASURES
        }
        return cls(clip=clip, heard=values["heard"], values=scores, reasons=values["reasons"])
