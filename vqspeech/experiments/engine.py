"""The engine of recipes, which runs stages in order when their inputs have changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import vqspeech
from vqspeech.errors import InputError, PluginError
from vqspeech.experiments.request import RecipeOutcome, RecipeRequest
from vqspeech.experiments.stamps import inventory, read_stamped, stamp_of, write_stamped
from vqspeech.files import write_json
from vqspeech.report import Report, write_report
from vqspeech.runs import RunDirectory
from vqspeech.training.stopping import Interrupted

Result = dict[str, Any]
Results = Mapping[str, Result]

REPORT = "report"
"""The last stage of every experiment; the engine runs it."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of an experiment.

    A stage runs when it has no result yet, when its `config` or a result it is made from has changed, or when one of
    its `files`, or a file that it left in a folder of them, is missing or of another length. Otherwise its result is
    read from ``stages/NAME.json``.

    Parameters
    ----------
    name : unique; a slash puts the result into a subfolder
    work : called with the results of the stages in `after`; returns JSON values
    after : earlier stages, or groups of stages, whose results it is made from
    config : JSON values that it depends on besides those results
    files : files and folders that it makes
    group : the name that ``--stages`` uses for it and others, its own name when empty
    failure : converts an exception of `work` to a result, which is not kept; None to raise it
    """

    name: str
    work: Callable[[Results], Result]
    after: tuple[str, ...] = ()
    config: Any = None
    files: tuple[Path, ...] = ()
    group: str = ""
    failure: Callable[[Exception], Result] | None = None

    @property
    def command_name(self) -> str:
        """The name that ``--stages`` uses."""
        return self.group or self.name


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The stages of a recipe, and what becomes of their results.

    Parameters
    ----------
    out : directory of the run
    stages : in running order, without the report
    results : the contents of ``results.json``, from the results of all stages
    report : the page, from the results of all stages and those contents; reads files, computes nothing
    summary : lines for the user, from the contents of ``results.json``
    settings : JSON values that results or report show besides the stages' results
    groups : names that ``--stages`` accepts although no stage may be in them

    Raises
    ------
    PluginError : when two stages have the same name, or one is made from a stage that does not come before it
    """

    out: Path
    stages: tuple[Stage, ...]
    results: Callable[[Results], Result]
    report: Callable[[Results, Result], Report]
    summary: Callable[[Result], Sequence[str]]
    settings: Any = None
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = {REPORT}
        known: set[str] = set()
        for stage in self.stages:
            if stage.name in names:
                raise PluginError(f"two stages of this recipe are called {stage.name!r}")
            if unknown := [name for name in stage.after if name not in known]:
                raise PluginError(f"stage {stage.name!r} is made from {unknown[0]!r}, which does not come before it")
            names.add(stage.name)
            known |= {stage.name, stage.command_name}

    @property
    def run(self) -> RunDirectory:
        """The layout of `out`."""
        return RunDirectory(self.out)

    def members(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of stages, with each group replaced by its stages."""
        return tuple(stage.name for stage in self.stages if {stage.name, stage.group} & set(names))


def run_experiment(request: RecipeRequest, experiment: Experiment) -> RecipeOutcome:
    """Run the requested stages, and the report.

    Raises
    ------
    InputError : when a stage is made from another one that has not run
    PluginError : when a requested stage is not declared: the recipe's registration and its experiment disagree
    """
    names = {*(stage.command_name for stage in experiment.stages), *experiment.groups, REPORT}
    if unknown := [name for name in request.stages or () if name not in names]:
        raise PluginError(f"the recipe {request.name!r} registers the stage {unknown[0]!r} but does not declare it")
    run = _Run(request, experiment)
    for stage in (*experiment.stages, _report_stage(request, experiment)):
        run.run(stage)
        if run.is_last(stage):
            break
    if REPORT not in run.made:
        done = ", ".join(request.stages or ())
        return RecipeOutcome(message=f"stages done: {done}; omit --stages to run the rest and write the report")
    results = experiment.run.results
    message = "\n".join([f"results: {results}", *run.made[REPORT]["summary"]])
    return RecipeOutcome(report=experiment.run.report / "index.html", results=results, message=message)


def say(line: str) -> None:
    """Print a line for the user on stderr."""
    print(line, file=sys.stderr, flush=True)


class _Run:
    """One pass over the stages of an experiment."""

    def __init__(self, request: RecipeRequest, experiment: Experiment) -> None:
        self.request, self.experiment = request, experiment
        self.made: dict[str, Result] = {}

    def is_last(self, stage: Stage) -> bool:
        """Return whether no requested stage follows this one."""
        names = [other.command_name for other in self.experiment.stages] + [REPORT]
        requested = [index for index, name in enumerate(names) if self.request.wants(name)]
        here = len(names) - 1 if stage.name == REPORT else self.experiment.stages.index(stage)
        return not requested or here >= requested[-1]

    def run(self, stage: Stage) -> None:
        """Run a stage, or read its result; a stage that is not requested may have none."""
        path = self.experiment.run.stages / f"{stage.name}.json"
        before = self.experiment.members(stage.after)
        requested, stored = self.request.wants(stage.command_name), read_stamped(path)
        if requested:
            self._require(before)
        inputs = {name: self.made[name] for name in before if name in self.made}
        stamp = stamp_of({"config": stage.config, "from": inputs})
        if not requested:
            if stored is not None:
                self.made[stage.name] = stored.result
                if stored.stamp != stamp and len(inputs) == len(before):
                    say(f"[{stage.name}] not requested; its result was made with other settings")
            return
        if stored is not None and stored.stamp == stamp and all(item.exists() for item in stage.files):
            if stored.is_whole(self.experiment.out):
                say(f"[{stage.name}] done before")
                self.made[stage.name] = stored.result
                return
            say(f"[{stage.name}] files that it made are gone or cut short; they are made again")
        say(f"[{stage.name}]")
        try:
            result = stage.work(inputs)
        except Interrupted:
            raise
        except Exception as error:
            if stage.failure is None:
                raise
            say(f"[{stage.name}] failed: {type(error).__name__}: {error}")
            self.made[stage.name] = stage.failure(error)
            return
        self.made[stage.name] = write_stamped(path, stamp, result, inventory(self.experiment.out, stage.files))

    def _require(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.made:
                stage = next(stage for stage in self.experiment.stages if stage.name == name)
                raise InputError(
                    f"stage {stage.command_name!r} has not run in {self.experiment.out}; add it to --stages, "
                    "or omit --stages"
                )


def _report_stage(request: RecipeRequest, experiment: Experiment) -> Stage:
    """Run the stage ``report``: write results.json and the page, and print a summary."""

    def work(made: Results) -> Result:
        results = experiment.results(made)
        write_json(experiment.run.results, results)
        page = experiment.report(made, results)
        write_report(experiment.run.report, replace(page, command=page.command or request.command()))
        return {"summary": list(experiment.summary(results))}

    return Stage(
        name=REPORT,
        work=work,
        after=tuple(stage.name for stage in experiment.stages),
        config={"settings": experiment.settings, "command": request.command(), "version": vqspeech.__version__},
        files=(experiment.run.results, experiment.run.report / "index.html"),
    )
