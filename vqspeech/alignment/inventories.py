"""Phone inventories: which labels fold into one class.

- ``timit-39``: TIMIT's 61 phones folded as by Lee and Hon (IEEE ASSP 37(11), 1989, table I), including silence
- ``arpabet-39``: the 39 phones of CMUdict without stress marks, and silence
- ``mfa-41``: the same 39, silence and ``spn`` (non-words), from the Montreal Forced Aligner's ARPA or IPA phones

The paper scores 41 phones and does not name them; ``mfa-41`` is what today's alignments of VCTK contain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.errors import unknown_name

AUTO, AS_WRITTEN = "auto", "as-written"
"""Values accepted instead of an inventory's name, see `fold_all`."""

_KNOWN_SHARE = 0.95
"""The share of intervals that an inventory must know to be recognised."""

_PHONCODE = (
    "aa ae ah ao aw ax ax-h axr ay b bcl ch d dcl dh dx eh el em en eng epi er ey f g gcl h# hh hv ih ix iy jh k kcl l "
    "m n ng nx ow oy p pau pcl q r s sh t tcl th uh uw ux v w y z zh"
)
PHONES_61: tuple[str, ...] = tuple(_PHONCODE.split())
"""The phones of TIMIT's documentation (phoncode.doc), sorted."""

