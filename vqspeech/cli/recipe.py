"""``vqspeech recipe list | show | run``: experiments by name."""

from __future__ import annotations

import importlib.resources
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from vqspeech.errors import InputError, unknown_name
from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import CorpusSpec, RecipeSpec

app = typer.Typer(help="Run a whole experiment, from corpus to report.", add_completion=False, no_args_is_help=True)


@app.command("list")
def list_recipes(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the recipes."""
    entries = lookup.entries(RecipeSpec)
    if as_json:
        rows = [_row(entry.spec, str(entry.provider)) for entry in entries]
        print(json.dumps(rows, indent=2))
        return
    width = max(len(entry.spec.name) for entry in entries)
    for entry in entries:
        print(f"{entry.spec.name:<{width}}  {entry.spec.summary}  [{entry.provider}]")


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="The recipe.")]) -> None:
    """Show the stages and presets of a recipe.

    Presets hold the settings that --set changes.
    """
    entry = lookup.find(RecipeSpec, name)
    spec = entry.spec
    print(f"{spec.name}: {spec.summary}\nfrom: {entry.provider}\nstages: {', '.join(spec.stages)}")
    for title, text in _configurations(spec):
        print(f"\n# ---- {title} ----\n{text.rstrip()}")


@app.command("run")
def run(
    name: Annotated[str, typer.Argument(help="The recipe, for example vctk.")],
    corpus: Annotated[
        str, typer.Option(help="Name of the corpus; auto: the recipe's own if its data is found, else demo.")
    ] = "auto",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the corpus.", envvar="VQSPEECH_DATA")] = None,
    out: Annotated[Path | None, typer.Option(help="Directory of the run.", show_default="runs/NAME")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; repeatable. preset=NAME selects a preset."),
    ] = None,
    stages: Annotated[str | None, typer.Option(help="Run only these stages, separated by commas.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete what an earlier run made, and start over.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random numbers.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file instead of the recipe's own.")] = None,
) -> None:
    """Run a recipe, or continue it where it stopped."""
    from vqspeech.experiments.request import RecipeOutcome, RecipeRequest
    from vqspeech.runs import locked

    entry = lookup.find(RecipeSpec, name)
    spec = entry.spec
    out = out if out is not None else Path("runs") / spec.name
    _check_data(corpus, data_dir)
    if config is not None and not config.is_file():
        raise InputError(
            f"--config {str(config)!r} is not a file; `vqspeech recipe show {spec.name}` prints one to start from"
        )
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {str(out)!r} is a file; give a new folder, or one of an earlier run")
    request = RecipeRequest(
        name=spec.name,
        out=out,
        corpus=corpus,
        data_dir=data_dir,
        overrides=tuple(_checked_settings(settings or [])),
        stages=_checked_stages(spec, stages),
        fresh=fresh,
        seed=seed,
        config=config,
    )
    with locked(out):
        outcome: RecipeOutcome = contracts.call(entry, request)
    if outcome.message:
        print(outcome.message)
    if outcome.report is not None:
        print(outcome.report)


def _row(spec: RecipeSpec, provider: str) -> dict[str, object]:
    return {"name": spec.name, "summary": spec.summary, "stages": list(spec.stages), "provider": provider}


def _check_data(corpus: str, data_dir: Path | None) -> None:
    spec = None if corpus == "auto" else lookup.spec(CorpusSpec, corpus)
    if spec is not None and not spec.needs_data_dir:
        return
    if data_dir is not None and not data_dir.is_dir():
        given = "VQSPEECH_DATA" if os.environ.get("VQSPEECH_DATA") == str(data_dir) else "--data-dir"
        raise InputError(f"{given} {str(data_dir)!r} is not a folder; give the folder of the corpus")
    if spec is not None and data_dir is None:
        raise InputError(
            f"corpus {corpus!r} needs a folder: give --data-dir DIR, or set VQSPEECH_DATA. Without data: --corpus demo"
        )


def _checked_stages(spec: RecipeSpec, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    requested = [stage.strip() for stage in text.split(",") if stage.strip()]
    if not requested:
        raise InputError(f"--stages names no stage; stages of recipe {spec.name!r}: {', '.join(spec.stages)}")
    for stage in requested:
        if stage not in spec.stages:
            raise unknown_name(
                f"stage of recipe {spec.name!r}:",
                stage,
                spec.stages,
                f"Running order: {', '.join(spec.stages)}.",
            )
    return tuple(stage for stage in spec.stages if stage in requested)


def _checked_settings(settings: list[str]) -> list[str]:
    for setting in settings:
        key, equals, _ = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {setting!r} is not KEY=VALUE; for example --set train.steps=1000")
    return settings


def _configurations(spec: RecipeSpec) -> list[tuple[str, str]]:
    """Return name and text of the recipe's presets, the TOML files beside its module."""
    if not isinstance(spec.target, str):
        return []
    package = spec.target.partition(":")[0].rpartition(".")[0]
    try:
        files = [item for item in importlib.resources.files(package).iterdir() if item.name.endswith(".toml")]
    except (ImportError, OSError, ValueError, TypeError):
        return []
    return [(item.name, item.read_text(encoding="utf-8")) for item in sorted(files, key=lambda item: item.name)]
