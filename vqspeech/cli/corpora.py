"""``vqspeech corpora list | check | prepare | verify | download``: find and prepare corpora."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vqspeech.config import CorpusConfig
    from vqspeech.corpora.base import Corpus

app = typer.Typer(help="List, check, prepare and download corpora.", add_completion=False, no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Named = Annotated[
    str, typer.Argument(help="A registered corpus (vqspeech corpora list), or CONFIG.toml with a table corpus.")
]
_SHOWN_FILES = 20


@app.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """List all corpora with their licences."""
    from vqspeech.registry import lookup
    from vqspeech.registry.specs import CorpusSpec

    specs = lookup.specs(CorpusSpec)
    fields = ("name", "licence", "summary", "homepage", "needs_data_dir", "media")
    if as_json:
        print(json.dumps([{field: getattr(spec, field) for field in fields} for spec in specs], indent=2))
        return
    widths = [max((len(getattr(spec, field)) for spec in specs), default=0) for field in fields[:2]]
    for spec in specs:
        print(f"{spec.name.ljust(widths[0])}  {spec.licence.ljust(widths[1])}  {spec.summary}")


@app.command("check")
def check(
    name: Named,
    data_dir: Annotated[Path | None, typer.Option(envvar="VQSPEECH_DATA", help="Folder of the corpus.")] = None,
    mic: Annotated[str | None, typer.Option(help="VCTK 0.92 only: mic1 or mic2.")] = None,
    split_by: Annotated[
        str | None, typer.Option(help="utterance (default), speaker (disjoint speakers) or text (disjoint sentences).")
    ] = None,
    speakers: Annotated[str | None, typer.Option(help="A number, or names with commas.")] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Decode every file, not only its header.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read a corpus and describe it.

    Shows its variant, speakers, utterances, hours and skipped files.
    """
    from vqspeech.corpora.reading import read_corpus
    from vqspeech.errors import CorpusError

    config = _config(name)
    media = _media(config.name)
    if media != "audio":
        _check_other_media(read_corpus(config, data_dir, media), as_json)
        return
    options: dict[str, Any] = {"split_by": split_by} if split_by is not None else {}
    if mic is not None:
        options["mic"] = mic
    if speakers is not None:
        options["speakers"] = int(speakers) if speakers.isdigit() else [s.strip() for s in speakers.split(",")]
    corpus = read_corpus(replace(config, options=config.options | options), data_dir)
    undecodable = _decode_everything(corpus) if deep else {}
    facts = _facts(corpus, undecodable, deep)
    print(json.dumps(facts, indent=2, ensure_ascii=False) if as_json else _described(facts))
    if len(undecodable) == len(corpus.utterances):
        raise CorpusError(f"none of the {len(corpus.utterances)} files in {corpus.root} can be decoded")


@app.command("prepare")
def prepare(
    name: Named,
    out: Annotated[Path, typer.Option(help="Folder of the prepared corpus.")],
    data_dir: Annotated[Path | None, typer.Option(envvar="VQSPEECH_DATA", help="Folder of the recordings.")] = None,
    sample_rate: Annotated[int, typer.Option(min=1, help="Sample rate in Hz.")] = 16000,
    trim_db: Annotated[
        float | None, typer.Option(help="Cut silence at both ends below this level relative to the loudest part.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one per core.")] = None,
) -> None:
    """Decode a corpus once, for `vqspeech encode`.

    An interrupted call resumes.
    """
    from vqspeech.corpora.reading import read_corpus
    from vqspeech.corpora.store import prepare as prepare_store
    from vqspeech.errors import CorpusError
    from vqspeech.progress import Progress

    config = _config(name)
    if (media := _media(config.name)) != "audio":
        raise CorpusError(
            f"the corpus {config.name!r} holds {media}, not recordings; "
            "`vqspeech train` prepares it in the run's folder"
        )
    corpus = read_corpus(config, data_dir)
    progress = Progress("prepare", len(corpus.utterances))
    store = prepare_store(
        corpus,
        out,
        sample_rate=sample_rate,
        workers=workers,
        trim_db=config.trim_db if trim_db is None else trim_db,
        progress=lambda done, total: progress.update(done),
    )
    for path, reason in store.corpus.skipped.items():
        print(f"skipped {path}: {reason}", file=sys.stderr)
    for note in store.corpus.notes[len(corpus.notes) :]:
        print(note, file=sys.stderr)
    print(
        f"{len(store.rows)} utterances of {len(store.speakers)} speakers, {store.duration_s / 3600:.2f} h, "
        f"{len(store.corpus.skipped)} skipped: {out}"
    )


