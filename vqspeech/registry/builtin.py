"""Built-in parts, registered through the same hooks as plugins and imported on first use."""

from __future__ import annotations

from vqspeech.registry.analyses import register_aligners as register_aligners
from vqspeech.registry.analyses import register_alignments as register_alignments
from vqspeech.registry.analyses import register_analyses as register_analyses
from vqspeech.registry.commands import register_commands as register_commands
from vqspeech.registry.hookspecs import hookimpl
from vqspeech.registry.specs import (
    CorpusSpec,
    DecoderSpec,
    EncoderSpec,
    ModalitySpec,
    PriorSpec,
    QuantizerSpec,
    RecipeSpec,
)


@hookimpl
def register_modalities() -> list[ModalitySpec]:
    """Register raw speech, and the codes of any run."""
    return [
        ModalitySpec(
            name="audio",
            target="vqspeech.training.audio:AudioModality",
            summary="speech waveforms: strided encoder, speaker-conditioned WaveNet decoder",
            media="audio",
        ),
        ModalitySpec(
            name="codes",
            target="vqspeech.training.codes:CodesModality",
            summary="codes of any run, for a registered prior; vqspeech sample draws from it",
            media="other",
        ),
    ]


@hookimpl
def register_encoders() -> list[EncoderSpec]:
    """Register the paper's encoder."""
    return [
        EncoderSpec(
            name="conv",
            target="vqspeech.nn.encoders.conv:conv_encoder",
            summary="strided and dilated convolutions over the waveform, log-mel or MFCC frames",
        ),
        EncoderSpec(
            name="hubert",
            target="vqspeech.nn.encoders.ssl:hubert",
            summary="a layer of torchaudio's HuBERT, frozen or trained further; downloads its weights",
        ),
        EncoderSpec(
            name="wavlm",
            target="vqspeech.nn.encoders.ssl:wavlm",
            summary="a layer of torchaudio's WavLM, frozen or trained further; downloads its weights",
        ),
        EncoderSpec(
            name="wav2vec2",
            target="vqspeech.nn.encoders.ssl:wav2vec2",
            summary="a layer of torchaudio's wav2vec 2.0, frozen or trained further; downloads its weights",
        ),
    ]


@hookimpl
def register_quantizers() -> list[QuantizerSpec]:
    """Register the paper's quantizer, its EMA variant, product codes, and fixed codes."""
    return [
        QuantizerSpec(
            name="vq",
            target="vqspeech.nn.quantize.vq:VectorQuantizer",
            summary="the paper's layer: codebook loss + beta x commitment, straight-through gradient",
        ),
        QuantizerSpec(
            name="ema",
            target="vqspeech.nn.quantize.ema:EMAVectorQuantizer",
            summary="codebook from moving averages of its frames, with revival of unused codes",
        ),
        QuantizerSpec(
            name="rvq",
            target="vqspeech.nn.quantize.residual:residual_vq",
            summary="residual: several ema codebooks, each for the residual of the previous ones",
        ),
        QuantizerSpec(
            name="grouped",
            target="vqspeech.nn.quantize.grouped:grouped_vq",
            summary="product quantization: an ema codebook for each group of channels",
        ),
        QuantizerSpec(
            name="fsq",
            target="vqspeech.nn.quantize.fsq:FiniteScalarQuantizer",
            summary="finite scalar quantization: a few rounded channels, no codebook to collapse",
        ),
        QuantizerSpec(
            name="cosine",
            target="vqspeech.nn.quantize.cosine:CosineQuantizer",
            summary="factorised codes: nearest by cosine similarity in a few dimensions",
        ),
    ]


@hookimpl
def register_decoders() -> list[DecoderSpec]:
    """Register the paper's decoder, and one that learns in minutes."""
    return [
        DecoderSpec(
            name="wavenet",
            target="vqspeech.sampling.decoder:wavenet_decoder",
            summary="autoregressive WaveNet over mu-law samples (van den Oord et al. 2016)",
        ),
        DecoderSpec(
            name="harmonic",
            target="vqspeech.nn.decoders.harmonic_decoder:harmonic_decoder",
            summary="pulses at F0 plus noise, shaped by a small network; learns in minutes, far faster than real time",
        ),
    ]


