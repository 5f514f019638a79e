"""Sentences of the synthetic speakers: a phonetically complete list, and a grammar."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources

_PEOPLE = (
    "the old captain|a young painter|my younger sister|the village doctor|our new teacher|the tall gardener|"
    "a cheerful nurse|the shy student|her uncle George|the busy waiter|a famous singer|the night watchman|"
    "his oldest friend|the weary traveller|one of the judges|the girl next door|a retired plumber|"
    "the quiet librarian|the chief engineer|somebody from Hull"
)
_VERBS = (
    "carried|found|painted|borrowed|showed us|dropped|repaired|described|measured|bought|threw away|hid|collected|"
    "chose|washed|admired|forgot|photographed|unwrapped|brought back"
)
_THINGS = (
    "a heavy wooden box|the purple umbrella|seven ripe cherries|the broken clock|a pair of gloves|the missing page|"
    "a jar of honey|two yellow candles|the largest vase|an empty bottle|a rusty key|the garden chairs|"
    "a thick blanket|four small boats|the sharp knife|a bag of oranges|the leather shoes|an ancient coin|"
    "a map of the river|the television"
)
_PLACES = (
    "in the kitchen|behind the church|near the harbour|on the bridge|under the oak tree|at the railway station|"
    "beside the pool|outside the theatre|by the southern gate|in the back of the car|on the top shelf|"
    "at the edge of the forest|in the school yard|above the bakery|close to the shore"
)
_TIMES = (
    "yesterday|last Thursday|early this morning|just before noon|in the middle of July|after the storm|as usual|"
    "without a word|for the third time|on a cold evening|during the interval|while it was raining|"
    "before anybody noticed|a few years ago|with great pleasure"
)
_PATTERNS = (
    "{person} {verb} {thing} {place}.|"
    "{time}, {person} {verb} {thing}.|"
    "{person} {verb} {thing} {time}.|"
    "{place}, {person} {verb} {thing} {time}.|"
    "it was {person} who {verb} {thing} {place}.|"
    "I think {person} {verb} {thing}, not {other}.|"
    "nobody knew that {person} {verb} {thing} {place}.|"
    "did you hear that {person} {verb} {thing} {time}?"
)


@functools.cache
def base_sentences() -> tuple[str, ...]:
    """Read the hand-written sentences, in file order."""
    text = resources.files("vqspeech.corpora").joinpath("demo_sentences.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line)


def sentences_for(speaker: str, count: int, seed: int) -> list[str]:
    """List the sentences of a speaker, alternately from the list and the grammar.

    The result depends on the arguments only, and a longer list begins with the shorter one.

    Parameters
    ----------
    speaker : speaker id
    count : number of sentences, any
    seed : seed of the corpus
    """
    written = sorted(base_sentences(), key=lambda sentence: _digest(seed, speaker, sentence))
    chosen: dict[str, None] = {}
    attempt = 0
    while len(chosen) < count:
        if len(chosen) % 2 == 0 and written:
            chosen[written.pop()] = None
        else:
            chosen[_generated(_digest(seed, speaker, "generated", attempt))] = None
            attempt += 1
    return list(chosen)


def _generated(number: int) -> str:
    """Return one of some 40 million sentences, by the digits of a large number."""

    def pick(choices: str) -> str:
        nonlocal number
        listed = choices.split("|")
        number, index = divmod(number, len(listed))
        return listed[index]

    thing = pick(_THINGS)
    other = pick("|".join(other for other in _THINGS.split("|") if other != thing))
    words = {
        "person": pick(_PEOPLE),
        "verb": pick(_VERBS),
        "thing": thing,
        "other": other,
        "place": pick(_PLACES),
        "time": pick(_TIMES),
    }
    sentence = pick(_PATTERNS).format(**words)
    return sentence[0].upper() + sentence[1:]


def _digest(*key: object) -> int:
    return int.from_bytes(hashlib.sha256("/".join(map(str, key)).encode()).digest(), "big")
