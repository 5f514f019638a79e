"""A prepared corpus written by hand, so that a test can write one that `prepare` never would."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vqspeech.corpora.store_index import SCHEMA, write_index
from vqspeech.corpora.store_shard import FORMAT_VERSION, file_sha256, shard_path

ROW = {
    "path": "/data/a.wav",
    "speaker": "p1",
    "text": None,
    "split": "train",
    "start_sample": 0,
    "n_samples": 100,
    "phones": [{"start_s": 0.0, "end_s": 0.5, "label": "AA"}],
}
FACTS: dict[str, Any] = {
    "format_version": FORMAT_VERSION,
    "sample_rate": 16000,
    "utterances": 4,
    "samples": 400,
    "fingerprint": "f" * 64,
    "trim_db": None,
    "speakers": ["p1", "p2"],
    "corpus": {
        "name": "folder", "root": "/data", "variant": "by hand", "synthetic": False, "notes": ["A note."],
        "skipped": {"/data/b.wav": "broken"},
    },
}  # fmt: skip


def rows() -> list[list[dict[str, Any]]]:
    """Two shards of two utterances."""
    return [
        [{**ROW, "id": f"u{shard}{n}", "start_sample": 100 * n, "speaker": f"p{n + 1}"} for n in range(2)]
        for shard in range(2)
    ]


def write_store(folder: Path, written: list[list[dict[str, Any]]] | None = None, **facts: Any) -> Path:
    """Write a store with right checksums; `facts` replace values of store.json, None for one that is left out."""
    written = rows() if written is None else written
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    for number in range(len(written)):
        np.zeros(200, "<i2").tofile(shard_path(folder, number))
    write_index(folder / "index.arrow", [pa.RecordBatch.from_pylist(shard, SCHEMA) for shard in written])
    header = {
        **FACTS,
        "shards": [
            {"utterances": len(shard), "samples": 200, "audio_sha256": file_sha256(shard_path(folder, number))}
            for number, shard in enumerate(written)
        ],
        "index_sha256": file_sha256(folder / "index.arrow"),
        **facts,
    }
    (folder / "store.json").write_text(json.dumps({name: one for name, one in header.items() if one is not None}))
    return folder


def reseal(folder: Path) -> None:
    """Set the checksum of the index in store.json right, after the index was changed."""
    header = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps({**header, "index_sha256": file_sha256(folder / "index.arrow")}))
