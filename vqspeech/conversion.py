"""Voice conversion and reconstruction: encode, then decode for a speaker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.codec.chunks import Waveform
from vqspeech.codec.finish import Finisher
from vqspeech.codec.intonation import moved
from vqspeech.codec.load import load_speech
from vqspeech.codec.source import Source, SourceMeter
from vqspeech.codec.speech import AS_TRAINED, SpeechCodec, Utterance, choose_intonation
from vqspeech.errors import AudioError, InputError
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.speech import Deliver, Speech


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A waveform and its target speaker.

    Parameters
    ----------
    waveform : (time,) float32 at the model's rate, or its blocks (`vqspeech.audio.stream.blocks`)
    speaker : id of the target speaker; the utterance's own speaker for a reconstruction
    key : name of the utterance, which selects its random stream, independently of other utterances
    """

    waveform: Waveform
    speaker: str
    key: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Encoded:
    """Codes of a recording, and what a conversion takes from the recording beside them.

    Parameters
    ----------
    codes : (codebooks, frames) int64
    n_samples : length of the recording, at the model's rate
    source : its level and F0
    """

    codes: npt.NDArray[np.int64]
    n_samples: int
    source: Source


def convert(
    codec: SpeechCodec,
    conversions: Iterable[Conversion],
    options: SpeakOptions = AS_TRAINED,
    deliver: Deliver | None = None,
    *,
    intonation: str | None = None,
    keep_level: bool | None = None,
    skip: Callable[[int, AudioError], None] | None = None,
) -> Speech:
    """Convert waveforms to target speakers (van den Oord et al. 2017, section 4.3).

    The result equals `vqspeech encode --pitch` followed by `vqspeech decode`, but for level and digital silence, which
    with `keep_level` are those of the source. With blocks and `deliver`, only codes and F0 are kept in memory.

    Parameters
    ----------
    codec : the model
    conversions : waveforms and target speakers
    options : options of sampling; `streams` is replaced by the streams of the keys
    deliver : receives pieces of speech, which are then not kept; see `vqspeech.speech.collect`
    intonation : one of `vqspeech.codec.intonation.INTONATIONS`; None for ``"source"`` where the decoder takes pitch.
        Other decoders follow their codes, and a given intonation is ignored with a warning
    keep_level : whether the result is finished by `vqspeech.codec.finish.Finisher`; None where the decoder takes pitch,
        so that conversions by other decoders are what they have always been
    skip : called with the number of a conversion whose blocks cannot be read, and the reason; the others are converted

    Returns
    -------
    one waveform per conversion, as long as its input; none for those that were skipped

    Raises
    ------
    UnknownNameError : for a speaker that the model does not know, or an unknown intonation
    InputError : for a waveform without samples
    AudioError : for blocks that cannot be read: of the first conversion without `skip`, of all with it
    SpeechInterrupted : at Ctrl-C; holds the speech generated until then
    """
    chosen = choose_intonation(codec, intonation)
    items: list[Conversion] = []
    sources: dict[int, Source] = {}
    skipped: dict[int, AudioError] = {}

    def waveforms() -> Iterator[tuple[int, Waveform]]:
        for item in conversions:
            codec.voice(item.speaker)
            items.append(item)
            blocks = [item.waveform] if isinstance(item.waveform, np.ndarray) else item.waveform
            meter = SourceMeter(codec.sample_rate, pitch=codec.takes_pitch and chosen != "predicted")
            number = len(items) - 1
            yield number, meter.through(blocks)
            if number not in skipped:
                sources[number] = meter.finish()

    encoding = codec.encode_all(waveforms(), skip=None if skip is None else skipped.__setitem__)
    encoded = {number: (samples, codes) for number, samples, codes in encoding}
    if skip is not None:
        for number, error in skipped.items():
            skip(number, error)
        if skipped and not encoded:
            reason = next(iter(skipped.values()))
            raise AudioError(f"none of {len(skipped)} files could be read; the first: {reason}") from reason
    recordings = []
    for number, source in sources.items():
        item, (samples, codes) = items[number], encoded[number]
        recordings.append((Encoded(codes=codes, n_samples=samples, source=source), item.speaker, item.key))
    numbered = None if deliver is None else _numbered(deliver, list(sources))
    return speak_encoded(codec, recordings, options, numbered, intonation=chosen, keep_level=keep_level)


def encode_with_source(codec: SpeechCodec, waveform: Waveform) -> Encoded:
    """Encode a recording as `convert` does, to convert it to several speakers by `speak_encoded`.

    Parameters
    ----------
    codec : the model
    waveform : as in `Conversion`

    Raises
    ------
    InputError : for a waveform without samples
    AudioError : for blocks that cannot be read
    """
    meter = SourceMeter(codec.sample_rate, pitch=codec.takes_pitch)
    blocks = [waveform] if isinstance(waveform, np.ndarray) else waveform
    ((_, samples, codes),) = codec.encode_all([(0, meter.through(blocks))])
    return Encoded(codes=codes, n_samples=samples, source=meter.finish())


def speak_encoded(
    codec: SpeechCodec,
    recordings: Sequence[tuple[Encoded, str, str]],
    options: SpeakOptions = AS_TRAINED,
    deliver: Deliver | None = None,
    *,
    intonation: str = "source",
    keep_level: bool | None = None,
) -> Speech:
    """Speak encoded recordings, the second half of `convert`.

    Parameters
    ----------
    codec : the model of the codes
    recordings : each with the target speaker and its key, as in `Conversion`
    options, deliver, intonation, keep_level : as in `convert`

    Raises
    ------
    UnknownNameError, InputError, SpeechInterrupted : as `SpeechCodec.speak`
    """
    utterances, sources = [], []
    for encoded, speaker, key in recordings:
        pitch = moved(encoded.source.f0, codec.mean_log_f0(speaker), intonation)
        utterances.append(
            Utterance(codes=encoded.codes, speaker=speaker, n_samples=encoded.n_samples, key=key, pitch=pitch)
        )
        sources.append(encoded.source)
    finished = codec.takes_pitch if keep_level is None else keep_level
    finisher = Finisher(sources, codec.output_rate, codec.sample_rate) if finished else None
    return codec.speak(utterances, options, deliver, finisher)


def _numbered(deliver: Deliver, numbers: Sequence[int]) -> Deliver:
    """Return a function that delivers pieces of the utterances 0, 1, ... under the given numbers."""
    return lambda utterance, waveform, last: deliver(numbers[utterance], waveform, last)


def convert_file(
    run: Path | str,
    source: Path | str,
    speaker: str,
    target: Path | str,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    intonation: str | None = None,
) -> Speech:
    """Convert an audio file to a speaker of a trained run, and write the result.

    Parameters
    ----------
    run : run or checkpoint directory
    source : audio file of any rate and channel count
    speaker : speaker id of the run
    target : .wav or .flac file to write
    seed, temperature : see `SpeakOptions`
    intonation : see `convert`

    Raises
    ------
    InputError : when `target` is the source itself
    """
    if Path(target).resolve() == Path(source).resolve():
        raise InputError(f"{target} is the input itself; give another file to write")
    codec = load_speech(run)
    waveform = audio.read(Path(source), codec.sample_rate)
    item = Conversion(waveform=waveform, speaker=speaker, key=Path(source).stem)
    options = SpeakOptions(seed=seed, temperature=temperature)
    speech = convert(codec, [item], options, intonation=intonation, keep_level=True)
    audio.write(Path(target), speech.waveforms[0], codec.output_rate)
    return speech
