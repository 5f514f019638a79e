"""Sentences of the synthetic speakers: a phonetically complete list, and a grammar.

They are everyday sentences in American spelling, without numbers and names: a recogniser that is used to human speech
understands espeak only where it expects the words. Whisper tiny.en gets 1 % of the words of a dozen such sentences
wrong in the voice ``us-f2``, and 13 % of those of literary ones ("A young painter found a jar of honey on the top
shelf").
"""

from __future__ import annotations

import functools
import hashlib
from importlib import resources

_WISHES = (
    "I would like to|We are going to|She wanted to|They decided to|He forgot to|You should|My brother has to|"
    "I do not have time to|We used to|It is too late to|My friends asked me to|I was too tired to|You are welcome to"
)
_ACTIONS = (
    "go for a walk|meet my friends|buy some bread|watch a movie|cook dinner|visit the museum|call the doctor|"
    "wash the car|read a good book|play football|listen to the music|go swimming|clean the house|have lunch|"
    "stay at home|take the bus|write a letter|look at the pictures|ask the teacher|join the others|"
    "measure the room|change the plan|enjoy the sunshine|watch television"
)
_TIMES = (
    "this afternoon|tomorrow morning|on Sunday|after work|next week|before dinner|this evening|in the summer|"
    "later today|on Friday night|after school|in the middle of the night|early in the morning|at the end of the month"
)
_PEOPLE = (
    "My mother|My father|The teacher|The old man|The young woman|The doctor|Her brother|His sister|The little boy|"
    "One of my friends|The driver|The judge|My uncle|The girl next door|Somebody|The boy with the red shoes"
)
_DEEDS = (
    "was waiting|was sitting|was standing|fell asleep|used to work|met a friend|found some money|lost the key|"
    "had a cup of tea|was talking on the phone|heard a strange noise|bought some flowers|left a message|"
    "was looking for a job|made a quick decision|enjoyed the view"
)
_PLACES = (
    "in the kitchen|at the station|in front of the house|at the airport|in the garden|near the church|at school|"
    "in the office|on the bus|by the window|in the park|at the hospital|in the garage|under the tree|at the beach"
)
_THINGS = (
    "the book|the blue bag|the coat|the newspaper|a glass of water|the red shoes|the old picture|some cheese|"
    "a box of chocolate|another chair|the keys|a piece of paper|the measuring tape|the oil|my umbrella|the toys"
)
_DAYS = (
    "very cold|too hot|raining hard|a beautiful day|snowing|quite dark|very late|our first day|a holiday|"
    "very noisy outside|a long journey"
)
_RESULTS = (
    "we stayed at home|they went to the beach|she took a taxi|I had to walk|he closed all the windows|"
    "we sat in the garden|everybody went to bed|the children could not sleep|I put on a warm coat|"
    "we had to change the plan|they went for a walk|he made some coffee"
)
_PATTERNS = (
    "{wish} {action} {time}.|"
    "{person} {deed} {place}.|"
    "{person} {deed} {place} {time}.|"
    "Could you bring me {thing}, please?|"
    "I think that I left {thing} {place}.|"
    "You can find {thing} on the table {place}.|"
    "It was {day}, so {result}.|"
    "{person} told me that it was {day}."
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
    """Return one of some 60,000 sentences, by the digits of a large number."""

    def pick(choices: str) -> str:
        nonlocal number
        listed = choices.split("|")
        number, index = divmod(number, len(listed))
        return listed[index]

    words = {
        "wish": pick(_WISHES),
        "action": pick(_ACTIONS),
        "time": pick(_TIMES),
        "person": pick(_PEOPLE),
        "deed": pick(_DEEDS),
        "place": pick(_PLACES),
        "thing": pick(_THINGS),
        "day": pick(_DAYS),
        "result": pick(_RESULTS),
    }
    return pick(_PATTERNS).format(**words)


def _digest(*key: object) -> int:
    return int.from_bytes(hashlib.sha256("/".join(map(str, key)).encode()).digest(), "big")
