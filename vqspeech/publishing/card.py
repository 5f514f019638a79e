"""Model cards: README.md with metadata of the hub, written from facts, results and notes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import vqspeech
from vqspeech.codec.speech import SpeechCodec
from vqspeech.publishing.notes import Notes
from vqspeech.publishing.precision import Changes, DType
from vqspeech.publishing.results import Judged

_TASK = {"type": "audio-to-audio", "name": "Voice conversion"}


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """Contents of a model card.

    Parameters
    ----------
    name : title, and name in the examples
    codec : the published model
    changes : codes of test audio that the conversion to 16 bit changed; None with weights of 32 bit
    dtype : type of the weights
    megabytes : size of the weights
    notes, judged : given text, and results of an evaluation
    """

    name: str
    codec: SpeechCodec
    changes: Changes | None
    dtype: DType
    encoder_dtype: DType
    megabytes: float
    notes: Notes
    judged: Judged | None


def card(facts: CardFacts) -> str:
    """Return the text of README.md."""
    head = _metadata(facts)
    sections = [f"# {facts.name}", _summary(facts), _use(facts), _voices(facts.codec), _results(facts.judged)]
    if facts.notes.text:
        sections.append(facts.notes.text)
    else:
        sections.append(_data(facts.codec))
    sections.append(_weights(facts))
    return "---\n" + "\n".join(head) + "\n---\n\n" + "\n\n".join(part for part in sections if part) + "\n"


def _metadata(facts: CardFacts) -> list[str]:
    """Return the YAML lines: generated ones, replaced by and followed by those of the notes."""
    decoder = str(facts.codec.config.decoder["name"])
    values: dict[str, object] = {
        "library_name": "vqspeech",
        "pipeline_tag": "audio-to-audio",
        "tags": ["vq-vae", "speech-tokenizer", "voice-conversion", decoder],
    }
    index = _model_index(facts)
    if index:
        values |= {"metrics": ["wer", "cer"], "model-index": index}
    # JSON is YAML.
    lines = {key: f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()}
    return list((lines | facts.notes.metadata).values())


def _model_index(facts: CardFacts) -> list[dict[str, object]]:
    judged = facts.judged
    row = judged.conversions if judged is not None else None
    if judged is None or row is None:
        return []
    measured = {name: row["measures"].get(name, {}).get("value") for name in ("wer", "cer")}
    metrics = [
        {"type": name, "value": round(100 * value, 1), "name": f"{name.upper()} of conversions, %"}
        for name, value in measured.items()
        if value is not None
    ]
    if not metrics:
        return []
    data = judged.data or "recordings"
    kind = re.sub(r"[^a-z0-9]+", "-", data.lower()).strip("-")
    return [
        {
            "name": facts.name,
            "results": [{"task": _TASK, "dataset": {"type": kind, "name": data}, "metrics": metrics}],
        }
    ]


def _summary(facts: CardFacts) -> str:
    codec = facts.codec
    books = " x ".join(map(str, codec.codebook_sizes))
    voices = f" in {len(codec.speakers)} voices" if codec.speakers else ""
    parts = {kind: getattr(codec.config, kind)["name"] for kind in ("encoder", "quantizer", "decoder")}
    return (
        "A model of speech for [vqspeech](https://pypi.org/project/vqspeech/). It encodes speech of "
        f"{codec.sample_rate / 1000:g} kHz to {codec.frame_rate_hz:g} frames a second with codes of {books} "
        f"({codec.bits_per_second:.0f} bit/s), and decodes them to speech of {codec.output_rate / 1000:g} kHz{voices}. "
        f"Encoder `{parts['encoder']}`, quantizer `{parts['quantizer']}`, decoder `{parts['decoder']}`; trained for "
        f"{codec.step:,} steps."
    )


def _use(facts: CardFacts) -> str:
    speaker = facts.codec.speakers[0] if facts.codec.speakers else "ID"
    return "\n".join(
        [
            "## Use",
            "",
            "```",
            "pip install vqspeech",
            f"vqspeech convert {facts.name} RECORDING.wav --speaker {speaker} --out converted.wav",
            "```",
            "",
            "```python",
            "import vqspeech",
            "",
            f'model = vqspeech.from_pretrained("{facts.name}")',
            "codes = model.encode(waveform, sample_rate)",
            f'speech = model.decode(codes, speaker="{speaker}")',
            "```",
        ]
    )


def _voices(codec: SpeechCodec) -> str:
    if not codec.speakers:
        return ""
    rows = [f"| {speaker} | {codec.speaker_notes.get(speaker, '')} |" for speaker in codec.speakers]
    return "\n".join(["## Voices", "", "| voice | |", "|---|---|", *rows])


def _results(judged: Judged | None) -> str:
    if judged is None:
        return "## Results\n\nNot evaluated; `vqspeech evaluate` judges words, voices and quality."
    by = f" Words by the recogniser {judged.recogniser}." if judged.recogniser else ""
    on = f" on {judged.data}" if judged.data else ""
    on += ", of speakers not heard in training" if judged.unheard else ""
    head = f"`vqspeech evaluate`{on}, with 95 % intervals over utterances.{by}"
    return "\n".join(["## Results", "", head, "", *judged.table()])


def _data(codec: SpeechCodec) -> str:
    corpus = codec.facts.get("corpus", {})
    what = corpus.get("variant") or corpus.get("name") or "not recorded"
    synthetic = " (synthetic speech)" if corpus.get("synthetic") else ""
    return f"## Data\n\n{what}{synthetic}. The licence of data and weights is not recorded; ask who published them."


def _weights(facts: CardFacts) -> str:
    kept = {"float16": "16 bit", "float32": "32 bit"}
    text = f"`model.safetensors`, {facts.megabytes:.1f} MB: decoder in {kept[facts.dtype]}, "
    text += f"encoder in {kept[facts.encoder_dtype]}, codebooks in 32 bit."
    if facts.changes is not None:
        share = f"{facts.changes.changed} of {facts.changes.codes:,} codes"
        text += f" Against the trained weights, {share} of {facts.changes.of} change."
    return f"## Weights\n\n{text} Written by vqspeech {vqspeech.__version__}."
