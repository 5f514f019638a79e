"""The modality `lab-gesture`: what vqspeech asks of clips, from training to samples."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from vqspeech import parts
from vqspeech.checkpoints.loaded import Loaded
from vqspeech.checkpoints.store import load_weights
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.config import parse, plain
from vqspeech.corpora.base import SPLITS, CorpusFacts
from vqspeech.corpora.reading import check_corpus, read_corpus
from vqspeech.corpora.rows import RowStore, write_rows
from vqspeech.errors import InputError
from vqspeech.nn.quantize.fingerprint import codebook_hash
from vqspeech.training.rows import RowTask
from vqspeech_lab.gestures.model import Batch, GestureVQVAE, ModelConfig


class Task(RowTask):
    """Whole clips, as they are in the store."""

    def __init__(self, config, store):
        self.clips, self.performers = store.arrays["clips"], list(store.facts["performers"])
        model_config = parse(ModelConfig, config.model, "model.")
        self.joints = self.clips.values.shape[1]
        model = GestureVQVAE(model_config, self.joints)
        self.stride = model.stride
        mean = round(float(self.clips.lengths.mean()))
        super().__init__(config, store, model_config, model, values_per_row=mean)

    def frames(self, indices):
        return int((-(-self.clips.lengths[indices] // self.stride)).sum())

    def make(self, rows):
        lengths = self.clips.lengths[rows.indices]
        # one length for all batches, so that a share has the shape of the whole
        longest = -(-int(self.clips.lengths.max()) // self.stride) * self.stride
        clips = np.zeros((len(lengths), longest, self.joints), np.float32)
        for place, (row, length) in enumerate(zip(rows.indices, lengths, strict=True)):
            clips[place, :length] = self.clips[int(row)]
        return Batch(torch.from_numpy(clips).mT.contiguous(), torch.from_numpy(lengths), rows.share)

    def facts(self):
        return {"joints": self.joints, "performers": self.performers}


class Gestures:
    """See `vqspeech.modality.Modality`."""

    def check(self, config):
        model = parse(ModelConfig, config.model, "model.")
        model = dataclasses.replace(model, quantizer=parts.complete("quantizer", model.quantizer))
        check_corpus(config.corpus, "other")
        return dataclasses.replace(config, model=plain(model))

    def prepare(self, config, data_dir, directory, progress):
        corpus = read_corpus(config.corpus, data_dir, "other")
        names = sorted(set(corpus.performers))
        facts = CorpusFacts(name=corpus.name, root=corpus.root, variant=corpus.variant, skipped=corpus.skipped)
        with write_rows(directory) as writer:
            places = np.array([names.index(one) for one in corpus.performers])
            writer.add(corpus.splits, clips=corpus.clips, performer=places)
            writer.finish(facts, {"performers": names})
        return self.open(directory)

    def open(self, directory):
        return RowStore.open(directory)

    def task(self, config, store):
        return Task(config, store)

    def load(self, path, facts, device="cpu"):
        config = parse(ModelConfig, facts["model"], "model.")
        model = GestureVQVAE(config, facts["joints"])
        load_weights(path, model)
        return Loaded(
            model=model.to(device).eval(),
            config=config,
            path=path,
            step=facts["step"],
            facts=facts,
            codebook_sizes=model.codebook_sizes,
            conditions=tuple(facts["performers"]),
        )

    def encode(self, loaded, inputs, *, progress=None):
        rows = []
        for path in inputs:
            try:
                clip = np.load(path)
            except (OSError, ValueError) as error:
                raise InputError(f"cannot read {path}: {error}") from error
            rows.append(self._row(loaded, path.stem, clip, performer=path.stem.rpartition("_")[0], path=str(path)))
        return self._table(loaded, rows)

    def encode_store(self, loaded, store, *, progress=None):
        names, rows = store.facts["performers"], []
        for number, clip in enumerate(store.arrays["clips"]):
            performer, split = names[int(store.arrays["performer"][number])], SPLITS[store.splits[number]]
            rows.append(self._row(loaded, f"clip-{number:06}", clip, performer=performer, split=split))
        return self._table(loaded, rows)

    def decode(self, loaded, table, out, options):
        if table.codebook != codebook_hash(loaded.model):
            raise InputError(f"the table holds codes of another model than {loaded.path}")
        out.mkdir(parents=True, exist_ok=True)
        paths = table.files(out, ".npy")
        for path, row in zip(paths, table, strict=True):
            np.save(path, self._clip(loaded, row))
        return paths

    def preview(self, loaded, table, path):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 2))
        figure.subplots().plot(self._clip(loaded, table.rows[0]))
        figure.savefig(path)
        return path

    def _clip(self, loaded, row):
        clip = loaded.model.decode(torch.from_numpy(row.codes).to(loaded.device)).cpu().numpy()
        return clip[: row.n_samples or None]

    def _row(self, loaded, name, clip, *, performer, split="", path=""):
        codes = loaded.model.encode(torch.from_numpy(np.array(clip, np.float32)).to(loaded.device)).cpu().numpy()
        return UtteranceCodes(id=name, speaker=performer, split=split, path=path, n_samples=len(clip), codes=codes)

    def _table(self, loaded, rows):
        return CodeTable(
            sample_rate=loaded.config.rate_hz,
            hop_samples=loaded.config.stride,
            codebook_sizes=tuple(loaded.codebook_sizes),
            rows=rows,
            modality="lab-gesture",
            codebook=codebook_hash(loaded.model),
        )