@app.command("verify")
def verify(store: Annotated[Path, typer.Argument(metavar="STORE", help="A prepared corpus.")]) -> None:
    """Read a prepared corpus and verify every checksum."""
    from vqspeech.corpora.store import AudioStore

    opened = AudioStore.open(store, verify=True)
    print(f"{store} is intact: {len(opened.rows)} utterances, {opened.duration_s / 3600:.2f} h")


@app.command("download")
def download(
    name: Annotated[str, typer.Argument(help="vctk")],
    data_dir: Annotated[Path, typer.Option(help="Folder for the corpus.")],
    keep_archive: Annotated[bool, typer.Option("--keep-archive", help="Keep the zip beside the corpus.")] = False,
) -> None:
    """Download VCTK 0.92 (11 GB, CC BY 4.0).

    An interrupted download resumes.
    """
    from vqspeech.corpora import download as downloads
    from vqspeech.errors import unknown_name

    if name != "vctk":
        raise unknown_name(
            "corpus to download", name, ["vctk"], "Others come from their owners; see vqspeech corpora list --json."
        )
    target = downloads.download_vctk(data_dir, progress=_download_progress(), keep_archive=keep_archive)
    print(target)


def _config(name: str) -> CorpusConfig:
    """Return the configuration of a named corpus, or the table ``corpus`` of a TOML file."""
    from vqspeech.config import CorpusConfig, parse, read_toml

    if not name.endswith(".toml"):
        return CorpusConfig(name=name)
    return parse(CorpusConfig, read_toml(Path(name)).get("corpus", {}), "corpus.")


def _media(name: str) -> str:
    from vqspeech.registry import lookup
    from vqspeech.registry.specs import CorpusSpec

    return lookup.spec(CorpusSpec, name).media


def _check_other_media(corpus: Any, as_json: bool) -> None:
    """Print a corpus of other media than speech; see `vqspeech.registry.specs.CorpusSpec`."""
    skipped = dict(corpus.skipped)
    facts = {
        "corpus": corpus.name,
        "root": str(corpus.root),
        "variant": corpus.variant,
        **corpus.counts,
        "skipped": skipped,
        "notes": list(corpus.notes),
    }
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    lines = [f"corpus      {corpus.name}: {corpus.variant}", f"folder      {corpus.root}"]
    lines += [f"{unit:11} {count}" for unit, count in corpus.counts.items()]
    lines += _skipped_lines(f"skipped     {len(skipped)} files", skipped)
    print("\n".join([*lines, *(f"note        {note}" for note in corpus.notes)]))


def _skipped_lines(head: str, skipped: Mapping[str, str]) -> list[str]:
    lines = [head, *(f"  {path}: {reason}" for path, reason in list(skipped.items())[:_SHOWN_FILES])]
    if len(skipped) > _SHOWN_FILES:
        lines.append(f"  ... and {len(skipped) - _SHOWN_FILES} more; --json lists all")
    return lines


def _decode_everything(corpus: Corpus) -> dict[str, str]:
    from vqspeech import audio
    from vqspeech.errors import AudioError

    broken: dict[str, str] = {}
    for utterance in corpus.utterances:
        try:
            samples = audio.read(utterance.path)
        except AudioError as error:
            shown = audio.shown_path(utterance.path)
            broken[shown] = str(error).removeprefix(f"{shown}: ")
        else:
            if not abs(samples).max() > 2**-15:
                broken[str(utterance.path)] = "holds only silence"
    return broken


