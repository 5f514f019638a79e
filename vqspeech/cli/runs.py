"""``vqspeech info`` and ``vqspeech speakers``: describe a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Run or checkpoint directory.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def info(run: Run, as_json: AsJson = False) -> None:
    """Describe a checkpoint: configuration, steps, speakers, plugins, validation."""
    from vqspeech.checkpoints.store import describe
    from vqspeech.runs import RunDirectory
    from vqspeech.training.metrics import read_metrics

    path, facts = describe(run)
    rows = [row for row in read_metrics(RunDirectory.of_checkpoint(path).metrics) if row["split"] == "valid"]
    facts = {"checkpoint": str(path), **facts, "validation": rows[-1] if rows else None}
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    corpus, plugins = facts.get("corpus", {}), facts["plugins"]
    lines = {
        "checkpoint": f"{path} (step {facts['step']}, format {facts['format']}, vqspeech {facts['vqspeech']})",
        "corpus": corpus.get("variant", "unknown") + (" (synthetic)" if corpus.get("synthetic") else ""),
    }
    if "codes" in facts:
        source = facts["codes"]["source"]
        lines["codes of"] = f"{source['run']} (codebook {source['codebook'][:12]})"
    if facts["speakers"]:
        lines["speakers"] = f"{len(facts['speakers'])}, see `vqspeech speakers {run}`"
    # Models of any modality: a line per table, and one for all single values.
    for name, value in facts["model"].items():
        if isinstance(value, dict):
            lines[name] = json.dumps(value)
    single = {name: value for name, value in facts["model"].items() if not isinstance(value, dict)}
    lines["model"] = json.dumps(single)
    for kind, origin in plugins.items():
        lines[kind] = f"{lines.get(kind, origin['name'])} by {origin['distribution']} {origin['version']}"
    if facts.get("decoder_path"):
        lines["decoder path"] = facts["decoder_path"]
    lines["validation"] = json.dumps(facts["validation"])
    for name, text in lines.items():
        typer.echo(f"{name:12} {text}")


def speakers(run: Run, as_json: AsJson = False) -> None:
    """List the speakers of a run."""
    from vqspeech.checkpoints.store import describe
    from vqspeech.errors import InputError

    path, facts = describe(run)
    names = facts["speakers"]
    if not names and not as_json:
        modality = facts.get("plugins", {}).get("modality", {}).get("name", "audio")
        raise InputError(f"{path} has no speakers; it is a model of the modality {modality!r}")
    typer.echo(json.dumps(names) if as_json else "\n".join(names))
