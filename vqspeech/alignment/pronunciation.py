"""Pronunciations of English words: a user's dictionary, and a network for words that no dictionary has.

Phones are CMUdict's ARPAbet in upper case, without stress.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech.alignment.intervals import read_text
from vqspeech.errors import InputError

_CMU = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PHONES = frozenset(_CMU.split())
"""Phones of CMUdict, without stress."""

_VARIANT = re.compile(r"\([0-9]+\)$")
# A vowel has an output for each of its three stresses, UW also one without.
_STRESSES = {"UW": 4} | dict.fromkeys(
    ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH"], 3
)
_OUTPUTS = ("<pad>", "<unk>", "<s>", "</s>", *(p for p in _CMU.split() for _ in range(_STRESSES.get(p, 1))))
_GRAPHEMES = ("<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz")
_START, _END = 2, 3
_LONGEST = 20
"""Phones of the longest pronunciation of the network."""


def read_dictionary(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a dictionary in CMUdict's form: a word and its phones per line, ``word(2)`` for a further pronunciation.

    Stress is removed; lines that begin with ``#`` or ``;;;`` are comments.

    Returns
    -------
    word in lower case -> its pronunciations, phones separated by spaces

    Raises
    ------
    InputError : an unreadable file, a word without phones, an unknown phone (names the line), or no words
    """
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        fields = line.split()
        if not fields or line.startswith(("#", ";;;")):
            continue
        word, phones = _VARIANT.sub("", fields[0].lower()), [phone.upper().rstrip("012") for phone in fields[1:]]
        if not phones:
            raise InputError(f"{path}, line {number}: {fields[0][:40]!r} has no phones; write 'word P H O N E S'")
        if unknown := [phone for phone in phones if phone not in PHONES]:
            raise InputError(
                f"{path}, line {number}: {unknown[0][:20]!r} is no phone of CMUdict; known: {' '.join(sorted(PHONES))}"
            )
        if not re.fullmatch("[a-z']+", word):
            raise InputError(f"{path}, line {number}: {fields[0][:40]!r} is no word of the letters a to z and '")
        found[word] = (*found.get(word, ()), " ".join(phones))
    if not found:
        raise InputError(f"{path}: holds no words")
    return found


@dataclass(frozen=True, eq=False)
class LetterNetwork:
    """The encoder and decoder (one GRU each) of g2p-en 2.1 (Park and Kim 2019), which predict phones from letters.

    Parameters
    ----------
    weights : arrays of its ``checkpoint20.npz``
    """

    weights: Mapping[str, npt.NDArray[np.float32]]

    def phones(self, word: str) -> str:
        """Return the most likely phones of a word of the letters a to z, separated by spaces; may be empty."""
        known = {letter: number for number, letter in enumerate(_GRAPHEMES)}
        state = np.zeros(self.weights["enc_w_hh"].shape[1], np.float32)
        for letter in (*word, "</s>"):
            state = self._step("enc", known.get(letter, 1), state)
        found, last = [], _START
        for _ in range(_LONGEST):
            state = self._step("dec", last, state)
            last = int((self.weights["fc_w"] @ state + self.weights["fc_b"]).argmax())
            if last == _END:
                break
            found.append(_OUTPUTS[last])
        return " ".join(phone for phone in found if phone in PHONES)

    def _step(self, part: str, symbol: int, state: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """One step of a gated recurrent unit (Cho et al. 2014), the reset gate behind the product as in cuDNN."""
        of = self.weights
        given = of[f"{part}_w_ih"] @ of[f"{part}_emb"][symbol] + of[f"{part}_b_ih"]
        kept = of[f"{part}_w_hh"] @ state + of[f"{part}_b_hh"]
        reset_in, update_in, new_in = np.split(given, 3)
        reset_kept, update_kept, new_kept = np.split(kept, 3)
        reset, update = _sigmoid(reset_in + reset_kept), _sigmoid(update_in + update_kept)
        new = np.tanh(new_in + reset * new_kept)
        return np.asarray((1 - update) * new + update * state, np.float32)


@lru_cache(maxsize=1)
def letter_network() -> LetterNetwork | None:
    """Return the network in the wheel of g2p-en, None when it is not installed.

    Only its checkpoint is read: importing the package downloads data for NLTK.
    """
    try:
        spec = importlib.util.find_spec("g2p_en")
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "checkpoint20.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as arrays:
                return LetterNetwork({name: arrays[name] for name in arrays.files})
    return None


def _sigmoid(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-values)), np.float32)
