"""Tables of codes from audio, and audio from tables of codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from vqspeech import audio
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.conversion import stream_number
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import AudioError, InputError
from vqspeech.model import Checkpoint
from vqspeech.sampling import LazyConditions, Sampling, sample

Report = Callable[[int, int], None]


def encode_files(
    checkpoint: Checkpoint,
    files: Sequence[Path],
    progress: Report | None = None,
    facts: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[CodeTable, dict[str, str]]:
    """Codes of audio files, and the files that could not be read with the reason of each.

    Parameters
    ----------
    facts : path -> ``id``, ``speaker`` and ``split`` of files of a corpus; loose files are named after themselves

    Raises
    ------
    AudioError : when no file could be read
    """
    rows, skipped = [], {}
    names = unique_names(files)
    for number, (path, name) in enumerate(zip(files, names, strict=True)):
        try:
            waveform = audio.read(path, checkpoint.config.sample_rate)
        except AudioError as error:
            skipped[str(path)] = str(error)
        else:
            known = facts[str(path)] if facts is not None else {"id": name, "speaker": "", "split": ""}
            rows.append(_row(checkpoint, waveform, **known, path=str(path)))
        if progress is not None:
            progress(number + 1, len(files))
    if not rows:
        raise AudioError(f"none of {len(files)} files could be read; the first: {next(iter(skipped.values()))}")
    return _table(checkpoint, rows), skipped


def encode_store(checkpoint: Checkpoint, store: AudioStore, progress: Report | None = None) -> CodeTable:
    """Codes of every utterance of a store."""
    rows = []
    for index, item in enumerate(store.rows):
        waveform = store.waveform(index)
        rows.append(_row(checkpoint, waveform, id=item.id, speaker=item.speaker, split=item.split, path=str(item.path)))
        if progress is not None:
            progress(index + 1, len(store.rows))
    return _table(checkpoint, rows)


@torch.inference_mode()
def decode_table(
    checkpoint: Checkpoint,
    table: CodeTable,
    speaker: str,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    progress: Report | None = None,
) -> Sampling:
    """Sample every row of a table in one speaker's voice.

    Raises
    ------
    InputError : when the table is of a model with another hop or other codebooks
    UnknownNameError : when the model does not know the speaker
    """
    model = checkpoint.model
    wanted = (checkpoint.config.sample_rate, model.hop_samples, model.quantizer.codebook_sizes)
    if (table.sample_rate, table.hop_samples, table.codebook_sizes) != wanted:
        raise InputError(
            f"these codes are of another model: {table.sample_rate} Hz, {table.hop_samples} samples per code, codebooks of "
            f"{table.codebook_sizes}; {checkpoint.path} has {wanted[0]} Hz, {wanted[1]} and {wanted[2]}"
        )
    index = torch.tensor([checkpoint.speaker_index(speaker)], device=checkpoint.device)
    for row in table:
        if any(
            codes.min(initial=0) < 0 or codes.max(initial=0) >= size
            for codes, size in zip(row.codes, wanted[2], strict=True)
        ):
            raise InputError(f"{row.id} has codes outside its codebooks of {wanted[2]}; the table is damaged")
    latents = (model.quantizer.decode(torch.from_numpy(row.codes)[None].to(checkpoint.device))[0] for row in table)
    conditions = [LazyConditions(model.decoder, rows, index) for rows in latents]
    return sample(
        model.decoder,
        conditions,
        [row.n_samples for row in table],
        seed=seed,
        streams=[stream_number(row.id) for row in table],
        temperature=temperature,
        progress=progress,
    )


@torch.inference_mode()
def _row(checkpoint: Checkpoint, waveform: np.ndarray, **facts: str) -> UtteranceCodes:
    codes = checkpoint.model.encode(torch.from_numpy(waveform)[None].to(checkpoint.device))[0].cpu().numpy()
    return UtteranceCodes(**facts, n_samples=len(waveform), codes=codes)


def _table(checkpoint: Checkpoint, rows: Sequence[UtteranceCodes]) -> CodeTable:
    return CodeTable(
        sample_rate=checkpoint.config.sample_rate,
        hop_samples=checkpoint.model.hop_samples,
        codebook_sizes=tuple(checkpoint.model.quantizer.codebook_sizes),
        rows=tuple(rows),
    )


def unique_names(files: Sequence[Path]) -> list[str]:
    """A name for each file: its stem, with the parent folders that it takes to tell files of the same stem apart.

    Files that differ in their ending only keep it in the name; a file given twice gets a number.
    """
    paths = [path.absolute() for path in files]
    places = Counter(path.with_suffix("") for path in set(paths))
    stems = [path.stem if places[path.with_suffix("")] == 1 else path.name.replace(".", "_") for path in paths]
    names, depth = list(stems), 1
    while len(again := {name for name, count in Counter(names).items() if count > 1}) > 0 and depth < 32:
        depth += 1
        for place, path in enumerate(paths):
            if names[place] in again and paths.count(path) == 1:
                parents = path.parent.parts[1:]
                names[place] = "_".join([*parents[max(0, len(parents) + 1 - depth) :], stems[place]])
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        seen[name] += 1
        names[place] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return names
