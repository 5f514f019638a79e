"""Corpora to store, and what is in a folder."""

from pathlib import Path

from vqspeech.corpora.base import Corpus, Utterance


def utterance(path: Path, speaker="ann", alignment=None) -> Utterance:
    return Utterance(
        id=path.stem, path=path, speaker=speaker, text="hé", split="train", duration_s=1.0, alignment=alignment
    )


def corpus_of(root: Path, utterances) -> Corpus:
    return Corpus(
        name="folder", root=root, variant="test", utterances=tuple(utterances), notes=("A note.",), synthetic=True
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flip_a_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
