"""Align a corpus into a folder of TextGrids; a call that is killed continues.

``aligned.jsonl`` in the folder names every TextGrid that was made, with a hash of it and of what it was made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqspeech import untrusted
from vqspeech.alignment.base import Alignment
from vqspeech.alignment.textgrid import Tier, write_textgrid
from vqspeech.corpora.aligning import in_processes
from vqspeech.corpora.base import Corpus, Utterance
from vqspeech.errors import InputError
from vqspeech.files import whole_file
from vqspeech.names import file_name
from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import AlignerSpec
from vqspeech.runs import locked

LOG = "aligned.jsonl"


@dataclass(kw_only=True)
class AlignedCorpus:
    """What `align_corpus` did.

    Parameters
    ----------
    made, kept : numbers of utterances aligned now, and by earlier calls
    failed : utterance id -> why it has no TextGrid
    without_text : ids of utterances without a text
    speech_s, seconds : duration of the recordings of `made` and the failed ones, and of the work
    """

    made: int = 0
    kept: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    without_text: tuple[str, ...] = ()
    speech_s: float = 0.0
    seconds: float = 0.0


def tiers_of(alignment: Alignment) -> list[Tier]:
    """Return the tiers ``words``, where it has words, and ``phones`` of an alignment."""
    tiers = [("words", alignment.words), ("phones", alignment.phones)]
    return [Tier(name, tuple((one.start_s, one.end_s, one.label) for one in rows)) for name, rows in tiers if rows]


def align_corpus(
    corpus: Corpus,
    aligner: str,
    out: Path,
    *,
    options: Mapping[str, Any] | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AlignedCorpus:
    """Align all utterances with a text; write TextGrids with tiers ``words`` and ``phones``, named as the recordings.

    A TextGrid that an earlier call made from the same text, recording and options is kept, also when somebody has
    corrected it. Files that vqspeech did not make, or that were changed since, are not replaced.

    Parameters
    ----------
    corpus : the corpus; its own alignments are not used
    aligner : name of a registered aligner
    out : folder of the TextGrids, in the corpus's folders
    options : of the aligner
    workers : number of processes; by default one per core
    progress : called with (utterances done, utterances)

    Raises
    ------
    InputError : options that the aligner does not have, no utterance with a text, or none that can be aligned
    RunInUseError : when another process works in `out`
    VQSpeechError : an aligner that is not installed
    """
    entry = lookup.find(AlignerSpec, aligner)
    values = contracts.options(entry).checked(options or {}, "", f"option of {entry.title}:")
    with_text = [utterance for utterance in corpus.utterances if utterance.text]
    if not with_text:
        raise InputError(f"no utterance of {corpus.root} has a text to align; `vqspeech corpora check` describes it")
    with locked(out):
        result, waiting = _Folder(out, corpus.root, _digest([entry.qualified, _plain(values)])), []
        done = AlignedCorpus(without_text=tuple(one.id for one in corpus.utterances if not one.text))
        for utterance in with_text:
            if (fault := result.fault(utterance)) is not None:
                done.failed[utterance.id] = fault
            elif result.has(utterance):
                done.kept += 1
            else:
                waiting.append(utterance)
        _make(result, waiting, done, progress, {"aligner": aligner, "workers": workers, "options": options})
    if not done.made + done.kept:
        first = next(f"{key}: {why}" for key, why in done.failed.items())
        raise InputError(f"none of {len(with_text)} utterances with a text could be aligned; the first, {first}")
    return done


def _make(
    folder: _Folder,
    waiting: Sequence[Utterance],
    done: AlignedCorpus,
    progress: Callable[[int, int], None] | None,
    how: Mapping[str, Any],
) -> None:
    began, by_id = time.monotonic(), {utterance.id: utterance for utterance in waiting}
    if not waiting:
        return
    finished = 0
    for found in in_processes(utterances=waiting, **how):
        for key, alignment in found.alignments.items():
            folder.write(by_id[key], alignment)
        done.made += len(found.alignments)
        done.failed |= found.skipped
        finished += len(found.alignments) + len(found.skipped)
        if progress is not None:
            progress(finished, len(waiting))
    done.speech_s = sum(utterance.duration_s for utterance in waiting)
    done.seconds = time.monotonic() - began


class _Folder:
    """A folder of TextGrids and its list.

    Parameters
    ----------
    path : the folder
    root : folder of the corpus
    how : hash of the aligner and its options
    """

    def __init__(self, path: Path, root: Path, how: str) -> None:
        self._path, self._root, self._how = path, root, how
        self._log = path / LOG
        self._made = self._read()
        self._taken: dict[Path, str] = {}

    def fault(self, utterance: Utterance) -> str | None:
        """Return why no TextGrid can be written for an utterance; call it once for each."""
        target = self._target(utterance)
        other = self._taken.setdefault(target, utterance.id)
        if other != utterance.id:
            return f"its TextGrid would be that of {other}: their recordings differ in the ending only"
        if not os.path.lexists(target) or self.has(utterance):
            return None
        if target.is_symlink() or not target.is_file():
            return f"{target} is in the way; remove it"
        _, content = self._made.get(self._name(target), ("", ""))
        if content == hashlib.sha256(target.read_bytes()).hexdigest():
            return None
        return f"{target} was not made by vqspeech, or was changed since; remove it to align the utterance again"

    def has(self, utterance: Utterance) -> bool:
        """Return whether an earlier call made the TextGrid of an utterance from the same text and options."""
        target = self._target(utterance)
        made_from, _ = self._made.get(self._name(target), ("", ""))
        return target.is_file() and made_from == self._made_from(utterance)

    def write(self, utterance: Utterance, alignment: Alignment) -> None:
        """Write the TextGrid of an utterance."""
        target = self._target(utterance)
        with whole_file(target) as partial:
            write_textgrid(partial, tiers_of(alignment), utterance.duration_s)
            content = hashlib.sha256(partial.read_bytes()).hexdigest()
            facts = {"file": self._name(target), "from": self._made_from(utterance), "sha256": content}
            # Listed first: a file that is not in the list is taken for somebody else's.
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(facts) + "\n")

    def _target(self, utterance: Utterance) -> Path:
        try:
            inside = utterance.path.relative_to(self._root)
        except ValueError:
            inside = Path(file_name(utterance.speaker), file_name(utterance.id, ".wav"))
        return self._path / inside.with_suffix(".TextGrid")

    def _name(self, target: Path) -> str:
        return target.relative_to(self._path).as_posix()

    def _made_from(self, utterance: Utterance) -> str:
        return _digest([self._how, utterance.text, round(utterance.duration_s, 6)])

    def _read(self) -> dict[str, tuple[str, str]]:
        """Return file -> hash of what it was made from, and of its content."""
        try:
            content = self._log.read_bytes()
        except FileNotFoundError:
            return {}
        made: dict[str, tuple[str, str]] = {}
        complete = content[: content.rfind(b"\n") + 1]
        try:
            for line in complete.splitlines():
                facts = untrusted.json_object(line)
                name, *hashes = (untrusted.text(facts[key], key) for key in ("file", "from", "sha256"))
                made[name] = (hashes[0], hashes[1])
        except (ValueError, KeyError) as error:
            raise InputError(f"{self._log} is damaged, or of another program: {error}; give another --out") from error
        if len(complete) < len(content):
            if not made and content:
                raise InputError(f"{self._log} is of another program; give another --out")
            # A killed call began a line.
            with self._log.open("r+b") as log:
                log.truncate(len(complete))
        return made


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with the content of files instead of their names."""
    return {
        name: hashlib.sha256(value.read_bytes()).hexdigest() if isinstance(value, Path) and value.is_file() else value
        for name, value in options.items()
    }
