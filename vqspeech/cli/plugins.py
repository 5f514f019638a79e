"""``vqspeech plugins list | show | doctor | new``: inspect, diagnose and create plugins."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vqspeech.errors import InputError, unknown_name
from vqspeech.registry import contracts, lookup
from vqspeech.registry import host as hosts
from vqspeech.registry.contracts import CONTRACTS
from vqspeech.registry.hookspecs import HOOKS
from vqspeech.registry.host import Host
from vqspeech.registry.records import Entry
from vqspeech.registry.specs import Spec

app = typer.Typer(help="List, show, diagnose and create plugins.", add_completion=False, no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_plugins(
    kind: Annotated[str | None, typer.Option(help=f"Only one kind: {', '.join(HOOKS)}.")] = None,
    as_json: AsJson = False,
) -> None:
    """List all registered names."""
    kinds = [kind] if kind else list(HOOKS)
    entries = [entry for each in kinds for entry in lookup.entries(each)]
    clashing = {(each, name) for each, name, _ in hosts.current().conflicts()}
    if as_json:
        print(json.dumps([_row(entry, clashing) for entry in entries], indent=2))
        return
    rows = [(e.spec.kind, _shown(e, clashing), str(e.provider), e.spec.summary) for e in entries]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))
    off = hosts.current().disabled
    if off:
        print(f"switched off: {', '.join(str(provider) for provider in off)}")


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="A name, or distribution/name.")], as_json: AsJson = False) -> None:
    """Show the kinds, distributions and options of a registered name."""
    distribution, _, plain = name.rpartition("/")
    entries = [entry for kind in HOOKS for entry in lookup.entries(kind)]
    matches = [e for e in entries if e.spec.name == plain and distribution in ("", e.provider.distribution)]
    matches = matches or [e for e in entries if name in (e.provider.distribution, e.provider.plugin)]
    if not matches:
        known = {entry.spec.name for entry in entries} | {entry.provider.distribution for entry in entries}
        raise unknown_name("name", name, known, "`vqspeech plugins list` shows all.")
    clashing = {(kind, clash) for kind, clash, _ in hosts.current().conflicts()}
    if as_json:
        print(json.dumps([_row(entry, clashing) | {"options": _options(entry)} for entry in matches], indent=2))
        return
    print("\n\n".join(_described(entry, clashing) for entry in matches))


@app.command("doctor")
def doctor(as_json: AsJson = False) -> None:
    """Show import time and failures of each plugin; load every registered model.

    Exits with code 1 after any failure.
    """
    host = hosts.current()
    host.probe()
    host.probe_targets()
    _probe_models(host)
    conflicts = host.conflicts()
    print(json.dumps(_diagnosis(host), indent=2) if as_json else "\n".join(_findings(host)))
    if host.failures or conflicts:
        raise typer.Exit(1)


@app.command("new")
def new(
    kind: Annotated[str, typer.Argument(help=f"What it adds: {', '.join(HOOKS)}.")],
    name: Annotated[str, typer.Argument(help="Its registered name, for example my-vq.")],
    out: Annotated[Path, typer.Option(help="Existing folder to write vqspeech-NAME into.")] = Path("."),
) -> None:
    """Create a plugin.

    It is a complete distribution with a module, its tests and a README.
    """
    from vqspeech.scaffold import write_plugin

    if not out.is_dir():
        raise InputError(f"--out {str(out)!r} is not a folder; give an existing one, vqspeech-NAME is created inside")
    folder = write_plugin(kind, name, out)
    print(f"wrote {folder}. Next:\n  pip install -e '{folder}[dev]'\n  pytest {folder}")


def _probe_models(host: Host) -> None:
    """Load every registered model, and record those that cannot be used."""
    for plugin in host.plugins:
        # Targets that cannot be imported are known, and importing them may hang.
        if any(failure.stage == "target" for failure in plugin.failures):
            continue
        for entry in plugin.entries.get("pretrained", ()):
            # Loading imports torch.
            from vqspeech.codec.pretrained import problem

            if found := problem(entry):
                plugin.fail("target", "PluginError", found)


def _shown(entry: Entry[Spec], clashing: set[tuple[str, str]]) -> str:
    clashes = (entry.spec.kind, entry.spec.name) in clashing and entry.provider.distribution != "vqspeech"
    return entry.qualified if clashes else entry.spec.name


def _row(entry: Entry[Spec], clashing: set[tuple[str, str]]) -> dict[str, Any]:
    spec = entry.spec
    row: dict[str, Any] = {"kind": spec.kind, "use_as": _shown(entry, clashing)}
    row |= {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    row["target"] = spec.target if isinstance(spec.target, str) else repr(spec.target)
    provider = entry.provider
    return row | {"distribution": provider.distribution, "version": provider.version, "plugin": provider.plugin}


def _described(entry: Entry[Spec], clashing: set[tuple[str, str]]) -> str:
    row = _row(entry, clashing)
    lines = [f"{row.pop('kind')} {row.pop('name')}: {row.pop('summary')}"]
    for key, value in row.items():
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        if text and value is not None:
            lines.append(f"  {key.replace('_', ' ')}: {text}")
    options = _options(entry)
    lines += ["  options:", *(f"    {option}" for option in options)] if options else []
    return "\n".join(lines)


def _options(entry: Entry[Spec]) -> list[str]:
    """Describe the options of a target; empty for commands and targets that cannot be loaded."""
    contract = CONTRACTS.get(entry.spec.kind)
    if contract is None or not contract.options or contracts.problem(entry) or lookup.missing_requirements(entry.spec):
        return []
    return [str(option) for option in contracts.options(entry).declared.values()]


def _findings(host: Host) -> list[str]:
    lines = []
    for plugin in host.plugins:
        state = "broken" if plugin.failures else "ok"
        count = sum(len(entries) for entries in plugin.entries.values())
        lines.append(
            f"{state:<6}  {plugin.provider.plugin or '-'} ({plugin.provider}): {count} registered, "
            f"imported in {plugin.import_seconds * 1000:.0f} ms, hooks: {', '.join(plugin.hooks) or 'none'}"
        )
        lines += [f"        {f.stage}: {f.error}: {f.message}" for f in plugin.failures]
        if plugin.heavy:
            lines.append(
                f"        slow: importing it imports {', '.join(plugin.heavy)}, at every command; "
                "import them where they are used"
            )
    lines += [
        f"off     {provider.plugin or '-'} ({provider}): switched off by the environment" for provider in host.disabled
    ]
    lines += [
        f"absent  {name}: named in VQSPEECH_PLUGINS or VQSPEECH_DISABLE_PLUGINS, not installed" for name in host.absent
    ]
    for kind, name, entries in host.conflicts():
        providers = " and ".join(f"{entry.provider} (as {entry.qualified})" for entry in entries)
        lines.append(f"clash   {kind} {name!r} is registered by {providers}")
    broken = sum(bool(plugin.failures) for plugin in host.plugins)
    clashes = len(host.conflicts())
    lines.append(
        f"{len(host.plugins)} plugins, {broken} broken, {clashes} name conflicts, {len(host.disabled)} switched off"
    )
    if broken:
        lines.append("tracebacks: VQSPEECH_PLUGIN_DEBUG=1 vqspeech plugins list")
    return lines


def _diagnosis(host: Host) -> dict[str, Any]:
    plugins = [
        {
            "plugin": plugin.provider.plugin,
            "distribution": plugin.provider.distribution,
            "version": plugin.provider.version,
            "hooks": list(plugin.hooks),
            "registered": sum(len(entries) for entries in plugin.entries.values()),
            "import_seconds": round(plugin.import_seconds, 4),
            "heavy": list(plugin.heavy),
            "failures": [{"stage": f.stage, "error": f.error, "message": f.message} for f in plugin.failures],
        }
        for plugin in host.plugins
    ]
    conflicts = [
        {"kind": kind, "name": name, "given_by": [entry.qualified for entry in entries]}
        for kind, name, entries in host.conflicts()
    ]
    return {
        "plugins": plugins,
        "conflicts": conflicts,
        "disabled": [str(p) for p in host.disabled],
        "absent": list(host.absent),
    }
