"""Measurements of the data path for `benchmarks/data.py`, each in a separate process.

    python benchmarks/data_measures.py prepare|open|train|encode --dir FOLDER --kind small|long --utterances N

Prints a JSON object of figures.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RATE = 16_000
SMALL_FILES, LONG_FILES = 48, 8
LONG_S = 12.0
BATCH, CROP = 8, 32_000


def write_files(folder: Path) -> None:
    """Write the audio of synthetic corpora: gliding tones with noise."""
    import numpy as np

    from vqspeech import audio

    rng = np.random.default_rng(0)
    for kind, count in (("small", SMALL_FILES), ("long", LONG_FILES)):
        for number in range(count):
            seconds = LONG_S if kind == "long" else 0.1 + 0.2 * number / count
            at = np.arange(int(seconds * RATE)) / RATE
            tone = 0.3 * np.sin(2 * np.pi * (100 + number) * at * (1 + 0.1 * at)) + 0.02 * rng.normal(size=len(at))
            audio.write(folder / kind / f"{number}.{'flac' if kind == 'long' else 'wav'}", tone, RATE)


def corpus_of(folder: Path, kind: str, utterances: int) -> Any:
    """Make a corpus of `utterances` utterances of forty speakers over these files."""
    from vqspeech.corpora.base import Corpus, Utterance, split_of

    files = sorted((folder / kind).iterdir())
    rows = []
    for number in range(utterances):
        name = f"s{number % 40:02}-{number:07}"
        path = files[number % len(files)]
        facts = {"id": name, "path": path, "speaker": name[:3], "text": f"utterance {number}", "split": split_of(name)}
        rows.append(Utterance(**facts, duration_s=LONG_S if kind == "long" else 0.2))
    return Corpus(name="synthetic", root=folder, variant=kind, utterances=tuple(rows), synthetic=True)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return a result and its wall time."""
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def resident() -> int:
    """Resident memory of this process in bytes, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def private() -> int:
    """Return the bytes of private memory of this process, without mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def peak(who: int = resource.RUSAGE_SELF) -> int:
    """Largest resident memory in bytes of this process, or of the largest child."""
    return resource.getrusage(who).ru_maxrss * 1024


def used() -> float:
    """Return the seconds of processor time of this process and its ended children."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def measure_prepare(folder: Path, kind: str, utterances: int, workers: int) -> dict[str, float]:
    """Make a store ``folder/store-KIND-N``."""
    from vqspeech.corpora.store import prepare

    before = resident()
    corpus = corpus_of(folder, kind, utterances)
    of_corpus = resident() - before
    target = folder / f"store-{kind}-{utterances}"
    cpu = used()
    _, seconds = timed(lambda: prepare(corpus, target, workers=workers))
    cpu = used() - cpu
    index = (target / "index.arrow").stat().st_size + (target / "store.json").stat().st_size
    figures = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_rss": peak(),
        "corpus_bytes": of_corpus,
        "index_bytes": index,
    }
    return figures | {"worker_peak_rss": peak(resource.RUSAGE_CHILDREN) or peak()}


def measure_open(folder: Path, kind: str, utterances: int, _: int) -> dict[str, float]:
    """Open the store, ask for its training split, and draw batches from it in this one process."""
    import torch

    from vqspeech.corpora.store import AudioStore
    from vqspeech.training.batches import SpeechBatches

    torch.set_num_threads(1)
    before = private()
    store, opening = timed(lambda: AudioStore.open(folder / f"store-{kind}-{utterances}"))
    train, indexing = timed(lambda: store.indices("train"))
    batches = SpeechBatches(
        store, train, store.speakers, seed=0, batch_size=BATCH, crop_samples=CROP, window_samples=0, hop_samples=640
    )
    held = private() - before
    samples, step, begin = 0, 0, time.perf_counter()
    while time.perf_counter() - begin < 3.0:
        samples += int(batches(step).lengths.sum())
        step += 1
    spent = time.perf_counter() - begin
    return {
        "open_seconds": opening + indexing,
        "held_bytes": held,
        "samples_per_second": samples / spent,
        "crops_per_second": BATCH * step / spent,
    }


def model_of_the_recipe() -> Any:
    """Return the configuration of the recipe `quantizers`, with a quantizer."""
    from importlib import resources

    from vqspeech.config import read_toml

    values = read_toml(Path(str(resources.files("vqspeech_recipes.quantizers") / "quantizers.toml")))
    values["model"]["quantizer"] = {"name": "ema", "codebook_size": 128, "revive_below": 0.5}
    return values


def measure_train(folder: Path, kind: str, utterances: int, _: int) -> dict[str, float]:
    """Measure the samples per second that training a small model takes from the store."""
    from vqspeech.corpora.store import AudioStore
    from vqspeech.runs import RunDirectory
    from vqspeech.training import run as runs
    from vqspeech.training.metrics import read_metrics

    values, steps = model_of_the_recipe(), 40
    often = {"log_every": 1, "validate_every": 10**6, "checkpoint_every": 10**6, "steps": steps, "batch_size": BATCH}
    train = {**values["train"], **often, "crop_samples": CROP, "start_crops": 16}
    config = runs.checked({"corpus": {"name": "folder"}, "model": values["model"], "train": train})
    out = folder / "run"
    runs.open_run(out, config, fresh=True)
    runs.train(config, out, AudioStore.open(folder / f"store-{kind}-{utterances}"))
    rows = [row for row in read_metrics(RunDirectory(out).metrics) if row["split"] == "train"]
    first, last = rows[len(rows) // 2], rows[-1]
    return {"samples_per_second": (last["step"] - first["step"]) * BATCH * CROP / (last["seconds"] - first["seconds"])}


def measure_encode(folder: Path, kind: str, utterances: int, _: int) -> dict[str, float]:
    """Encode a store, or a folder of recordings, on one core with an untrained small model."""
    import torch

    from vqspeech.checkpoints.store import save
    from vqspeech.codec.load import load_speech
    from vqspeech.config import parse_model
    from vqspeech.encoding.bulk import encode_bulk
    from vqspeech.model import build

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = parse_model(model_of_the_recipe()["model"])
    save(folder / "model", build(config, ("a",)).state_dict(), config=config, speakers=("a",), step=0)
    checkpoint = load_speech(folder / "model")
    source = folder / f"store-{kind}-{utterances}" if utterances else Path(kind)
    cpu = time.process_time()
    result, seconds = timed(lambda: encode_bulk(checkpoint, [source], folder / "codes.parquet"))
    cpu = time.process_time() - cpu
    (folder / "codes.parquet").unlink()
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "utterances": result.encoded.utterances,
        "audio_seconds": result.encoded.seconds,
        "peak_rss": peak(),
        "private": private(),
    }


MEASURES = {"prepare": measure_prepare, "open": measure_open, "train": measure_train, "encode": measure_encode}


def main() -> None:
    """Measure one thing and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("measure", choices=MEASURES)
    parser.add_argument("--dir", type=Path, required=True, help="the folder of stores")
    parser.add_argument("--kind", required=True, help="small, long, or a folder of recordings with 0 utterances")
    parser.add_argument("--utterances", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(MEASURES[options.measure](options.dir, options.kind, options.utterances, options.workers)))


if __name__ == "__main__":
    main()
