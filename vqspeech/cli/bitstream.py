"""Bitstreams of ``vqspeech encode`` and ``vqspeech decode``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vqspeech.bitstream import Packed
    from vqspeech.codec.speech import SpeechCodec
    from vqspeech.codes import CodeTable
    from vqspeech.errors import AudioError
    from vqspeech.training.codes import LoadedPrior


def encode_to_bitstream(
    codec: SpeechCodec,
    inputs: list[Path],
    out: Path,
    *,
    rows: int | None,
    pitch: bool,
    prior: str | None = None,
    speaker: str | None = None,
) -> None:
    """Encode recordings to one bitstream, and print its bits.

    Parameters
    ----------
    codec : the model
    inputs : audio files, folders and prepared corpora
    out : file to write
    rows : batch size of encoding
    pitch : whether to store F0
    prior : run of the prior that drives the coder; None for adaptive counts
    speaker : speaker of all recordings, for a prior that is conditioned on it; None for those of a prepared corpus

    Raises
    ------
    InputError : for another file under the name, inputs that are not audio, or a corpus prepared at another rate
    AudioError : when no input can be read
    """
    from dataclasses import replace

    from vqspeech.bitstream.drivers import require_fitting
    from vqspeech.bitstream.files import SUFFIX, require_bitstream, write
    from vqspeech.bitstream.range_coder import require_constriction
    from vqspeech.bitstream.recordings import encode_recordings, recordings_of
    from vqspeech.claims import claimed
    from vqspeech.errors import InputError
    from vqspeech.progress import reporter

    if out.suffix != SUFFIX:
        raise InputError(f"--bitstream {str(out)!r}: the name of a bitstream ends in {SUFFIX}; it takes all recordings")
    require_constriction()
    require_bitstream(out)
    loaded = load_driver(prior)
    if speaker is not None and (loaded is None or not loaded.space.conditions):
        raise InputError("--speaker is for a prior that is conditioned on the speaker; omit it")
    recordings = recordings_of(codec, inputs)
    if speaker is not None:
        recordings = [replace(one, row=replace(one.row, speaker=speaker)) for one in recordings]
    if loaded is not None:
        voices = sorted({one.row.speaker for one in recordings})
        require_fitting(loaded, codec.codebook, codec.codebook_sizes, pitch=pitch, conditions=voices)

    def skip(path: Path, error: AudioError) -> None:
        typer.echo(f"skipped {path}: {error}", err=True)

    chosen = skip if len(recordings) > 1 else None
    with claimed([out]):
        table = encode_recordings(codec, recordings, pitch=pitch, rows=rows, skip=chosen, progress=reporter("encode"))
        packed = write(out, codec, table, prior=loaded, progress=reporter("pack"))
    for line in _described(codec, table, packed, len(recordings) - len(table), prior=loaded is not None):
        typer.echo(line)
    typer.echo(str(out))


def load_driver(prior: str | None) -> LoadedPrior | None:
    """Load the prior of an option ``--prior``."""
    from vqspeech.training.codes import load_prior

    return None if prior is None else load_prior(prior)


def _described(codec: SpeechCodec, table: CodeTable, packed: Packed, skipped: int, *, prior: bool) -> list[str]:
    seconds = max(packed.seconds, 1e-9)
    files = f"{len(table)} file{'' if len(table) == 1 else 's'}"
    facts = [f"{files}, {packed.seconds:.1f} s of speech, {codec.frame_rate_hz:g} codes per second"]
    if skipped:
        facts.append(f"{skipped} skipped")
    size = f"{len(packed.content)} bytes, {packed.bits_per_second:.0f} bit/s"
    coded = [f"codes {packed.code_bits / seconds:.0f} bit/s by {'the prior' if prior else 'adaptive counts'}"]
    if packed.pitch_bits:
        coded.append(f"pitch {packed.pitch_bits / seconds:.0f}")
    coded.append(f"written as {packed.coded_bits / seconds:.0f}")
    entropy = f"entropy of the codes {packed.entropy_bits / seconds:.0f} bit/s, {codec.bits_per_second:.0f} nominal"
    return [f"{', '.join(facts)}: {size}", f"{', '.join(coded)}; {entropy}"]
