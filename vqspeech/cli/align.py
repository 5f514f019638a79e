"""``vqspeech align``: align the recordings of a corpus with their texts, into TextGrids."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

_SHOWN = 20


def align(
    corpus: Annotated[str, typer.Argument(help="A registered corpus of speech with texts (vqspeech corpora list).")],
    out: Annotated[Path, typer.Option(help="Folder for the TextGrids; an interrupted call resumes there.")],
    data_dir: Annotated[Path | None, typer.Option(envvar="VQSPEECH_DATA", help="Folder of the corpus.")] = None,
    aligner: Annotated[
        str, typer.Option(help="A registered aligner (vqspeech plugins list --kind aligner).")
    ] = "pocketsphinx",
    dictionary: Annotated[
        Path | None, typer.Option(help="Further pronunciations, a line 'word P H O N E S' for each, as in CMUdict.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Option of the aligner, or corpus.options.KEY; may be repeated."
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one per core.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the reason of every failure.")] = False,
) -> None:
    """Align recordings with their texts; write the words and phones as TextGrids.

    `vqspeech analyze phonemes --alignments` reads them.
    """
    from vqspeech.config import CorpusConfig, override, parse
    from vqspeech.corpora.reading import check_corpus, read_corpus
    from vqspeech.corpora.textgrids import align_corpus
    from vqspeech.progress import reporter

    given = {} if dictionary is None else {"dictionary": str(dictionary.absolute())}
    values = override(given, settings or [])
    config = parse(CorpusConfig, {**values.pop("corpus", {}), "name": corpus}, "corpus.")
    check_corpus(config, "audio")
    speech = read_corpus(config, data_dir)
    done = align_corpus(speech, aligner, out, options=values, workers=workers, progress=reporter("align"))
    failed = {**speech.skipped, **done.failed}
    if as_json:
        facts = {"aligner": aligner, "corpus": speech.variant, "out": str(out), **asdict(done), "failed": failed}
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    for key, why in list(failed.items())[:_SHOWN]:
        print(f"not aligned: {key}: {why}", file=sys.stderr)
    if len(failed) > _SHOWN:
        print(f"... and {len(failed) - _SHOWN} more; --json names all", file=sys.stderr)
    rate = f", {done.speech_s / done.seconds:.0f} times real time" if done.made and done.seconds else ""
    print(
        f"{done.made + done.kept} of {len(speech.utterances)} utterances aligned by {aligner} "
        f"({done.kept} by earlier calls{rate}), {len(failed)} failed, {len(done.without_text)} have no text: {out}"
    )
