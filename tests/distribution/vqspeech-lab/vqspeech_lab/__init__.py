"""What a laboratory may add to vqspeech from a distribution of its own. Importing this imports no torch."""

import vqspeech
from vqspeech.registry.specs import (
    AnalysisSpec,
    CorpusSpec,
    DecoderSpec,
    EncoderSpec,
    ModalitySpec,
    PriorSpec,
)


@vqspeech.hookimpl
def register_encoders():
    return [
        EncoderSpec(
            name="lab-gru", target="vqspeech_lab.encoder:recurrent_encoder", summary="a bidirectional GRU over frames"
        )
    ]


@vqspeech.hookimpl
def register_decoders():
    return [
        DecoderSpec(
            name="lab-gan", target="vqspeech_lab.decoder:adversarial_decoder", summary="a waveform and an adversary"
        )
    ]


@vqspeech.hookimpl
def register_priors():
    return [PriorSpec(name="lab-conv", target="vqspeech_lab.prior:convolutional_prior", summary="causal convolutions")]


@vqspeech.hookimpl
def register_modalities():
    return [
        ModalitySpec(
            name="lab-gesture",
            target="vqspeech_lab.gestures.modality:Gestures",
            summary="joint positions over time",
            media="other",
        )
    ]


@vqspeech.hookimpl
def register_corpora():
    return [
        CorpusSpec(
            name="lab-clips",
            target="vqspeech_lab.gestures.corpus:read",
            summary="clips of joint positions, PERFORMER_NUMBER.npy",
            licence="yours",
            media="other",
        )
    ]


@vqspeech.hookimpl
def register_analyses():
    return [
        AnalysisSpec(
            name="lab-durations", target="vqspeech_lab.durations:analyse", summary="how many frames a code lasts"
        )
    ]
