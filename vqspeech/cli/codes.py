"""``vqspeech encode`` and ``vqspeech decode``: audio to a table of codes, and codes to audio."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vqspeech.cli.arguments import Codebooks, Run
from vqspeech.cli.sampling import (
    EngineName,
    IntonationName,
    Parts,
    Seed,
    Temperature,
    Weights,
    names_speech,
    options,
    speak_to_files,
)

if TYPE_CHECKING:
    from vqspeech.codec.speech import SpeechCodec
    from vqspeech.codes import CodeTable
    from vqspeech.encoding.plan import Shard

Prior = Annotated[
    str | None, typer.Option(metavar="PRIOR", help="Prior over the codes that drives the coder of a bitstream.")
]
_OTHER_TABLES = frozenset({".csv", ".json", ".jsonl", ".npy", ".npz", ".pkl", ".pt", ".tsv", ".txt"})


def encode(
    run: Run,
    inputs: Annotated[list[Path], typer.Argument(metavar="AUDIO...", help="Files, folders and prepared corpora.")],
    out: Annotated[
        Path | None, typer.Option(help="Table to write (.parquet), or a folder for it and its parts.")
    ] = None,
    units: Annotated[
        list[Path] | None,
        typer.Option(
            "--units",
            metavar="FILE",
            help="Also write the codes for other tools, by the name's ending: .jsonl (fastabx, SpidR), .km with .tsv "
            "or .txt (fairseq), .units (textless), .npz. May be repeated.",
        ),
    ] = None,
    bitstream: Annotated[
        Path | None, typer.Option(metavar="FILE.vqs", help="Write all codes to one small file instead of a table.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Encode only shard I of N; set automatically under torchrun.")
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray for a Ray cluster.")] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of actors of the engine ray; default: one per core.")
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Batch size; default: 1 on CPUs, 16 elsewhere.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    codebooks: Codebooks = None,
    pitch: Annotated[bool, typer.Option("--pitch", help="Store the melody as well, about 100 bit/s.")] = False,
    prior: Prior = None,
    speaker: Annotated[
        str | None, typer.Option(help="Speaker of the recordings, for a --prior that is conditioned on it.")
    ] = None,
) -> None:
    """Encode recordings to a table of codes, a row per utterance; an interrupted call resumes.

    With --units, the codes are written in formats of other tools as well. With --bitstream, they are packed to the
    fewest bits instead, which `vqspeech decode` unpacks exactly. Runs of other modalities encode files of their own
    kind.
    """
    from vqspeech.codec.load import load_with_modality
    from vqspeech.codec.speech import SpeechCodec
    from vqspeech.encoding.plan import Shard
    from vqspeech.errors import InputError
    from vqspeech.units.writing import require_writable

    if bitstream is not None:
        if out is not None or units or shard is not None or engine != "local" or workers is not None:
            raise InputError(
                "--bitstream writes one file in one process; omit --out, --units, --shard, --engine and --workers"
            )
        from vqspeech.cli.bitstream import encode_to_bitstream
        from vqspeech.codec.load import load_speech

        codec = load_speech(run, device=_device(device)).with_codebooks(codebooks)
        encode_to_bitstream(codec, inputs, bitstream, rows=batch, pitch=pitch, prior=prior, speaker=speaker)
        return
    if prior is not None or speaker is not None:
        raise InputError("--prior and --speaker are for --bitstream; omit them")
    if out is None:
        raise InputError(
            "--out is missing; give it a table to write, such as codes.parquet, or give --bitstream FILE.vqs"
        )
    if out.suffix.lower() in _OTHER_TABLES and not out.is_dir():
        raise InputError(
            f"--out {str(out)!r}: codes are written as .parquet; give such a file or a folder, and for other tools "
            "--units FILE beside it"
        )
    chosen = Shard.of_rank() if shard is None else Shard.parse(shard)
    modality, loaded = load_with_modality(run, device=_device(device))
    if codebooks is not None and (engine != "local" or not isinstance(loaded, SpeechCodec)):
        raise InputError("--codebooks is for models of speech and the engine local; omit it")
    if isinstance(loaded, SpeechCodec):
        loaded = loaded.with_codebooks(codebooks)
        require_writable(units or [], len(loaded.codebook_sizes))
        _encode_speech(loaded, inputs, out, chosen, engine, workers, batch, pitch, units or [])
    else:
        if pitch or units:
            raise InputError(f"{loaded.path} is not a model of speech; omit --pitch and --units")
        _encode_others(modality, loaded, inputs, out, chosen, engine)


def _encode_speech(
    codec: SpeechCodec,
    inputs: list[Path],
    out: Path,
    shard: Shard,
    engine: str,
    workers: int | None,
    rows: int | None,
    pitch: bool,
    units: list[Path],
) -> None:
    from vqspeech.codes import CodeTable
    from vqspeech.encoding.bulk import encode_bulk
    from vqspeech.progress import reporter
    from vqspeech.units.writing import write_units

    begin = time.monotonic()
    try:
        result = encode_bulk(
            codec,
            inputs,
            out,
            shard=shard,
            engine=engine,
            workers=workers,
            rows=rows,
            pitch=pitch,
            progress=reporter("encode"),
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("finished parts are kept; repeat the command to continue") from None
    for path, reason in result.encoded.skipped.items():
        typer.echo(f"skipped {path}: {reason}", err=True)
    encoded = result.encoded
    files = f"{encoded.utterances} file{'' if encoded.utterances == 1 else 's'}"
    facts = [f"{files}, {encoded.seconds:.1f} s of speech, {codec.frame_rate_hz:g} codes per second"]
    if pitch:
        melody = encoded.pitch_bits / max(encoded.seconds, 1e-9)
        facts.append(f"{codec.bits_per_second:.0f} bit/s of codes and {melody:.0f} of pitch")
    if encoded.skipped:
        facts.append(f"{len(encoded.skipped)} skipped")
    if result.before:
        facts.append(f"{result.before} encoded before")
    elif shard.of == 1:
        # with several shards some of these seconds may be the work of others
        typer.echo(f"{encoded.seconds / (time.monotonic() - begin):.0f} x real time", err=True)
    where = result.table if result.complete else f"parts of {result.table}; the others are still missing"
    typer.echo(f"{', '.join(facts)}: {where}")
    if units and not result.complete:
        typer.echo("the shard that completes the table writes the units", err=True)
    elif units:
        table = CodeTable.read(result.table)
        for file in units:
            write_units(table, file)
            typer.echo(str(file))


def _encode_others(modality: Any, loaded: Any, inputs: list[Path], out: Path, shard: Shard, engine: str) -> None:
    from vqspeech.claims import claimed
    from vqspeech.encoding.places import Places, require_table
    from vqspeech.errors import InputError
    from vqspeech.progress import reporter

    if shard.of > 1 or engine != "local":
        raise InputError("only runs of speech are encoded in shards or on Ray; omit --shard and --engine")
    path = Places.of(out).table
    with claimed([path]):
        require_table(path)
        table = modality.encode(loaded, inputs, progress=reporter("encode"))
        table.write(path)
    typer.echo(f"{len(table)} items: {path}")


def _device(name: str) -> str:
    """Return an available device; under torchrun, ``cuda`` is the device of this process."""
    import torch

    from vqspeech.errors import InputError
    from vqspeech.untrusted import environment_number

    kind, _, number = name.partition(":")
    available = torch.cuda.device_count() if kind == "cuda" else int(kind == "cpu")
    index = int(number) if number.isdecimal() else environment_number("LOCAL_RANK", 0) % max(1, available)
    if index >= available:
        raise InputError(
            f"--device {name!r} is not available; this machine has cpu and {torch.cuda.device_count()} cuda devices"
        )
    return "cpu" if kind == "cpu" else f"cuda:{index}"


def decode(
    run: Run,
    codes: Annotated[
        Path, typer.Argument(metavar="CODES", help="A table (.parquet) or a bitstream (.vqs) of `vqspeech encode`.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder to write to, one file per row; of one recording also a .wav or .flac file.")
    ],
    speaker: Annotated[
        str | None, typer.Option(help="Speaker id, for runs of speech; `vqspeech speakers RUN` lists them.")
    ] = None,
    prior: Prior = None,
    intonation: IntonationName = None,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    engine: EngineName = "auto",
    weights: Weights = "fp32",
    parts: Parts = "1",
) -> None:
    """Decode codes to speech in a speaker's voice, or to files of the run's modality."""
    from functools import partial

    from vqspeech.codec.load import load_with_modality
    from vqspeech.codec.speech import SpeechCodec
    from vqspeech.codec.to_files import decode_to_files
    from vqspeech.encoding import decode_table
    from vqspeech.errors import InputError

    chosen = options(seed, temperature, engine, weights, parts)
    modality, loaded = load_with_modality(run)
    table = _read_codes(codes, loaded, prior)
    if not isinstance(loaded, SpeechCodec):
        if speaker is not None:
            raise InputError(f"{loaded.path} is not a model of speech; omit --speaker")
        for path in decode_to_files(modality, loaded, table, out, {"seed": seed, "temperature": temperature}):
            typer.echo(str(path))
        return
    if speaker is None and loaded.speakers:
        raise InputError("speech needs a voice; give --speaker ID, `vqspeech speakers RUN` lists them")
    targets = _targets(table, out)
    work = partial(decode_table, loaded, table, speaker, intonation=intonation)
    speak_to_files("decode", targets, loaded.output_rate, chosen, work)


def _read_codes(path: Path, loaded: Any, prior: str | None) -> CodeTable:
    """Read a table, or a bitstream of a loaded model."""
    from vqspeech.bitstream.files import SUFFIX, is_bitstream_file, read
    from vqspeech.cli.bitstream import load_driver
    from vqspeech.codec.speech import SpeechCodec
    from vqspeech.codes import CodeTable
    from vqspeech.errors import InputError
    from vqspeech.progress import reporter

    if not is_bitstream_file(path) and path.suffix != SUFFIX:
        if prior is not None:
            raise InputError(f"--prior is for bitstreams, and {path} is none; omit it")
        return CodeTable.read(path)
    if not isinstance(loaded, SpeechCodec):
        raise InputError(f"{path} is a bitstream of speech, and {loaded.path} is not a model of speech")
    return read(path, loaded, prior=load_driver(prior), progress=reporter("unpack"))


def _targets(table: CodeTable, out: Path) -> list[Path]:
    """Return the file of each row: one in a folder, or the given file for a single row."""
    from vqspeech.errors import InputError

    if not names_speech(out):
        return table.files(out, ".wav")
    if len(table) != 1:
        raise InputError(f"{len(table)} recordings cannot all go to {out}; give a folder as --out")
    return [out]
