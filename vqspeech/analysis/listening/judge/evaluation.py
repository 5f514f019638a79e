"""An evaluation: speech of one or several models, judged, as results, page, and list for other judges."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vqspeech
from vqspeech.analysis.listening.judge.clips import ORIGINAL, Clip, ClipScores
from vqspeech.analysis.listening.judge.judge import Judge
from vqspeech.analysis.listening.judge.listing import FILE, write_list
from vqspeech.analysis.listening.judge.page import judged_section
from vqspeech.analysis.listening.judge.sources import Drawn
from vqspeech.analysis.listening.judge.synthesis import CLIPS, Model, Show
from vqspeech.analysis.listening.judge.table import differences, judged_rows
from vqspeech.analysis.listening.judge.targets import FOLDER, NO_TARGET, Targets
from vqspeech.corpora.selection import count_and_name
from vqspeech.errors import InputError
from vqspeech.files import write_json
from vqspeech.report import Report, write_report
from vqspeech.runs import RunDirectory
from vqspeech.runs.made import remove_made
from vqspeech.temporary import clear_left

FORMAT = 1
RESULTS, REPORT = "results.json", "report"


def open_folder(out: Path) -> None:
    """Make the folder of an evaluation; an earlier evaluation in it is removed, a user's files in it are not.

    Raises
    ------
    InputError : when it holds something else
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {str(out)!r} is a file; give a folder")
    for path in (out / RESULTS, out / FILE, out / REPORT):
        clear_left(path)
    others = [path for path in out.iterdir() if path != RunDirectory(out).lock] if out.is_dir() else []
    if others and not (_is_evaluation(out / RESULTS) or _is_list(out / FILE)):
        raise InputError(f"--out {str(out)!r} is not empty and holds no evaluation; give another folder")
    if (out / RESULTS).is_file() and "stages" in {path.name for path in out.iterdir()}:
        raise InputError(f"--out {str(out)!r} holds a run; give another folder")
    for name in (CLIPS, FOLDER, REPORT, RESULTS, FILE):
        remove_made(out / name)
    out.mkdir(parents=True, exist_ok=True)


def _is_evaluation(path: Path) -> bool:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and {"format", "vqspeech", "runs", "judge"} <= values.keys()


def _is_list(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().startswith("path,kind,text,target")
    except (OSError, ValueError):
        return False


def judge_clips(
    clips: Sequence[Clip],
    *,
    judge: Judge,
    targets: Targets,
    models: Sequence[Model],
    drawn: Drawn,
    data: Mapping[str, Any],
    out: Path,
    seed: int,
    show: Show,
) -> dict[str, Any]:
    """Judge generated speech; return the contents of ``results.json``.

    The list of clips is written before they are judged.

    Parameters
    ----------
    clips : from `vqspeech.analysis.listening.judge.synthesis.synthesise`
    judge, targets, models, drawn : who judges, target voices, what spoke, and which utterances
    data : JSON values on the data
    out : folder of the evaluation
    seed : seed of the intervals
    show : makes the progress line
    """
    write_list(out, clips, targets.recordings)
    scores = judge.scores(clips, targets.embeddings, NO_TARGET, show("judge"))
    sources = [{"utterance": one.id, "speaker": one.speaker, "split": one.split} for one in drawn.sources]
    head = {
        "format": FORMAT,
        "vqspeech": vqspeech.__version__,
        "runs": [model.facts for model in models],
        "data": {**data, "heard_in_training": drawn.heard, "sources": sources},
        "targets": {voice: len(targets.recordings.get(voice, ())) or "voices.json" for voice in targets.embeddings},
        "judge": judge.facts,
        "seed": seed,
        "notes": [*drawn.notes, *_without_words(scores)],
    }
    return with_tables(head, scores, out, seed)


def with_tables(head: Mapping[str, Any], scores: Sequence[ClipScores], out: Path, seed: int) -> dict[str, Any]:
    """Add rows, differences between runs, and clips to results."""
    return {
        **head,
        "rows": judged_rows(scores, seed),
        "differences": differences(scores, seed),
        "clips": [one.to_json(out) for one in scores],
    }


def write_evaluation(out: Path, results: Mapping[str, Any], *, command: str = "", synthetic: bool = False) -> Path:
    """Write ``results.json`` and the page; return the page."""
    write_json(out / RESULTS, dict(results))
    facts = [("data", str(results["data"].get("variant", "")))] if results["data"].get("variant") else []
    for run in results["runs"]:
        facts.append((f"run {run['run']}", _describe(run)))
    recogniser = results["judge"]["recogniser"]
    facts.append(("recogniser", recogniser.get("model", recogniser["name"]) if recogniser else "none"))
    report = Report(
        title="Judged speech",
        subtitle=", ".join(run["run"] for run in results["runs"]),
        warning="The originals are synthetic speech." if synthetic else "",
        facts=tuple(facts),
        sections=(judged_section(results, out),),
        command=command,
        versions={"vqspeech": vqspeech.__version__},
    )
    return write_report(out / REPORT, report)


def read_evaluation(folder: Path) -> tuple[dict[str, Any], list[ClipScores]]:
    """Read the results of an evaluation, and the scores of its clips.

    Raises
    ------
    InputError : when there are none
    """
    try:
        results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        if results["format"] > FORMAT:
            raise ValueError(f"its format is {results['format']}, this release reads {FORMAT}")
        return results, [ClipScores.from_json(one, folder) for one in results["clips"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} holds no results of `vqspeech evaluate`: {error!r}") from error


def _without_words(scores: Sequence[ClipScores]) -> list[str]:
    """Name originals in which the recogniser hears nothing, such as noise or music."""
    names = [one.clip.utterance for one in scores if one.clip.kind == ORIGINAL and one.heard is not None]
    deaf = [one.clip.utterance for one in scores if one.clip.kind == ORIGINAL and one.heard == ""]
    if not deaf:
        return []
    return [f"The recogniser hears no words in some of {len(names)} originals, {count_and_name(deaf)}."]


def _describe(run: Mapping[str, Any]) -> str:
    books = " x ".join(map(str, run["codebook_sizes"]))
    return (
        f"{run['checkpoint']}, step {run['step']}, decoder {run['decoder']}, {run['frame_rate_hz']:g} codes a second "
        f"of {books}, {run['bits_per_second']:.0f} bit/s"
    )