def _facts(corpus: Corpus, undecodable: dict[str, str], deep: bool) -> dict[str, Any]:
    from vqspeech.alignment.inventories import label_counts, label_doubts
    from vqspeech.corpora.base import SPLITS

    aligned = {one.id: one.alignment for one in corpus.utterances if one.alignment is not None}
    # The labels of a synthesiser are its own and known to be phones.
    doubts = () if corpus.synthetic else label_doubts(aligned)
    return {
        "corpus": corpus.name,
        "root": str(corpus.root),
        "variant": corpus.variant,
        "synthetic": corpus.synthetic,
        "speakers": list(corpus.speakers),
        "utterances": len(corpus.utterances),
        "splits": {split: len(corpus.split(split)) for split in SPLITS},
        "hours": round(corpus.duration_s / 3600, 4),
        "with_text": sum(utterance.text is not None for utterance in corpus.utterances),
        "with_alignment": len(aligned),
        "phone_labels": len(label_counts(aligned.values())),
        "decoded": deep,
        "skipped": {**corpus.skipped, **undecodable},
        "notes": [*corpus.notes, *doubts],
    }


def _described(facts: dict[str, Any]) -> str:
    speakers, skipped = facts["speakers"], facts["skipped"]
    shown = ", ".join(speakers[:12]) + (f", ... ({len(speakers)} in all)" if len(speakers) > 12 else "")
    splits = ", ".join(f"{split} {count}" for split, count in facts["splits"].items())
    phones = f", {facts['phone_labels']} phone labels" if facts["phone_labels"] else ""
    alignments = f"{facts['with_alignment']} of {facts['utterances']} utterances" if facts["with_alignment"] else "none"
    lines = [
        f"corpus      {facts['corpus']}: {facts['variant']}{' (synthetic speech)' if facts['synthetic'] else ''}",
        f"folder      {facts['root']}",
        f"speakers    {len(speakers)}: {shown}",
        f"utterances  {facts['utterances']} ({splits})",
        f"length      {facts['hours']:.2f} h ({facts['hours'] * 60:.1f} min)",
        f"text        {facts['with_text']} of {facts['utterances']} utterances",
        f"alignments  {alignments}{phones}",
    ]
    depth = "" if facts["decoded"] else " (headers only; --deep decodes every file)"
    lines += _skipped_lines(f"skipped     {len(skipped)} files{depth}", skipped)
    return "\n".join([*lines, *(f"note        {note}" for note in facts["notes"])])


def _download_progress() -> Callable[[str, int, int], None]:
    """Return a function that reports progress: an updated line on a terminal, else ten lines."""
    import time

    live = sys.stderr.isatty()
    state: dict[str, Any] = {"stage": "", "tenth": -1, "start": 0.0, "from": 0, "shown": 0.0}

    def show(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != state["stage"]:
            state.update(stage=stage, tenth=-1, start=now, shown=0.0)
            state["from"] = done
        finished = total and done >= total
        tenth = 10 * done // total if total else done // 2**30
        if (live and now - state["shown"] < 0.2 and not finished) or (not live and tenth == state["tenth"]):
            return
        state.update(tenth=tenth, shown=now)
        rate = (done - state["from"]) / max(now - state["start"], 1e-3)
        left = f", {(total - done) / rate / 60:.0f} min left" if total and rate and not finished else ""
        share = f" of {total / 1e9:.2f} GB ({100 * done // total} %)" if total else " GB"
        line = f"{stage}: {done / 1e9:.2f}{share}, {rate / 1e6:.1f} MB/s{left}"
        print(f"\r{line:<78}" if live else line, end="\n" if not live or finished else "", file=sys.stderr, flush=True)

    return show
