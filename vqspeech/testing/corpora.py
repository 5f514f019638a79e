"""Checks of corpora: the contract of `vqspeech.corpora.base.Corpus` and of the target of a `CorpusSpec`."""

from __future__ import annotations

import inspect
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vqspeech import audio
from vqspeech.corpora.base import SPLITS, Corpus
from vqspeech.corpora.store import prepare
from vqspeech.errors import InputError
from vqspeech.registry import lookup
from vqspeech.registry.specs import CorpusSpec
from vqspeech.testing.cases import parametrize

Write = Callable[[Path], object]


@dataclass(frozen=True)
class CorpusSubject:
    """A registered corpus and a way to write a small one.

    Parameters
    ----------
    name : registered
    write : writes the corpus's files into an empty folder; None for corpora that make their own audio there
    options : further arguments of the reader
    """

    name: str
    write: Write | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def read(self, root: Path | None, **options: Any) -> Corpus:
        """Call the reader."""
        given: Corpus = lookup.get(CorpusSpec, self.name)(root, **(self.options | options))
        return given

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Make a folder with the corpus, removed afterwards."""
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary).resolve() / "corpus"
            root.mkdir()
            if self.write is not None:
                self.write(root)
            yield root

    def skip_without_files(self) -> None:
        """Skip a check of files that this corpus does not have."""
        if self.write is None:
            pytest.skip("makes its own audio")


def utterances(subject: CorpusSubject) -> None:
    """Utterances are sorted by id; ids are unique and safe as file names; each has a speaker and a split."""
    with subject.folder() as root:
        corpus = subject.read(root)
    assert isinstance(corpus, Corpus), f"the reader gives {type(corpus).__name__}, not a Corpus"
    ids = [utterance.id for utterance in corpus.utterances]
    assert ids, "there is no utterance"
    assert ids == sorted(ids), "utterances are not sorted by id"
    assert len(set(ids)) == len(ids), f"ids are not unique: {sorted({each for each in ids if ids.count(each) > 1})[:3]}"
    unsafe = [each for each in ids if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", each)]
    assert not unsafe, f"ids that are no safe file names (letters, digits, '.', '_', '-'): {unsafe[:3]}; see safe_id"
    for utterance in corpus.utterances:
        assert utterance.speaker and isinstance(utterance.speaker, str), (
            f"{utterance.id} has the speaker {utterance.speaker!r}"
        )
        assert utterance.split in SPLITS, (
            f"{utterance.id} is in the split {utterance.split!r}; one of {', '.join(SPLITS)}"
        )
        assert utterance.text is None or utterance.text.strip(), f"{utterance.id} has an empty text; say None"


def recordings(subject: CorpusSubject) -> None:
    """Paths are absolute and decodable, durations those of the files, alignments sorted and within them."""
    with subject.folder() as root:
        corpus = subject.read(root)
        for utterance in corpus.utterances:
            assert utterance.path.is_absolute(), f"{utterance.id}: the path {utterance.path} is not absolute"
            found = audio.probe(utterance.path).duration_s
            assert abs(found - utterance.duration_s) < 0.01, (
                f"{utterance.id} lasts {found:.3f} s, said {utterance.duration_s:.3f} s"
            )
            if utterance.alignment is None:
                continue
            phones, end_s = utterance.alignment.phones, 0.0
            assert phones, f"{utterance.id} has an alignment without phones; say None"
            for phone in phones:
                assert end_s <= phone.start_s < phone.end_s, (
                    f"{utterance.id}: {phone} overlaps, is empty, or out of order"
                )
                end_s = phone.end_s
            assert end_s <= found + 0.1, (
                f"{utterance.id} lasts {found:.2f} s and is aligned to {end_s:.2f} s: samples for seconds?"
            )


def facts(subject: CorpusSubject) -> None:
    """The corpus has its registered name and a description; its spec names a licence."""
    spec = lookup.spec(CorpusSpec, subject.name)
    with subject.folder() as root:
        corpus = subject.read(root)
    assert corpus.name == spec.name, f"Corpus.name is {corpus.name!r}, registered as {spec.name!r}"
    assert corpus.variant.strip(), "Corpus.variant is empty; say what was found"
    assert spec.licence.strip(), "the spec names no licence"


def same_twice(subject: CorpusSubject) -> None:
    """Reading twice gives the same corpus."""
    with subject.folder() as root:
        one, two = subject.read(root), subject.read(root)
    assert one.utterances == two.utterances, "a second look finds other utterances"
    assert one.skipped == two.skipped, "a second look skips other files"


def moved_folder(subject: CorpusSubject) -> None:
    """Ids, speakers, texts and splits do not depend on the location of the folder."""
    subject.skip_without_files()
    with subject.folder() as root, tempfile.TemporaryDirectory() as other:
        one = subject.read(root)
        two = subject.read(Path(shutil.copytree(root, Path(other).resolve() / "else" / root.name)))
    for a, b in zip(one.utterances, two.utterances, strict=True):
        assert (a.id, a.speaker, a.text, a.split) == (b.id, b.speaker, b.text, b.split), (
            f"{a.id} becomes {b.id} ({a.split}, {b.split})"
        )


def lost_file(subject: CorpusSubject) -> None:
    """Without a missing or broken recording the others keep ids and splits; broken ones are in ``skipped``."""
    subject.skip_without_files()
    with subject.folder() as root:
        before = {u.id: u for u in subject.read(root).utterances}
        if len(before) < 2:
            pytest.skip("the corpus has a single utterance")
        lost = before[min(before)]
        lost.path.write_bytes(b"this is no audio")
        broken = subject.read(root)
        lost.path.unlink()
        gone = subject.read(root)
    for what, after in (("broken", broken), ("missing", gone)):
        left = {u.id: u for u in after.utterances}
        assert lost.id not in left, f"a {what} recording is still an utterance"
        assert left.keys() == before.keys() - {lost.id}, f"a {what} recording takes others with it, or renames them"
        moved = [key for key, u in left.items() if u.split != before[key].split]
        assert not moved, f"a {what} recording moves {', '.join(moved[:3])} to another split; use split_of"
    assert any(str(lost.path) == str(path) and reason for path, reason in broken.skipped.items()), (
        f"{lost.path.name} cannot be decoded and is not in Corpus.skipped"
    )


def unusable_folder(subject: CorpusSubject) -> None:
    """Missing, empty and wrong folders and None are errors that name the folder, exit code 2."""
    subject.skip_without_files()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve()
        (root / "empty").mkdir()
        (root / "other").mkdir()
        (root / "other" / "notes.txt").write_text("no corpus here")
        for path in (root / "missing", root / "empty", root / "other"):
            try:
                subject.read(path)
            except InputError as error:
                assert str(path) in str(error), f"the error for a {path.name} folder does not name it: {error}"
            except Exception as error:
                raise AssertionError(
                    f"a {path.name} folder gives {type(error).__name__}: {error}; raise CorpusError"
                ) from error
            else:
                raise AssertionError(f"a {path.name} folder is read as a corpus; raise CorpusError")
    try:
        subject.read(None)
    except InputError as error:
        assert "--data-dir" in str(error), f"without a folder the error does not say --data-dir: {error}"
    except Exception as error:
        raise AssertionError(f"no folder gives {type(error).__name__}: {error}; raise CorpusError") from error


def choices(subject: CorpusSubject) -> None:
    """The options ``speakers``, ``max_utterances`` and ``split_by``, where present, have their usual meaning."""
    taken = inspect.signature(lookup.get(CorpusSpec, subject.name)).parameters
    with subject.folder() as root:
        everything = subject.read(root)
        if "speakers" in taken:
            first = everything.speakers[0]
            for wanted in ([first], 1):
                found = subject.read(root, speakers=wanted)
                assert len(found.speakers) == 1, f"speakers={wanted!r} gives {len(found.speakers)} speakers"
            with_unknown = _error(subject, root, speakers=["nobody-of-this-name"])
            assert "nobody-of-this-name" in with_unknown, f"an unknown speaker is not named: {with_unknown}"
        if "max_utterances" in taken:
            found = subject.read(root, max_utterances=1)
            assert len(found.utterances) == len(everything.speakers), "max_utterances=1 is one utterance per speaker"
        if "split_by" in taken:
            found = subject.read(root, split_by="speaker")
            for speaker in found.speakers:
                splits = {u.split for u in found.utterances if u.speaker == speaker}
                assert len(splits) == 1, f"with split_by='speaker' {speaker} is in {', '.join(sorted(splits))}"
    if not {"speakers", "max_utterances", "split_by"} & taken.keys():
        pytest.skip("has none of these options")


def training_store(subject: CorpusSubject) -> None:
    """The corpus can be stored for training, each utterance with its length."""
    with subject.folder() as root, tempfile.TemporaryDirectory() as out:
        corpus = subject.read(root)
        store = prepare(corpus, Path(out) / "store", sample_rate=16000, workers=1)
        assert len(store.rows) == len(corpus.utterances), (
            f"{len(corpus.utterances)} utterances, {len(store.rows)} stored"
        )
        for row, utterance in zip(store.rows, corpus.utterances, strict=True):
            assert abs(row.n_samples / 16000 - utterance.duration_s) < 0.01, f"{row.id} is stored at another length"


def _error(subject: CorpusSubject, root: Path, **options: Any) -> str:
    try:
        subject.read(root, **options)
    except InputError as error:
        return str(error)
    raise AssertionError(f"{options} is accepted")


CHECKS = (
    utterances,
    recordings,
    facts,
    same_twice,
    moved_folder,
    lost_file,
    unusable_folder,
    choices,
    training_store,
)
"""All checks, in pytest's order."""


def corpus_checks(
    name: str,
    write: Write | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of a corpus::

        def write(folder):
            ...  # a few short recordings, laid out as the corpus is

        @corpus_checks("my-corpus", write)
        def test_my_corpus_keeps_its_contract(check):
            check()

    Parameters
    ----------
    name : registered
    write : writes a small corpus into an empty folder; None for a corpus that makes its own audio
    options : further arguments of the reader
    expected_failures : check -> reason; such a check must fail

    Raises
    ------
    UnknownNameError : an expected failure of an unknown check
    """
    return parametrize([CorpusSubject(name, write, dict(options or {}))], CHECKS, expected_failures or {})
