"""The checks of corpora: ours pass them all, and a reader with a single fault fails the check meant for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from vqspeech import audio
from vqspeech.alignment.base import Alignment, Interval
from vqspeech.corpora import folder as folder_corpus
from vqspeech.corpora.mixture import Part
from vqspeech.registry import lookup
from vqspeech.testing import corpus_checks
from vqspeech.testing.corpora import CHECKS, CorpusSubject
from vqspeech.testing.speech import vowel, write_corpus


def write_vctk(root: Path) -> None:
    for speaker, pitch in (("p225", 200.0), ("p226", 120.0)):
        for number in (1, 2, 3):
            name = f"{speaker}_{number:03}"
            (root / "wav48" / speaker).mkdir(parents=True, exist_ok=True)
            (root / "txt" / speaker).mkdir(parents=True, exist_ok=True)
            audio.write(root / "wav48" / speaker / f"{name}.wav", vowel("a", pitch, 0.3), 16000)
            (root / "txt" / speaker / f"{name}.txt").write_text("Please call Stella.\n")


def write_librispeech(root: Path) -> None:
    for speaker in ("84", "174"):
        chapter = root / "dev-clean" / speaker / "7"
        chapter.mkdir(parents=True)
        names = [f"{speaker}-7-{number:04}" for number in range(3)]
        for name in names:
            audio.write(chapter / f"{name}.flac", vowel("e", 140.0, 0.3), 16000)
        (chapter / f"{speaker}-7.trans.txt").write_text("".join(f"{name} GO DO YOU HEAR\n" for name in names))


def write_timit(root: Path) -> None:
    for part, dialect, speaker in (("train", "dr1", "fcjf0"), ("test", "dr2", "mabc0")):
        place = root / part / dialect / speaker
        place.mkdir(parents=True)
        for sentence in ("sa1", "si648"):
            audio.write(place / f"{sentence}.wav", vowel("i", 180.0, 0.4), 16000)
            (place / f"{sentence}.txt").write_text("0 6400 She had.\n")
            (place / f"{sentence}.phn").write_text("0 1600 h#\n1600 4800 iy\n4800 6400 h#\n")


def write_folders(root: Path) -> None:
    write_corpus(root)
    (root / "metadata.csv").unlink()


@corpus_checks("folder", write_folders)
def test_folder(check):
    check()


@corpus_checks("folder", write_corpus, expected_failures={"choices": "the splits of a table win over split_by"})
def test_folder_with_a_table(check):
    check()


@corpus_checks("vctk", write_vctk)
def test_vctk(check):
    check()


@corpus_checks("librispeech", write_librispeech)
def test_librispeech(check):
    check()


@corpus_checks("timit", write_timit)
def test_timit(check):
    check()


def write_parts(root: Path) -> None:
    for name, write in (("own", write_folders), ("libri", write_librispeech)):
        (root / name).mkdir()
        write(root / name)


PARTS = [{"corpus": "folder", "folder": "own"}, {"corpus": "librispeech", "folder": "libri"}]


@corpus_checks("mixture", write_parts, options={"parts": [Part(**part) for part in PARTS]})
def test_mixture(check):
    check()


@corpus_checks("demo", options={"speakers": 2, "utterances_per_speaker": 2})
def test_demo(check):
    pytest.importorskip("espeakng_loader")
    check()


def edited(edit):
    """A reader: that of ``folder`` with each utterance, or the whole corpus, changed."""

    def read(root, **options):
        found = folder_corpus.read(root, **options)
        if edit.__name__.startswith("corpus"):
            return edit(found)
        return dataclasses.replace(found, utterances=tuple(edit(u) for u in found.utterances))

    return read


def corpus_unsorted(corpus):
    return dataclasses.replace(corpus, utterances=corpus.utterances[::-1])


def slashes_in_ids(utterance):
    return dataclasses.replace(utterance, id=f"a/{utterance.id}")


def relative_paths(utterance):
    return dataclasses.replace(utterance, path=Path(utterance.path.name))


def wrong_durations(utterance):
    return dataclasses.replace(utterance, duration_s=utterance.duration_s * 2)


def samples_for_seconds(utterance):
    return dataclasses.replace(utterance, alignment=Alignment((Interval(0, 8000, "a"),)))


def corpus_of_another_name(corpus):
    return dataclasses.replace(corpus, name="mine")


def random_texts(utterance):
    return dataclasses.replace(utterance, text=str(np.random.default_rng().random()))


def ids_of_paths(utterance):
    return dataclasses.replace(utterance, id=str(abs(hash(utterance.path))))


def corpus_split_by_position(corpus):
    order = [dataclasses.replace(u, split="test" if i % 3 == 0 else "train") for i, u in enumerate(corpus.utterances)]
    return dataclasses.replace(corpus, utterances=tuple(order))


def corpus_silent_about_skipped(corpus):
    return dataclasses.replace(corpus, skipped={})


def raises_os_error(root, **options):
    return edited(corpus_unsorted)(next(Path(root).iterdir()).parent, **options)


def reads_anything(root, **options):
    try:
        return folder_corpus.read(root, **options)
    except Exception:
        return dataclasses.replace(folder_corpus.read(write_corpus(Path(root) / "made")), utterances=())


def ignores_speakers(root, *, speakers=None, split_by="utterance", max_utterances=None):
    return folder_corpus.read(root)


def without_rate(utterance):
    return dataclasses.replace(utterance, duration_s=utterance.duration_s + 1)


FAULTS = {
    "utterances": [(edited(corpus_unsorted), "not sorted"), (edited(slashes_in_ids), "no safe file names")],
    "recordings": [
        (edited(relative_paths), "not absolute"),
        (edited(wrong_durations), "said"),
        (edited(samples_for_seconds), "samples for seconds"),
    ],
    "facts": [(edited(corpus_of_another_name), "registered as 'folder'")],
    "same_twice": [(edited(random_texts), "other utterances")],
    "moved_folder": [(edited(ids_of_paths), "becomes")],
    "lost_file": [
        (edited(corpus_split_by_position), "another split"),
        (edited(corpus_silent_about_skipped), "not in Corpus.skipped"),
    ],
    "unusable_folder": [(raises_os_error, "FileNotFoundError"), (reads_anything, "is read as a corpus")],
    "choices": [(ignores_speakers, "gives 3 speakers")],
    "training_store": [(edited(without_rate), "another length")],
}


def test_every_check_has_a_fault_that_it_finds():
    assert [check.__name__ for check in CHECKS] == list(FAULTS)


@pytest.mark.parametrize(
    ("name", "reader", "message"), [(name, *case) for name, cases in FAULTS.items() for case in cases]
)
def test_a_faulty_reader_fails_the_check_meant_for_it(name, reader, message, monkeypatch):
    found = lookup.resolve
    monkeypatch.setattr(lookup, "resolve", lambda entry: reader if entry.spec.kind == "corpus" else found(entry))
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(CorpusSubject("folder", write_corpus))
