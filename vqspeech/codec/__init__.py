"""Codecs: trained models as conversion, encoding, analysis and the command line use them."""

from vqspeech.codec.load import load
from vqspeech.codec.protocol import Codec
from vqspeech.codec.speech import SpeechCodec

__all__ = ["Codec", "SpeechCodec", "load"]
