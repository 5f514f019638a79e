"""Registered analyses as stages of an experiment, and their sections on its page."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vqspeech.analysis.contract import AnalysisContext
from vqspeech.analysis.running import check_options, find_analysis, run_analysis
from vqspeech.analysis.summary import numbers
from vqspeech.errors import ConfigError, InputError, PluginError, unknown_name
from vqspeech.experiments.engine import Result, Results, Stage, say
from vqspeech.registry import lookup
from vqspeech.registry.specs import AnalysisSpec
from vqspeech.report import Section, Table
from vqspeech.report.data import section_from_data, section_to_data
from vqspeech.runs import RunDirectory
from vqspeech.runs.made import remove_made

GROUP = "analyze"
"""The name that ``--stages`` uses for all analyses."""


def check_analyses(names: Sequence[str], options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of each requested analysis.

    Parameters
    ----------
    names : the setting ``analyses``
    options : the tables ``[analysis.NAME]``

    Raises
    ------
    InputError : for an unknown analysis, options of one that is not requested, or options that it does not have
    """
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f'analyses = {names!r}; a list of names of analyses, for example ["phonemes"]')
    for name in names:
        find_analysis(name)
    for name, table in options.items():
        if name not in names:
            raise unknown_name("analysis under [analysis]:", name, names, "The setting `analyses` lists them.")
        if not isinstance(table, Mapping):
            raise ConfigError(f"analysis.{name} = {table!r}; a table of options")
    for name in names:
        check_options(find_analysis(name), options.get(name, {}), f"analysis.{name}.")
    return {name: dict(options.get(name, {})) for name in names}


def analysis_stages(
    analyses: Mapping[str, Mapping[str, Any]],
    context: Callable[[], AnalysisContext],
    run: RunDirectory,
    *,
    after: tuple[str, ...],
) -> tuple[Stage, ...]:
    """Return a stage for each analysis; their group is ``analyze``.

    Parameters
    ----------
    analyses : name -> options, from `check_analyses`
    context : function that makes their context, without a folder
    run : each analysis writes into a folder of its own there
    after : the stages that `context` needs
    """

    def stage(name: str, options: Mapping[str, Any]) -> Stage:
        return Stage(
            name=f"{GROUP}/{name}",
            group=GROUP,
            work=lambda made: _analyse(name, options, context(), run),
            after=after,
            config={
                "options": dict(options),
                "provider": str(lookup.provider(AnalysisSpec, name)),
                "source": _source(find_analysis(name).spec),
            },
        )

    return tuple(stage(name, options) for name, options in analyses.items())


def _source(spec: AnalysisSpec) -> str:
    """Return a hash of the analysis's code: of its module, and of those beside it in a package.

    It repeats an analysis whose code has changed without a new version.
    """
    module = spec.target.partition(":")[0] if isinstance(spec.target, str) else spec.target.__module__
    module_spec = importlib.util.find_spec(module)
    origin = Path(module_spec.origin) if module_spec is not None and module_spec.origin is not None else None
    if origin is None or not origin.is_file():
        return ""
    files = sorted(origin.parent.glob("*.py")) if "." in module else [origin]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _analyse(name: str, options: Mapping[str, Any], context: AnalysisContext, run: RunDirectory) -> Result:
    folder = run.analyses / name
    remove_made(folder, f"{run.analyses.name}/{name}")
    try:
        result = run_analysis(find_analysis(name), replace(context, out=folder), options)
    except PluginError:
        raise
    except InputError as error:
        say(f"analysis {name!r} was not computed: {error}")
        return {"summary": None, "reason": str(error), "notes": [], "sections": []}
    return {
        "summary": result.summary,
        "reason": None,
        "notes": list(result.notes),
        "sections": [section_to_data(one, folder) for one in result.sections],
    }


def analysis_results(made: Results) -> dict[str, Result]:
    """Return the results of all analyses by name: ``summary``, and ``reason`` where there is none."""
    return {name.partition("/")[2]: result for name, result in made.items() if name.startswith(f"{GROUP}/")}


def analysis_sections(made: Results, run: RunDirectory) -> tuple[Section, ...]:
    """Return the sections of all analyses; one without sections gets a table of its numbers."""
    sections: list[Section] = []
    for name, result in analysis_results(made).items():
        if result["summary"] is None:
            sections.append(Section(title=f"Analysis {name}", text=f"Not computed: {result['reason']}."))
            continue
        own = [section_from_data(data, run.analyses / name) for data in result["sections"]]
        own = own or [_numbers(name, result["summary"])]
        if result["notes"]:
            own[0] = replace(own[0], text="\n\n".join([own[0].text, *result["notes"]]))
        sections += own
    return tuple(sections)


def _numbers(name: str, summary: Mapping[str, Any]) -> Section:
    rows = tuple(numbers(summary).items())
    return Section(title=f"Analysis {name}", tables=(Table(columns=("measure", "value"), rows=rows),))
