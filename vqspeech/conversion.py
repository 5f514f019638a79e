"""Voice conversion and reconstruction: encode, then decode for a speaker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vqspeech import audio
from vqspeech.codec.chunks import Waveform
from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import AS_TRAINED, SpeechCodec, Utterance
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


def convert(
    codec: SpeechCodec,
    conversions: Iterable[Conversion],
    options: SpeakOptions = AS_TRAINED,
    deliver: Deliver | None = None,
) -> Speech:
    """Convert waveforms to target speakers (van den Oord et al. 2017, section 4.3).

    The result equals `vqspeech encode` followed by `vqspeech decode`. With blocks and `deliver`, only latents are kept
    in memory.

    Parameters
    ----------
    codec : the model
    conversions : waveforms and target speakers
    options : options of sampling; `streams` is replaced by the streams of the keys
    deliver : receives pieces of speech, which are then not kept; see `vqspeech.speech.collect`

    Returns
    -------
    one waveform per conversion, as long as its input

    Raises
    ------
    UnknownNameError : for a speaker that the model does not know
    InputError : for a waveform without samples
    SpeechInterrupted : at Ctrl-C; holds the speech generated until then
    """
    items: list[Conversion] = []

    def waveforms() -> Iterable[tuple[int, Waveform]]:
        for item in conversions:
            codec.voice(item.speaker)
            items.append(item)
            yield len(items) - 1, item.waveform

    encoded = {number: (samples, codes) for number, samples, codes in codec.encode_all(waveforms())}
    utterances = []
    for number, item in enumerate(items):
        samples, codes = encoded[number]
        utterances.append(Utterance(codes=codes, speaker=item.speaker, n_samples=samples, key=item.key))
    return codec.speak(utterances, options, deliver)


def convert_file(
    run: Path | str, source: Path | str, speaker: str, target: Path | str, *, seed: int = 0, temperature: float = 1.0
) -> Speech:
    """Convert an audio file to a speaker of a trained run, and write the result.

    Parameters
    ----------
    run : run or checkpoint directory
    source : audio file of any rate and channel count
    speaker : speaker id of the run
    target : .wav or .flac file to write
    seed, temperature : see `SpeakOptions`
    """
    codec = load_speech(run)
    waveform = audio.read(Path(source), codec.sample_rate)
    item = Conversion(waveform=waveform, speaker=speaker, key=Path(source).stem)
    speech = convert(codec, [item], SpeakOptions(seed=seed, temperature=temperature))
    audio.write(Path(target), speech.waveforms[0], codec.output_rate)
    return speech