@hookimpl
def register_priors() -> list[PriorSpec]:
    """Register a prior over codes of any kind."""
    return [
        PriorSpec(
            name="pixelcnn",
            target="vqspeech.nn.priors.pixelcnn:pixelcnn",
            summary="gated PixelCNN over grids or sequences, conditioned on speakers, classes or coarser codes",
        ),
        PriorSpec(
            name="wavenet",
            target="vqspeech.nn.priors.wavenet:wavenet",
            summary="WaveNet over codes: dilated causal convolutions with gates, the paper's prior of speech",
        ),
        PriorSpec(
            name="transformer",
            target="vqspeech.nn.priors.transformer:transformer",
            summary="causal transformer over codes: rotary positions, attention over a window",
        ),
    ]


@hookimpl
def register_corpora() -> list[CorpusSpec]:
    """Register the corpora that vqspeech reads, and the demo corpus."""
    return [
        CorpusSpec(
            name="vctk",
            target="vqspeech.corpora.vctk:read",
            summary="VCTK 0.80 and 0.92: 110 English speakers, 44 hours",
            licence="ODC-By 1.0 (0.80), CC BY 4.0 (0.92)",
            homepage="https://datashare.ed.ac.uk/handle/10283/3443",
        ),
        CorpusSpec(
            name="timit",
            target="vqspeech.corpora.timit:read",
            summary="TIMIT (LDC tree or NLTK sample): 630 speakers, manual phone alignments",
            licence="LDC User Agreement",
            homepage="https://catalog.ldc.upenn.edu/LDC93S1",
        ),
        CorpusSpec(
            name="librispeech",
            target="vqspeech.corpora.librispeech:read",
            summary="LibriSpeech: 1,000 hours of read English",
            licence="CC BY 4.0",
            homepage="https://www.openslr.org/12",
        ),
        CorpusSpec(
            name="folder",
            target="vqspeech.corpora.folder:read",
            summary="your own recordings: a folder per speaker, or a CSV manifest",
            licence="yours",
        ),
        CorpusSpec(
            name="mixture",
            target="vqspeech.corpora.mixture:read",
            summary="several corpora as one: a table per part, read by any corpus here",
            licence="of its parts",
        ),
        CorpusSpec(
            name="demo",
            target="vqspeech.corpora.demo:read",
            summary="synthetic speech with exact phone alignments; no download",
            licence="synthetic (espeak-ng, GPL-3.0 engine)",
            homepage="https://github.com/espeak-ng/espeak-ng",
            needs_data_dir=False,
            requires=("espeakng_loader",),
        ),
    ]


@hookimpl
def register_recipes() -> list[RecipeSpec]:
    """Register the recipes that ship with vqspeech."""
    return [
        RecipeSpec(
            name="vctk",
            target="vqspeech_recipes.vctk.recipe:run",
            summary="the paper's VCTK experiment: codes, reconstruction, conversion, phonemes, a report with sound",
            stages=("prepare", "train", "decoders", "encode", "reconstruct", "convert", "judge", "analyze", "report"),
        ),
        RecipeSpec(
            name="voices",
            target="vqspeech_recipes.voices.recipe:run",
            summary="the voices of the distribution vqspeech-voices, trained on real speech, judged, and exported",
            stages=("prepare", "codes", "train", "judge", "export", "report"),
        ),
        RecipeSpec(
            name="prior",
            target="vqspeech_recipes.prior.recipe:run",
            summary="the paper's priors over codes: new speech, beside n-grams and held-out speech, with players",
            stages=("prepare", "encode", "train", "sample", "measure", "speak", "judge", "report"),
        ),
        RecipeSpec(
            name="quantizers",
            target="vqspeech_recipes.quantizers.recipe:run",
            summary="every registered quantizer under one budget: codes used, likelihood, phonemes, bit rate, speed",
            stages=("prepare", "runs", "compare", "report"),
        ),
    ]
