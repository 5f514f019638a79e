"""Registered analyses as stages of an experiment, and their sections on its page."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqspeech.alignment.base import Alignment
from vqspeech.codes import CodeTable
from vqspeech.errors import ConfigError, InputError, unknown_name
from vqspeech.experiments.engine import Result, Results, Stage
from vqspeech.model import Checkpoint
from vqspeech.registry import lookup
from vqspeech.registry.specs import AnalysisSpec
from vqspeech.report import Section, Table
from vqspeech.report.data import section_from_data, section_to_data
from vqspeech.runs import RunDirectory

GROUP = "analyze"
"""The name that ``--stages`` uses for all analyses."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AnalysisInputs:
    """What an analysis is given.

    Parameters
    ----------
    checkpoint : the model
    table : the codes
    alignments : utterance id -> alignment, where there is one
    waveform_of : utterance id -> waveform (time,) at the table's rate
    trained_on : waveforms of the training audio
    seed : of baselines and intervals
    """

    checkpoint: Checkpoint
    table: CodeTable
    alignments: Mapping[str, Alignment]
    waveform_of: Callable[[str], np.ndarray]
    trained_on: Iterable[np.ndarray]
    seed: int


def check_analyses(names: Sequence[str], options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of each requested analysis.

    Parameters
    ----------
    names : the setting ``analyses``
    options : the tables ``[analysis.NAME]``

    Raises
    ------
    InputError : for an unknown analysis, or options of one that is not requested
    """
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f'analyses = {names!r}; a list of names of analyses, for example ["phonemes"]')
    for name in names:
        lookup.spec(AnalysisSpec, name)
    for name, table in options.items():
        if name not in names:
            raise unknown_name("analysis under [analysis]:", name, names, "The setting `analyses` lists them.")
        if not isinstance(table, Mapping):
            raise ConfigError(f"analysis.{name} = {table!r}; a table of options")
    return {name: dict(options.get(name, {})) for name in names}


def analysis_stages(
    analyses: Mapping[str, Mapping[str, Any]],
    inputs: Callable[[], AnalysisInputs],
    run: RunDirectory,
    *,
    after: tuple[str, ...],
) -> tuple[Stage, ...]:
    """Return a stage for each analysis; their group is ``analyze``.

    Parameters
    ----------
    analyses : name -> options, from `check_analyses`
    inputs : makes what they are given
    run : each analysis writes into a folder of its own there
    after : the stages that `inputs` needs
    """

    def stage(name: str, options: Mapping[str, Any]) -> Stage:
        return Stage(
            name=f"{GROUP}/{name}",
            group=GROUP,
            work=lambda made: _analyse(name, options, inputs(), run),
            after=after,
            config={"options": dict(options), "provider": str(lookup.provider(AnalysisSpec, name))},
        )

    return tuple(stage(name, options) for name, options in analyses.items())


def _analyse(name: str, options: Mapping[str, Any], inputs: AnalysisInputs, run: RunDirectory) -> Result:
    analyse, folder = lookup.get(AnalysisSpec, name), run.analyses / name
    shutil.rmtree(folder, ignore_errors=True)
    extra = {"model": inputs.checkpoint, "trained_on": inputs.trained_on}
    parameters = inspect.signature(analyse).parameters.values()
    every = any(one.kind is one.VAR_KEYWORD for one in parameters)
    extra = {key: value for key, value in extra.items() if every or key in {one.name for one in parameters}}
    try:
        summary = analyse(
            inputs.table, inputs.alignments, inputs.waveform_of, out=folder, seed=inputs.seed, **extra, **options
        )
    except InputError as error:
        return {"summary": None, "reason": str(error), "sections": []}
    sections: list[Section] = []
    if name == "phonemes":
        from vqspeech.analysis.phonemes.section import section

        sections = [section(summary, folder)]
    return {"summary": summary, "reason": None, "sections": [section_to_data(one, folder) for one in sections]}


def analysis_results(made: Results) -> dict[str, Result]:
    """Return the results of all analyses by name: ``summary``, and ``reason`` where there is none."""
    return {name.partition("/")[2]: result for name, result in made.items() if name.startswith(f"{GROUP}/")}


def analysis_sections(made: Results, run: RunDirectory) -> tuple[Section, ...]:
    """Return the sections of all analyses; one without sections gets a table of its numbers."""
    sections: list[Section] = []
    for name, result in analysis_results(made).items():
        if result["summary"] is None:
            sections.append(Section(title=f"Analysis {name}", text=f"Not computed: {result['reason']}."))
        elif result["sections"]:
            sections += [section_from_data(data, run.analyses / name) for data in result["sections"]]
        else:
            sections.append(_numbers(name, result["summary"]))
    return tuple(sections)


def _numbers(name: str, summary: Mapping[str, Any]) -> Section:
    rows = tuple((key, value) for key, value in summary.items() if isinstance(value, str | int | float))
    return Section(title=f"Analysis {name}", tables=(Table(columns=("measure", "value"), rows=rows),))
