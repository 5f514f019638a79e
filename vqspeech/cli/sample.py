"""``vqspeech sample``: draw codes from a prior and decode them by the run of the codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vqspeech.cli.arguments import Run
from vqspeech.cli.sampling import Seed, Temperature, names_speech, speak_to_files


def sample(
    run: Run,
    prior: Annotated[
        list[str], typer.Option(metavar="PRIOR", help="Run of a prior over the codes of RUN; one for each level.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; or a file, when --count is 1.")],
    count: Annotated[int, typer.Option(min=1, help="Items to draw.")] = 1,
    seconds: Annotated[
        float | None, typer.Option(help="Duration of each item without the prompt, for speech and other sequences.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames of each item, instead of --seconds.")] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option("--speaker", "--class", metavar="ID", help="Speaker or class; several alternate."),
    ] = None,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    top_p: Annotated[
        float, typer.Option(help="Draw from the likeliest codes, which have this share of the probability.")
    ] = 1.0,
    prompt: Annotated[
        Path | None, typer.Option(metavar="AUDIO", help="Recording to go on from; it begins every item.")
    ] = None,
    codes: Annotated[Path | None, typer.Option(help="Also write the codes as a table (.parquet).")] = None,
) -> None:
    """Draw codes from a prior and decode them.

    Train a prior with `vqspeech train prior.toml --data-dir RUN-or-CODES.parquet --out PRIOR`; prior.toml has
    modality = "codes".
    """
    from functools import partial

    from vqspeech import audio
    from vqspeech.claims import claimed
    from vqspeech.codec.load import load_with_modality
    from vqspeech.codec.prompt import prompt_of
    from vqspeech.codec.speech import SpeechCodec
    from vqspeech.codec.to_files import decode_to_files
    from vqspeech.encoding import decode_table
    from vqspeech.encoding.places import require_table
    from vqspeech.errors import InputError
    from vqspeech.generation import fitted, frames_of, generate, item_ids, require_priors
    from vqspeech.nn.decoders.protocol import SpeakOptions
    from vqspeech.progress import reporter
    from vqspeech.training.codes import load_prior

    if seconds is not None and frames is not None:
        raise InputError("--seconds and --frames exclude each other; give one of them")
    modality, loaded = load_with_modality(run)
    to_file = names_speech(out) if isinstance(loaded, SpeechCodec) else bool(out.suffix) and not out.is_dir()
    if to_file and count > 1:
        raise InputError(f"--out {out} is a file, and --count {count} makes several; give a folder")
    if codes is not None and codes.suffix != ".parquet":
        raise InputError(f"--codes {str(codes)!r}: codes are written as .parquet; give such a file")
    name = out.stem if to_file else "sample"
    targets = [out] if to_file else [out / f"{one}.wav" for one in item_ids(name, count)]
    # Before anything is drawn, and again before it is written.
    if codes is not None:
        require_table(codes)
    if isinstance(loaded, SpeechCodec):
        for target in targets:
            audio.require_replaceable(target)
    found = [load_prior(path) for path in prior]
    loaded = fitted(loaded, found)
    priors = require_priors(loaded, found)
    if seconds is not None:
        frames = frames_of(priors[0], seconds)
    begin = None
    if prompt is not None:
        if not isinstance(loaded, SpeechCodec):
            raise InputError(f"--prompt {prompt}: {loaded.path} is not a model of speech; omit it")
        voice = condition[0] if condition and condition[0] in loaded.speakers else None
        begin = prompt_of(loaded, prompt, pitch=priors[0].pitch > 0, speaker=voice)
    table = generate(
        loaded,
        priors,
        count,
        frames=frames,
        conditions=condition or (),
        seed=seed,
        temperature=temperature,
        top_p=top_p,
        prompt=begin,
        name=name,
    )
    if codes is not None:
        with claimed([codes]):
            require_table(codes)
            table.write(codes)
        typer.echo(str(codes))
    if isinstance(loaded, SpeechCodec):
        chosen = SpeakOptions(seed=seed, temperature=temperature)
        # Written while it is generated, so that hours fit into memory.
        speak_to_files("decode", targets, loaded.output_rate, chosen, partial(decode_table, loaded, table, None))
        return
    options: dict[str, Any] = {"seed": seed, "temperature": temperature, "progress": reporter("decode")}
    for path in decode_to_files(modality, loaded, table, out, options, single=to_file):
        typer.echo(str(path))
