"""Several evaluations in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vqspeech.analysis.listening.judge.clips import ClipScores
from vqspeech.analysis.listening.judge.evaluation import read_evaluation, with_tables
from vqspeech.errors import InputError


def merge(folders: Sequence[Path], out: Path, seed: int = 0) -> dict[str, Any]:
    """Merge the results of evaluations; differences between runs are paired on the utterances that they share.

    Parameters
    ----------
    folders : folders of evaluations
    out : folder of the merged results, to which paths are relative
    seed : seed of the intervals

    Returns
    -------
    The contents of ``results.json``

    Raises
    ------
    InputError : for a folder without results, or results of different recognisers or embeddings
    """
    read = [(folder.absolute(), *read_evaluation(folder.absolute())) for folder in folders]
    _, first, _ = read[0]
    scores: list[ClipScores] = []
    runs: list[dict[str, Any]] = []
    notes: list[str] = []
    names: set[str] = set()
    seen: set[tuple[str, str, str, str | None]] = set()
    for folder, results, found in read:
        for part in ("recogniser", "embedder", "quality"):
            if results["judge"][part] != first["judge"][part]:
                raise InputError(
                    f"{folder} was judged by another {part} than {read[0][0]}: {results['judge'][part]} and "
                    f"{first['judge'][part]}; their numbers do not compare"
                )
        renamed = {run["run"]: _fresh(run["run"], names) for run in results["runs"]}
        runs += [{**run, "run": renamed[run["run"]]} for run in results["runs"]]
        in_all = [note for note in results["notes"] if all(note in other["notes"] for _, other, _ in read)]
        notes += [note if note in in_all else f"{folder.name}: {note}" for note in results["notes"]]
        for one in found:
            clip = replace(one.clip, run=renamed.get(one.clip.run, ""))
            key = (clip.run, clip.kind, clip.utterance, clip.voice)
            if key not in seen:
                scores.append(replace(one, clip=clip))
            seen.add(key)
    utterances = [{one.clip.utterance for one in found} for _, _, found in read]
    if any(one != utterances[0] for one in utterances):
        shared = len(set.intersection(*utterances))
        notes.append(
            f"The evaluations are of different utterances, {shared} are in all; the row of originals is of all of them."
        )
    texts = dict.fromkeys(str(results["data"].get("variant", "")) for _, results, _ in read)
    head = {
        **{name: first[name] for name in ("format", "vqspeech", "judge")},
        "runs": runs,
        "data": {"variant": "; ".join(texts), "evaluations": [str(folder) for folder, _, _ in read]},
        "targets": {},
        "seed": seed,
        "notes": list(dict.fromkeys(notes)),
    }
    return with_tables(head, scores, out.absolute(), seed)


def _fresh(name: str, names: set[str]) -> str:
    """Return a name that no other run has."""
    unique = next(fresh for number in range(len(names) + 1) if (fresh := _numbered(name, number)) not in names)
    names.add(unique)
    return unique


def _numbered(name: str, number: int) -> str:
    return f"{name}-{number + 1}" if number else name