_TIMIT = {
    **{phone: phone for phone in PHONES_61},
    **dict.fromkeys(("h#", "pau", "epi", "bcl", "dcl", "gcl", "pcl", "tcl", "kcl", SILENCE), SILENCE),
    **{"ao": "aa", "ax": "ah", "ax-h": "ah", "axr": "er", "hv": "hh", "ix": "ih", "el": "l", "em": "m"},
    **{"en": "n", "nx": "n", "eng": "ng", "zh": "sh", "ux": "uw"},
    # The glottal stop belongs to no class of Lee and Hon's.
    "q": None,
}
_CMUDICT = "aa ae ah ao aw ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh"
_ARPABET_EXTRAS = {
    **{"ax": "ah", "axr": "er", "ix": "ih", "ux": "uw", "dx": "t", "el": "l", "em": "m", "en": "n", "nx": "n"},
    **{"hv": "hh", "wh": "w", "q": None},
}
_MFA_IPA = {
    phone: arpabet
    for arpabet, phones in {
        **{"aa": "ɑ ɑː ɒ ɒː a aː", "ae": "æ", "ah": "ɐ ə", "ao": "ɔ ɔː", "aw": "aw", "ay": "aj", "eh": "ɛ ɛː e eː"},
        **{"er": "ɚ ɝ ɜ ɜː", "ey": "ej", "ih": "ɪ", "iy": "i iː", "ow": "ow əw o oː", "oy": "ɔj", "uh": "ʊ"},
        **{"uw": "ʉ ʉː u uː", "b": "b bʲ", "ch": "tʃ", "d": "d dʲ d̪", "dh": "ð", "f": "f fʲ", "g": "ɡ ɡʷ ɟ ɟʷ g"},
        **{"hh": "h ç", "jh": "dʒ", "k": "k kʰ kʷ c cʰ cʷ", "l": "l ɫ ɫ̩ ʎ", "m": "m mʲ m̩ ɱ", "n": "n n̩ ɲ"},
        **{"ng": "ŋ", "p": "p pʰ pʲ pʷ", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t tʰ tʲ tʷ t̪ ɾ", "th": "θ"},
        **{"v": "v vʲ vʷ", "w": "w", "y": "j", "z": "z", "zh": "ʒ"},
    }.items()
    for phone in phones.split()
}
# The Montreal Forced Aligner writes a glottal stop for a glottalised /t/.
_MFA_IPA["ʔ"] = "t"

MANY_LABELS = 100
"""No language has more phones that an inventory tells apart; more labels are words, or phones with their context."""

MANNERS = ("vowel", "approximant", "nasal", "fricative", "stop", "other", "silence")
"""Classes by which figures order and colour phones; see `manner`."""

_MEMBERS = {
    "vowel": "aa ae ah ao aw ax axr ay eh er ey ih ix iy ow oy uh uw ux",
    "approximant": "l r w y j hh h el ɹ ɫ",
    "nasal": "m n ng nx em en eng N ŋ",
    "fricative": "f v th dh s z sh zh ch jh T D S Z tS dZ θ ð ʃ ʒ tʃ dʒ x",
    "stop": "b d dx g p t k q ɡ ɾ ʔ ?",
    "silence": SILENCE,
}
_MANNER_OF = {phone: name for name, phones in _MEMBERS.items() for phone in phones.split()}
_VOWEL_SIGNS = frozenset("aeiouyAEIOUV0123@&æɑɐɒəɚɛɜɝɪɔʊʉʌøœ")


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """A set of phone classes and the labels that fold into them.

    Parameters
    ----------
    name : the name that ``--phones`` accepts
    summary : one line
    folds : label -> class, or None for labels that belong to no class (treated as a gap)
    ignores_stress : whether labels may end in a stress digit and have either case (ARPAbet)
    """

    name: str
    summary: str
    folds: Mapping[str, str | None]
    ignores_stress: bool = True

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, sorted, including `SILENCE`."""
        return tuple(sorted({name for name in self.folds.values() if name is not None}))

    def _key(self, label: str) -> str | None:
        """Return the label in the spelling of `folds`, or None for an unknown label."""
        plain = label.lower()
        for key in (label, plain, plain.rstrip("012")) if self.ignores_stress else (label, plain):
            if key in self.folds:
                return key
        return None

    def knows(self, label: str) -> bool:
        """Return whether the label is in the inventory, folded or not."""
        return self._key(label) is not None

    def fold(self, label: str) -> str | None:
        """Return the class of a label, None for a label without a class, and an unknown label unchanged."""
        key = self._key(label)
        return label if key is None else self.folds[key]

    def fold_alignment(self, alignment: Alignment) -> Alignment:
        """Fold the labels of an alignment and merge neighbouring silences."""
        phones: list[Interval] = []
        for phone in alignment.phones:
            name = self.fold(phone.label)
            if name is None:
                continue
            last = phones[-1] if phones else None
            if last is not None and name == SILENCE == last.label and last.end_s == phone.start_s:
                phones[-1] = Interval(last.start_s, phone.end_s, SILENCE)
            else:
                phones.append(Interval(phone.start_s, phone.end_s, name))
        return Alignment(tuple(phones))


_CMU = {phone: phone for phone in _CMUDICT.split()} | _ARPABET_EXTRAS | {SILENCE: SILENCE}
INVENTORIES: Mapping[str, Inventory] = {
    item.name: item
    for item in (
        Inventory(
            name="timit-39", summary="TIMIT's 61 phones to 39 (Lee and Hon 1989)", folds=_TIMIT, ignores_stress=False
        ),
        Inventory(
            name="arpabet-39",
            summary="ARPAbet with or without stress to CMUdict's 39, and silence",
            folds=_CMU | {"spn": None},
        ),
        Inventory(
            name="mfa-41",
            summary="the Montreal Forced Aligner's English phones, ARPA or IPA, to 39, silence and spn",
            folds=_CMU | _MFA_IPA | {"spn": "spn"},
        ),
    )
}
"""Every inventory by name."""


def named(name: str) -> Inventory:
    """Return the inventory of a name.

    Raises
    ------
    UnknownNameError : an unknown inventory
    """
    if name not in INVENTORIES:
        raise unknown_name("phone inventory", name, INVENTORIES, "Or 'as-written' to leave labels alone.")
    return INVENTORIES[name]


def label_counts(alignments: Iterable[Alignment]) -> Counter[str]:
    """Count the intervals of each label."""
    return Counter(phone.label for alignment in alignments for phone in alignment.phones)


def recognise(labels: Mapping[str, int]) -> Inventory | None:
    """Find the inventory that the labels are written in, or None.

    It must know the most intervals, at least 95 % of them, and half of its classes must occur.

    Parameters
    ----------
    labels : label -> number of intervals, see `label_counts`
    """

    def known(item: Inventory) -> int:
        return sum(n for label, n in labels.items() if item.knows(label))

    best = max(INVENTORIES.values(), key=known)
    seen = {best.fold(label) for label in labels if best.knows(label)}
    enough = known(best) >= _KNOWN_SHARE * sum(labels.values()) and 2 * len(seen) >= len(best.classes)
    return best if enough else None


def fold_all(
    alignments: Mapping[str, Alignment], inventory: str = AUTO
) -> tuple[dict[str, Alignment], str, dict[str, int]]:
    """Fold labels; also return the inventory's name and the intervals of each unknown label.

    Parameters
    ----------
    inventory : one of `INVENTORIES`; ``"auto"`` recognises it from the labels; ``"as-written"`` keeps them

    Raises
    ------
    UnknownNameError : an unknown inventory
    """
    if inventory not in (AUTO, AS_WRITTEN):
        chosen = named(inventory)
    else:
        guess = recognise(label_counts(alignments.values())) if inventory == AUTO else None
        if guess is None:
            return dict(alignments), AS_WRITTEN, {}
        chosen = guess
    unknown = {label: n for label, n in label_counts(alignments.values()).items() if not chosen.knows(label)}
    return {key: chosen.fold_alignment(item) for key, item in alignments.items()}, chosen.name, unknown


def label_doubts(alignments: Mapping[str, Alignment], inventory: str = AUTO) -> tuple[str, ...]:
    """Say in sentences why the labels of alignments may not be the phones that they are scored as.

    That is so when no inventory is recognised in them, when the one given does not know them, and when there are more
    than `MANY_LABELS`.

    Parameters
    ----------
    inventory : as in `fold_all`

    Raises
    ------
    UnknownNameError : an unknown inventory
    """
    counts = label_counts(alignments.values())
    chosen = recognise(counts) if inventory == AUTO else None if inventory == AS_WRITTEN else named(inventory)
    strange = Counter({label: n for label, n in counts.items() if chosen is None or not chosen.knows(label)})
    if not strange:
        return ()
    examples = _examples(strange)
    doubts = []
    if chosen is None and inventory == AUTO:
        doubts.append(
            f"No inventory of phones is recognised in the {len(counts)} different labels (most often {examples}): they "
            "are scored as written, and accuracies are not comparable with those of other labels. --phones names one."
        )
    elif chosen is not None and (unknown := unknown_labels(alignments.values(), chosen)):
        doubts.append(f"{unknown}: they are scored as written.")
    if len(strange) > MANY_LABELS:
        doubts.append(
            f"{len(strange)} different labels are scored as phones (most often {examples}): are they words, or phones "
            "with their context?"
        )
    return tuple(doubts)


def unknown_labels(alignments: Iterable[Alignment], inventory: Inventory) -> str | None:
    """Say how many intervals have labels that an inventory does not know; None when hardly any have."""
    counts = label_counts(alignments)
    strange = Counter({label: n for label, n in counts.items() if not inventory.knows(label)})
    if strange.total() <= (1 - _KNOWN_SHARE) * counts.total():
        return None
    which = f"labels that {inventory.name} does not know (most often {_examples(strange)})"
    return f"{strange.total()} of {counts.total()} intervals have {which}"


def _examples(labels: Counter[str]) -> str:
    return ", ".join(repr(label[:40]) for label, _ in labels.most_common(4))


def manner(phone: str) -> str:
    """Return the manner of articulation of a phone, one of `MANNERS`, ``"other"`` when unknown."""
    if phone == "spn":
        return "other"
    manner_name = _MANNER_OF.get(phone) or _MANNER_OF.get(phone.lower().rstrip("012"))
    if manner_name is None and phone:
        signs = [_MANNER_OF.get(phone[:length]) for length in (2, 1)]
        manner_name = "vowel" if phone[0] in _VOWEL_SIGNS else next((name for name in signs if name), None)
    return manner_name or "other"
