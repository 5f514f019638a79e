"""What every reader of alignments must do (`AlignmentSpec`), as checks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vqspeech.alignment.base import SILENCE, Alignment
from vqspeech.alignment.intervals import SILENCE_LABELS
from vqspeech.corpora.alignments import read_alignment
from vqspeech.errors import InputError
from vqspeech.registry import lookup
from vqspeech.registry.specs import AlignmentSpec
from vqspeech.testing.cases import parametrize

Row = tuple[float, float, str]


@dataclass(frozen=True)
class AlignmentSubject:
    """A registered format and an example file.

    Parameters
    ----------
    name : registered
    text : a file as it stands on disk
    phones : what it says: (start_s, end_s, label)
    """

    name: str
    text: str
    phones: tuple[Row, ...]

    @property
    def spec(self) -> AlignmentSpec:
        """What is registered."""
        found = lookup.spec(AlignmentSpec, self.name)
        return found

    def read(self, path: Path) -> Alignment:
        """What the reader gives."""
        given: Alignment = lookup.get(AlignmentSpec, self.name)(path)
        return given

    @contextmanager
    def file(self, content: str | bytes) -> Iterator[Path]:
        """A file of the format's first suffix with that content, removed afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"utterance{self.spec.suffixes[0]}"
            path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
            yield path

    def refuses(self, content: str | bytes, what: str) -> None:
        """See that the content is an `InputError` that names the file."""
        with self.file(content) as path:
            self.refuses_path(path, what)

    def refuses_path(self, path: Path, what: str) -> None:
        """See that the path is an `InputError` that names it."""
        try:
            given = self.read(path)
        except InputError as error:
            assert path.name in str(error), f"the error for {what} does not name the file: {error}"
        except Exception as error:
            raise AssertionError(f"{what} gives {type(error).__name__}: {error}; raise InputError") from error
        else:
            raise AssertionError(f"{what} is read as {len(given.phones)} phones; raise InputError")


def example(subject: AlignmentSubject) -> None:
    """The example is read as what it says, to a tenth of a millisecond."""
    with subject.file(subject.text) as path:
        alignment = subject.read(path)
    assert isinstance(alignment, Alignment), f"the reader gives {type(alignment).__name__}, not an Alignment"
    found = [(phone.start_s, phone.end_s, phone.label) for phone in alignment.phones]
    assert [label for _, _, label in found] == [label for _, _, label in subject.phones], (
        f"read {found}, expected {list(subject.phones)}"
    )
    for (start_s, end_s, label), (wanted_start_s, wanted_end_s, _) in zip(found, subject.phones, strict=True):
        off = max(abs(start_s - wanted_start_s), abs(end_s - wanted_end_s))
        assert off < 1e-4, (
            f"{label!r} is at {start_s:.4f} to {end_s:.4f} s, expected {wanted_start_s:.4f} to {wanted_end_s:.4f} s"
        )


def intervals(subject: AlignmentSubject) -> None:
    """Phones are sorted, not empty, do not overlap, begin at or after zero; every kind of silence is `SILENCE`."""
    with subject.file(subject.text) as path:
        phones = subject.read(path).phones
    end_s = 0.0
    for phone in phones:
        assert end_s <= phone.start_s < phone.end_s, f"{phone} overlaps, is empty, or out of order"
        end_s = phone.end_s
        assert phone.label == SILENCE or phone.label.strip().lower() not in SILENCE_LABELS, (
            f"the label {phone.label!r} is silence; fold it into {SILENCE!r} "
            "(vqspeech.alignment.intervals.silence_folded)"
        )


def suffixes(subject: AlignmentSubject) -> None:
    """File name endings have their dot and are lower case, and a file is found by them in either case."""
    assert subject.spec.suffixes, "the spec has no suffixes"
    for suffix in subject.spec.suffixes:
        assert suffix.startswith(".") and suffix == suffix.lower(), f"suffix {suffix!r}: with its dot, lower case"
    with subject.file(subject.text) as path:
        upper = path.rename(path.with_suffix(path.suffix.upper()))
        assert read_alignment(upper) == subject.read(upper), f"{upper.name} is read as another format"


def encodings(subject: AlignmentSubject) -> None:
    """A byte order mark, Windows line ends, blank lines at the end and UTF-16 change nothing."""
    with subject.file(subject.text) as path:
        wanted = subject.read(path)
    for what, content in (
        ("a byte order mark", subject.text.encode("utf-8-sig")),
        ("Windows line ends", subject.text.replace("\n", "\r\n").encode()),
        ("blank lines at the end", (subject.text + "\n\n").encode()),
        ("UTF-16", subject.text.encode("utf-16")),
    ):
        with subject.file(content) as path:
            try:
                found = subject.read(path)
            except Exception as error:
                raise AssertionError(
                    f"{what}: {type(error).__name__}: {error}; see vqspeech.alignment.intervals.read_text"
                ) from error
        assert found == wanted, f"{what} changes what is read"


def unusable_file(subject: AlignmentSubject) -> None:
    """A missing or empty file, other text and bytes that are not text are errors that name the file, exit code 2."""
    with tempfile.TemporaryDirectory() as folder:
        subject.refuses_path(Path(folder) / f"missing{subject.spec.suffixes[0]}", "a missing file")
    subject.refuses("", "an empty file")
    subject.refuses("Please call Stella.\nAsk her to bring these things.\n", "a transcript")
    subject.refuses(bytes(range(128, 256)) * 4, "a file that is no text")


def torn_file(subject: AlignmentSubject) -> None:
    """A file cut off anywhere is an `InputError` or the phones up to there, never another exception."""
    for place in range(0, len(subject.text), max(1, len(subject.text) // 40)):
        with subject.file(subject.text[:place]) as path:
            try:
                subject.read(path)
            except InputError:
                continue
            except Exception as error:
                raise AssertionError(
                    f"cut off at character {place}: {type(error).__name__}: {error}; raise InputError"
                ) from error


CHECKS: tuple[Callable[[Any], None], ...] = (example, intervals, suffixes, encodings, unusable_file, torn_file)
"""Every check, in the order in which pytest shows them."""


def alignment_checks(
    name: str, text: str, phones: tuple[Row, ...], *, expected_failures: Mapping[str, str] | None = None
) -> pytest.MarkDecorator:
    """Parametrise a test over all checks of a reader of alignments::

        @alignment_checks("my-format", "0.0 0.5 sil\\n0.5 0.9 aa\\n", ((0.0, 0.5, "sil"), (0.5, 0.9, "aa")))
        def test_my_format_keeps_its_contract(check):
            check()

    Parameters
    ----------
    name : registered
    text : an example, as it stands in a file
    phones : what it says: (start_s, end_s, label)
    expected_failures : check -> reason; such a check must fail

    Raises
    ------
    UnknownNameError : an expected failure of a check that does not exist
    """
    return parametrize([AlignmentSubject(name, text, phones)], CHECKS, expected_failures or {})
