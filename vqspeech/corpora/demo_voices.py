"""Voices of the demo corpus: accents and variants of espeak-ng.

A recogniser (Whisper tiny.en) gets these shares of the words of 12 sentences of the corpus wrong, by accent, over
three or four variants each: us 3 %, gb 5 %, nyc 8 %, rp 9 %, lanc 13 %, scot 17 %, wmid 19 %, carib 21 %. The variant
matters less, the rate from 130 to 170 words a minute not at all; monotone speech (pitch range 0) raises 1 to 10 %.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_ACCENTS = {
    "us": "gmw/en-US",
    "rp": "gmw/en-GB-x-rp",
    "scot": "gmw/en-GB-scotland",
    "gb": "gmw/en",
    "nyc": "gmw/en-US-nyc",
    "lanc": "gmw/en-GB-x-gbclan",
    "carib": "gmw/en-029",
    "wmid": "gmw/en-GB-x-gbcwmd",
}
_FEMALE = ("f3", "f2", "f4", "f1", "f5", "Andrea", "Annie")
_MALE = ("m3", "m1", "m7", "m2", "m4", "m5", "m6")
_SPEAKERS_AVAILABLE = 109


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A synthetic speaker: its id, espeak voice and settings.

    Parameters
    ----------
    id : accent and variant, for example ``"us-f3"``
    gender : ``"f"`` or ``"m"``
    espeak : voice file with variant
    rate : words per minute
    pitch, pitch_range : espeak's settings, 0 to 99; 50 is the variant's default
    """

    id: str
    gender: str
    espeak: str
    rate: int
    pitch: int
    pitch_range: int


def voices() -> tuple[Voice, ...]:
    """List the 109 voices in order of selection: women and men alternate, accents rotate."""
    listed: list[Voice] = []
    for turn in range(len(_ACCENTS) * len(_FEMALE)):
        for gender, variants, shift in (("f", _FEMALE, 0), ("m", _MALE, 3)):
            accent = list(_ACCENTS)[(turn + shift) % len(_ACCENTS)]
            variant = variants[turn % len(variants)]
            speaker = f"{accent}-{variant.lower()}"
            byte = hashlib.sha256(speaker.encode()).digest()
            listed.append(
                Voice(
                    id=speaker,
                    gender=gender,
                    espeak=f"{_ACCENTS[accent]}+{variant}",
                    rate=145 + byte[0] % 36,
                    pitch=38 + byte[1] % 25,
                    pitch_range=40 + byte[2] % 21,
                )
            )
    return tuple(listed[:_SPEAKERS_AVAILABLE])
