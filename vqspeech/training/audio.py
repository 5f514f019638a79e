"""The audio modality: speech corpora, the VQ-VAE on speech, and crops of it."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vqspeech import audio
from vqspeech import model as models
from vqspeech.alignment.base import Alignment
from vqspeech.alignment.inventories import named
from vqspeech.checkpoints import store
from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable
from vqspeech.config import ModelConfig, RunConfig, parse_model, plain
from vqspeech.config.faults import Faults
from vqspeech.corpora.aligning import aligned
from vqspeech.corpora.contours import Contours, contours
from vqspeech.corpora.phone_labels import PhoneLabels
from vqspeech.corpora.reading import check_corpus, read_corpus
from vqspeech.corpora.store import AudioStore, prepare
from vqspeech.encoding import decode_table, encode_files, encode_store
from vqspeech.errors import CheckpointError, ConfigError
from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.nn.vqvae import VQVAE
from vqspeech.training import codes_from
from vqspeech.training.batches import SpeechBatches
from vqspeech.training.draws import START, VALID
from vqspeech.training.voices import Voices

Progress = Callable[[int, int], None]


class AudioTask:
    """A VQ-VAE and crops of a store; see `vqspeech.modality.Task`."""

    def __init__(self, config: RunConfig, store: AudioStore) -> None:
        self.config = config
        self.store = store
        self.model_config = parse_model(config.model)
        self.voices = Voices.of(store)
        self.model = models.build(self.model_config, self.voices.speakers)
        self.model.decoder.compilation = config.train.compile
        self.codes, heard = None, set(self.voices.speakers)
        if self.model_config.codes_from is not None:
            source = load_speech(self.model_config.codes_from)
            self.codes = codes_from.copy_codes(source, self.model)
            heard |= set(source.heard_speakers)
        self._heard = sorted(heard)
        self.model.encoder.load_pretrained()
        self.codebook_sizes = self.model.quantizer.codebook_sizes
        train = config.train
        self.contours = self._pitch()
        target = self._target()
        phones = self.model_config.phones
        labels = PhoneLabels.of(store, named(phones.inventory)) if phones.weight > 0 else None

        def crops(indices: npt.NDArray[np.int64], window_samples: int, balance: float = 0.0) -> SpeechBatches:
            return SpeechBatches(
                store,
                indices,
                self.voices.speakers,
                seed=config.seed,
                batch_size=train.batch_size,
                crop_samples=train.crop_samples,
                window_samples=window_samples,
                hop_samples=self.model.hop_samples,
                contours=self.contours,
                target=target,
                labels=labels,
                balance=balance,
            )

        self._train = crops(store.indices("train"), train.window_samples, train.speaker_balance)
        held_out = self._held_out()
        self._valid = crops(held_out if len(held_out) else store.indices("train"), 0)
        self.steps_per_epoch = self._train.steps_per_epoch
        self.samples_per_step = train.batch_size * self._train.crop_frames * self.model.hop_samples
        self.fingerprint = store.fingerprint if self.codes is None else f"{store.fingerprint}/{self.codes.fingerprint}"

    def _held_out(self) -> npt.NDArray[np.int64]:
        """Find the validation utterances of trained speakers; warn of the others, for which the decoder has no row."""
        every = self.store.indices("valid")
        known = self.voices.rows(self.store, every)
        if len(known) < len(every):
            instead = "" if len(known) else "; training utterances are used instead, so its figures are optimistic"
            warnings.warn(
                f"validation without {len(every) - len(known)} of {len(every)} utterances, whose speakers have no "
                f"training utterance and so no voice{instead}",
                stacklevel=2,
            )
        return known

    def _pitch(self) -> Contours | None:
        """Open the contours of the store where the model needs pitch, and fit the decoder to its speakers."""
        if not self.model.needs_pitch:
            return None
        made, decoder = contours(self.store), self.model.decoder
        if not decoder.needs_pitch:
            return made
        mean, std = made.statistics(self.store, self.store.indices("train"), self.voices.speakers)
        decoder.fit_pitch(torch.from_numpy(mean), torch.from_numpy(std))
        return made

    def _target(self) -> AudioStore | None:
        """Open the corpus at the rate of the decoder, where that is another.

        Raises
        ------
        CheckpointError : when it was not prepared, or has other rows
        """
        rate = self.model.decoder.sample_rate
        if rate == self.store.sample_rate:
            return None
        target = AudioStore.open(at_rate(self.store.directory, rate))
        if list(target.rows.ids()) != list(self.store.rows.ids()):
            raise CheckpointError(
                f"{target.directory} and {self.store.directory} hold other utterances; start over with --fresh"
            )
        return target

    def batch(self, step: int, rank: int, ranks: int) -> SpeechBatch:
        """Draw crops of the training split."""
        return self._train(step, rank=rank, ranks=ranks)

    def validation_batch(self, number: int, rank: int, ranks: int) -> SpeechBatch:
        """Make a batch of whole crops of the validation split, or of the training split where it has no known speaker.

        There are at least two, so that codes can be swapped between them. The decoder sees them whole: at the start of
        a short window its past is empty, which would count against it.
        """
        crops = max(2, self.config.train.batch_size)
        return self._valid(number, stream=VALID, rank=rank, ranks=ranks, crops=crops)

    def start_batch(self) -> SpeechBatch:
        """Draw ``train.start_crops`` crops of the training split."""
        return self._train(0, stream=START, crops=self.config.train.start_crops)

    def save(self, directory: Path, weights: Mapping[str, Tensor], step: int, state: Mapping[str, Any]) -> None:
        """Write a checkpoint directory; see `vqspeech.checkpoints.store.save`."""
        corpus = self.store.corpus
        codes = {} if self.codes is None else {"codes_from": dataclasses.asdict(self.codes)}
        store.save(
            directory,
            weights,
            config=self.model_config,
            speakers=self.voices.speakers,
            step=step,
            state=state,
            facts={
                "run": plain(self.config),
                "corpus": {"name": corpus.name, "variant": corpus.variant, "synthetic": corpus.synthetic},
                "data": self.store.fingerprint,
                "speaker_notes": self.voices.notes(),
                "heard_speakers": self._heard,
                "decoder_path": self.model.decoder.computation,
                **codes,
            },
        )


def at_rate(directory: Path, rate: int) -> Path:
    """Return the store of the same corpus at the rate of a decoder in Hz, beside that at the encoder's rate."""
    return directory.with_name(f"{directory.name}-{rate}")


