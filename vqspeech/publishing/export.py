"""Write a trained model as a directory to publish: config.json, weights, checksums, voices and card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vqspeech.checkpoints.directory import CARD, CHECKSUMS, CONFIG, VOICES, WEIGHTS, write
from vqspeech.checkpoints.store import contents
from vqspeech.claims import claimed
from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import InputError
from vqspeech.publishing import notes as card_notes
from vqspeech.publishing.card import CardFacts, card
from vqspeech.publishing.embeddings import embeddings_of
from vqspeech.publishing.facts import published_facts
from vqspeech.publishing.notes import Notes
from vqspeech.publishing.precision import Changes, DType, compare, in_half, test_audio
from vqspeech.publishing.results import find_results, read_results
from vqspeech.publishing.selection import chosen_speakers, published_codec, published_config, published_weights
from vqspeech.runs import RunDirectory

PUBLISHED = frozenset({CONFIG, WEIGHTS, CHECKSUMS, CARD, VOICES})
"""Files of a published model."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of an export.

    Parameters
    ----------
    speakers : voices to publish; all when None
    codebooks : number of first codebooks of a residual quantizer to publish, for a lower bit rate; all when None
    dtype : type of the weights. ``"float16"`` keeps codebooks and vectors in 32 bit, and the encoder as well where 16
        bit would change a code of the test audio
    allow_changed_codes : store the encoder in 16 bit even then
    recordings : audio to compare codes on; held-out utterances of the run, else a synthetic signal, when empty
    results : results.json of `vqspeech evaluate`, or its folder; looked for in the run when None
    notes : Markdown for the card, with YAML metadata such as the licence; ``card-notes.md`` of the run when None
    voices : voices.json with speaker embeddings, or recordings of the voices in a folder per speaker; when None, that
        of the checkpoint, else the run's own data (extra ``judge``)
    name : title of the card; the directory's name when empty
    """

    speakers: Sequence[str] | None = None
    codebooks: int | None = None
    dtype: DType = "float16"
    allow_changed_codes: bool = False
    recordings: Sequence[str] = ()
    results: Path | None = None
    notes: Path | None = None
    voices: Path | None = None
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export wrote.

    Parameters
    ----------
    path : the directory
    megabytes : size of all files
    encoder_dtype : type of the encoder's weights
    changes : codes of the test audio that differ from those of the trained model; None with weights of 32 bit
    missing : what the card lacks, in words
    """

    path: Path
    megabytes: float
    encoder_dtype: DType
    changes: Changes | None
    missing: tuple[str, ...]


def export(codec: SpeechCodec, out: Path, options: ExportOptions | None = None) -> Exported:
    """Write the directory of a published model, atomically; an earlier export in `out` is replaced.

    Parameters
    ----------
    codec : a trained model of speech
    out : directory to write
    options : what to write

    Raises
    ------
    InputError : for a directory that holds other files or that another process writes, options that cannot be used, or
        a model that needs a file of this machine
    UnknownNameError : for a voice that the model does not have
    AudioError : for recordings that cannot be read
    """
    with claimed([out]):
        return _export(codec, out, options or ExportOptions())


def _export(codec: SpeechCodec, out: Path, options: ExportOptions) -> Exported:
    require_free(out, codec)
    if options.dtype not in ("float16", "float32"):
        raise InputError(f"dtype = {options.dtype!r}; give float16 or float32")
    speakers = chosen_speakers(codec, options.speakers)
    notes, judged = _notes(codec, options), _judged(codec, options)
    voices = embeddings_of(codec, speakers, options.voices)
    config = published_config(codec, options.codebooks)
    facts = published_facts(codec, speakers, config, notes.voices)
    weights = published_weights(codec, speakers, config)
    encoder_dtype: DType = "float32"
    changes = None
    if options.dtype == "float16":
        waveforms, of = test_audio(codec, options.recordings)
        with_encoder = in_half(weights, ("decoder", "encoder"))
        changes = compare(codec, published_codec(codec, speakers, config, with_encoder), waveforms, of)
        if changes.changed and not options.allow_changed_codes:
            weights = in_half(weights, ("decoder",))
            changes = compare(codec, published_codec(codec, speakers, config, weights), waveforms, of)
        else:
            weights, encoder_dtype = with_encoder, "float16"
    published = replace(published_codec(codec, speakers, config, weights), path=out, facts=facts)
    facts["weights"] = {
        "decoder": options.dtype,
        "encoder": encoder_dtype,
        "codes_changed": None if changes is None else changes.changed,
        "codes_compared": None if changes is None else changes.codes,
    }
    files = contents(weights, config=config, speakers=speakers, step=codec.step, facts=facts)
    if voices is not None:
        files[VOICES] = (json.dumps(voices, indent=1) + "\n").encode()
    text = card(
        CardFacts(
            name=options.name or out.absolute().name,
            codec=published,
            changes=changes,
            dtype=options.dtype,
            encoder_dtype=encoder_dtype,
            megabytes=len(files[WEIGHTS]) / 1e6,
            notes=notes,
            judged=judged,
        )
    )
    files[CARD] = text.encode()
    # Cards are edited on the hub, so they have no checksum.
    write(out, files, unchecked=(CARD,))
    missing = [] if "license" in notes.metadata else ["a licence: license: ... in the metadata of --card-notes FILE.md"]
    missing += [] if judged is not None else ["results: --results results.json of `vqspeech evaluate`"]
    return Exported(
        path=out,
        megabytes=sum(map(len, files.values())) / 1e6,
        encoder_dtype=encoder_dtype,
        changes=changes,
        missing=tuple(missing),
    )


def require_free(out: Path, codec: SpeechCodec | None = None) -> None:
    """Check that a directory can be written: new, empty, or an earlier export.

    Raises
    ------
    InputError : when it is a file, the model itself, or holds other files
    """
    if codec is not None and out.absolute() == codec.path.absolute():
        raise InputError(f"{out} is the model itself; give another directory")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a directory")
    others = sorted(path.name for path in out.iterdir() if path.name not in PUBLISHED) if out.is_dir() else []
    if not others and out.is_dir() and any(out.iterdir()) and not (out / CHECKSUMS).is_file():
        others = sorted(path.name for path in out.iterdir())
    if others:
        raise InputError(f"{out} holds other files ({', '.join(others[:3])}); give a new or an empty directory")


def _notes(codec: SpeechCodec, options: ExportOptions) -> Notes:
    if options.notes is not None:
        return Notes.read(options.notes)
    path = _run(codec) / card_notes.FILE
    return Notes.read(path) if path.is_file() else Notes()


def _judged(codec: SpeechCodec, options: ExportOptions) -> Any:
    path = options.results if options.results is not None else find_results(_run(codec))
    return None if path is None else read_results(path, codec)


def _run(codec: SpeechCodec) -> Path:
    """Return the run directory of a checkpoint, or the directory of a model without a run."""
    run = RunDirectory.of_checkpoint(codec.path)
    return run.path if codec.path.absolute().parent == run.checkpoints else codec.path
