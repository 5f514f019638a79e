"""``vqspeech info``: describe a run."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from vqspeech.cli.arguments import Run

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def info(run: Run, as_json: AsJson = False) -> None:
    """Describe a checkpoint: configuration, steps, speakers, plugins, validation."""
    from vqspeech.checkpoints.description import describe
    from vqspeech.runs import RunDirectory
    from vqspeech.training.metrics import read_metrics
    from vqspeech.untrusted import printable

    path, facts = describe(run)
    run_directory = RunDirectory.of_checkpoint(path)
    # A published model is in no run; what lies beside it is not its own.
    metrics = read_metrics(run_directory.metrics) if path.absolute().parent == run_directory.checkpoints else []
    rows = [row for row in metrics if row["split"] == "valid"]
    facts = {"checkpoint": str(path), **facts, "validation": rows[-1] if rows else None}
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    corpus, plugins = facts.get("corpus") or {}, facts["plugins"]
    lines = {
        "checkpoint": f"{path} (step {facts['step']}, format {facts['format']}, vqspeech {facts['vqspeech']})",
        "corpus": (corpus.get("variant") or "unknown") + (" (synthetic)" if corpus.get("synthetic") else ""),
    }
    if facts.get("codes"):
        source = facts["codes"]["source"]
        lines["codes of"] = f"{source.get('run')} (codebook {str(source.get('codebook'))[:12]})"
    if facts.get("codes_from"):
        source = facts["codes_from"]
        lines["codes from"] = f"{source['model']} (codebook {source['codebook'][:12]})"
    if facts["speakers"]:
        lines["speakers"] = f"{len(facts['speakers'])}, see `vqspeech speakers {run}`"
    # Models of any modality: a line per table, and one for all single values.
    for name, value in facts["model"].items():
        if isinstance(value, dict):
            lines[name] = _settings(value)
    single = {name: value for name, value in facts["model"].items() if not isinstance(value, dict)}
    lines["model"] = _settings(single)
    for kind, origin in plugins.items():
        lines[kind] = f"{lines.get(kind, origin['name'])} by {origin['distribution']} {origin['version']}"
    if facts.get("decoder_path"):
        lines["decoder path"] = facts["decoder_path"]
    lines["validation"] = _settings(facts["validation"]) if facts["validation"] else "none"
    for name, text in lines.items():
        wrapped = textwrap.wrap(printable(text), 100, break_long_words=False, break_on_hyphens=False)
        typer.echo(f"{printable(name):12} " + ("\n" + 13 * " ").join(wrapped))


def _settings(table: Mapping[str, Any]) -> str:
    """Format a table as ``key=value, ...``; keys of nested tables are dotted."""
    return ", ".join(_pairs(table, ""))


def _pairs(table: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _pairs(value, f"{prefix}{key}.")
        elif value not in (None, ""):
            yield f"{prefix}{key}={value:.4g}" if isinstance(value, float) else f"{prefix}{key}={value}"