def _probe(model: ModelConfig) -> VQVAE:
    """Build the model of a configuration for its facts, without a draw from torch's global generator."""
    with torch.random.fork_rng(devices=[]):
        return models.build(model, ("any",))


def _alignments(directory: Path) -> dict[str, Alignment]:
    """Return utterance id -> alignment of a store, where there is one."""
    if not (directory / "store.json").is_file():
        return {}
    return {row.id: row.alignment for row in AudioStore.open(directory).rows if row.alignment is not None}


class AudioModality:
    """Speech; see `vqspeech.modality.Modality`."""

    def check(self, config: RunConfig) -> RunConfig:
        """Check the model against the presets and the registered parts, and fill in all defaults."""
        faults = Faults()
        with faults.caught():
            model = models.completed(codes_from.with_codes(config.model))
        with faults.caught():
            check_corpus(config.corpus, "audio")
        faults.reraise()
        hop = _probe(model).hop_samples
        if config.train.crop_samples < hop:
            raise ConfigError(f"train.crop_samples = {config.train.crop_samples} is less than one code, {hop} samples")
        return dataclasses.replace(config, model=plain(model))

    def prepare(
        self, config: RunConfig, data_dir: Path | None, directory: Path, progress: Callable[[int, int], None] | None
    ) -> AudioStore:
        """Read the corpus and decode it into an `AudioStore`."""
        corpus = read_corpus(config.corpus, data_dir)
        if config.corpus.aligner is not None:
            corpus = aligned(corpus, config.corpus.aligner, _alignments(directory), progress)
        model = parse_model(config.model)
        decoder = _probe(model).decoder
        trim_db = config.corpus.trim_db
        if decoder.sample_rate != model.sample_rate:
            if trim_db is not None:
                raise ConfigError(
                    f"corpus.trim_db = {trim_db} cuts recordings differently at {model.sample_rate} and "
                    f"{decoder.sample_rate} Hz; omit it, or model.decoder.output_rate"
                )
            prepare(corpus, at_rate(directory, decoder.sample_rate), sample_rate=decoder.sample_rate, progress=progress)
        store = prepare(corpus, directory, sample_rate=model.sample_rate, trim_db=trim_db, progress=progress)
        self.complete(config, store, progress)
        return store

    def complete(self, config: RunConfig, store: AudioStore, progress: Callable[[int, int], None] | None) -> None:
        """Measure F0 where the model needs it and the store has none."""
        model = parse_model(config.model)
        if model.spectral.pitch or _probe(model).decoder.needs_pitch:
            contours(store, progress=progress)

    def open(self, directory: Path) -> AudioStore:
        """Open an `AudioStore`."""
        return AudioStore.open(directory)

    def task(self, config: RunConfig, store: AudioStore) -> AudioTask:
        """Build the model and its batches over the store."""
        return AudioTask(config, store)

    def load(self, path: Path, facts: Mapping[str, Any], device: torch.device | str) -> SpeechCodec:
        """Load a checkpoint.

        Raises
        ------
        CheckpointError : when it is damaged, or its weights do not fit its configuration
        """
        try:
            values, speakers, step = {**facts["model"], "preset": None}, tuple(facts["speakers"]), int(facts["step"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}/config.json is not that of a speech model: {error}") from error
        config = parse_model(values)
        with torch.random.fork_rng(devices=[]):
            model = models.build(config, speakers)
        store.load_weights(path, model)
        model.encoder.load_pretrained()
        return SpeechCodec(
            model=model.to(device).eval(), config=config, speakers=speakers, step=step, path=path, facts=dict(facts)
        )

    def encode(self, loaded: SpeechCodec, inputs: Sequence[Path], *, progress: Progress | None = None) -> CodeTable:
        """Encode audio files, and all those below folders; unreadable ones are skipped with a warning."""
        table, skipped = encode_files(loaded, audio.find_audio(inputs), progress)
        for path, reason in skipped.items():
            warnings.warn(f"skipped {path}: {reason}", stacklevel=2)
        return table

    def encode_store(self, loaded: SpeechCodec, store: AudioStore, *, progress: Progress | None = None) -> CodeTable:
        """Encode every utterance of a run's store."""
        return encode_store(loaded, store, progress)

    def decode(self, loaded: SpeechCodec, table: CodeTable, out: Path, options: Mapping[str, Any]) -> list[Path]:
        """Write a wav file per row; options: ``speaker`` (None: each row's own) and `SpeakOptions`."""
        speaker, paths = options.get("speaker"), table.files(out, ".wav")
        speech = decode_table(
            loaded, table, speaker, SpeakOptions(**{k: v for k, v in options.items() if k != "speaker"})
        )
        for path, waveform in zip(paths, speech.waveforms, strict=True):
            audio.write(path, waveform, loaded.output_rate)
        return paths

    def preview(self, loaded: SpeechCodec, table: CodeTable, path: Path) -> Path:
        """Write the first row, in its own voice or the model's first, as a wav file."""
        row = table.rows[0]
        speaker = row.speaker if row.speaker in loaded.speakers else next(iter(loaded.speakers), "")
        speech = decode_table(loaded, dataclasses.replace(table, rows=(row,)), speaker)
        path = path.with_suffix(".wav")
        audio.write(path, speech.waveforms[0], loaded.output_rate)
        return path
