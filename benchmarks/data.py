"""The data path against corpus size: preparing, opening, drawing batches, encoding; time and memory per utterance, and of 60,000 hours.

    python benchmarks/data.py [--sizes 2000,20000,200000] [--workers N] [--audio FOLDER] [--quick] [--json FILE]

Small utterances (0.1 to 0.3 s, 48 different files) show what an utterance costs whatever its length; utterances of 12 s (FLAC, 16 kHz) show what speech costs.
Each figure comes from a fresh process, so that its peak of memory is its own. Goals: cost and memory per utterance that do not grow with the
corpus; batches at ten times what training eats, drawn by one process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RATE = 16_000
SMALL_FILES, LONG_FILES = 48, 8
LONG_S = 12.0
BATCH, CROP = 8, 32_000
HOURS = 60_000
FLAT = 1.25
"""A cost is flat when the largest corpus costs at most so many times as much per utterance as the smallest."""


@dataclass(frozen=True)
class Row:
    """One line of the table; `met` is None without a goal."""

    case: str
    metric: str
    value: float
    unit: str
    goal: float | None = None
    met: bool | None = None
    peer: float | None = None


def write_files(folder: Path) -> None:
    """The audio that synthetic corpora point to: tones that glide, with noise."""
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
    """A corpus of so many utterances of forty speakers that point to these files in turn."""
    from vqspeech.corpora.base import Corpus, Utterance, split_of

    files = sorted((folder / kind).iterdir())
    rows = []
    for number in range(utterances):
        name = f"s{number % 40:02}-{number:07}"
        path = files[number % len(files)]
        rows.append(
            Utterance(id=name, path=path, speaker=name[:3], text=f"utterance {number}", split=split_of(name), duration_s=LONG_S if kind == "long" else 0.2)
        )  # fmt: skip
    return Corpus(name="synthetic", root=folder, variant=kind, utterances=tuple(rows), synthetic=True)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """A result and its wall time."""
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def resident() -> int:
    """Resident memory of this process in bytes, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def private() -> int:
    """Memory of this process's own in bytes, now: without pages of mapped files, which the system takes back when it needs them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def peak(who: int = resource.RUSAGE_SELF) -> int:
    """Largest resident memory in bytes of this process, or of the largest child."""
    return resource.getrusage(who).ru_maxrss * 1024


def used() -> float:
    """Seconds of processor time of this process and the children that have ended; a busy machine does not change them much."""
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
    found = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_rss": peak(),
        "corpus_bytes": of_corpus,
        "index_bytes": index,
    }
    return found | {"worker_peak_rss": peak(resource.RUSAGE_CHILDREN) or peak()}


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
    """The configuration of the demo run."""
    from importlib import resources

    from vqspeech.config import read_toml

    return read_toml(Path(str(resources.files("vqspeech_recipes.vctk") / "demo.toml")))


def measure_train(folder: Path, kind: str, utterances: int, _: int) -> dict[str, float]:
    """Samples per second that training the demo model on all cores takes from the store, after the first steps."""
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
    """Encode a store, or the files of a folder of recordings, on one core with the demo model as it is built."""
    import torch

    from vqspeech.checkpoints.store import save
    from vqspeech.config import parse_model
    from vqspeech.encoding.bulk import encode_bulk
    from vqspeech.model import build, load

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = parse_model(model_of_the_recipe()["model"])
    save(folder / "model", build(config, ("a",)).state_dict(), config=config, speakers=("a",), step=0)
    checkpoint = load(folder / "model")
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


def measured(what: str, folder: Path, kind: str, utterances: int, workers: int) -> dict[str, float]:
    """The figures of one measure, from a process of its own."""
    command = [sys.executable, __file__, "--measure", what, "--dir", folder, "--kind", kind, "--sizes", utterances]
    found = subprocess.run(
        [*map(str, command), "--workers", str(workers)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    result: dict[str, float] = json.loads(found.splitlines()[-1])
    print(f"{what}, {kind}, {utterances:,}: {result}", file=sys.stderr, flush=True)
    return result


def table(folder: Path, sizes: list[int], encode_sizes: list[int], long: int, workers: int, audio: Path | None) -> list[Row]:  # fmt: skip
    """All rows."""
    rows: list[Row] = []
    write_files(folder)
    prepared, opened, encoded = {}, {}, {}
    for size in sizes:
        case = f"{size:,} small utterances"
        prepared[size] = one = measured("prepare", folder, "small", size, workers)
        opened[size] = two = measured("open", folder, "small", size, 1)
        rows += [
            Row(case, "prepare", one["seconds"], "s"),
            Row(case, "prepare, CPU per utterance", 1e3 * one["cpu_seconds"] / size, "ms"),
            Row(case, "prepare, peak memory", one["peak_rss"] / 2**20, "MiB"),
            Row(case, "prepare, peak of a worker", one["worker_peak_rss"] / 2**20, "MiB"),
            Row(case, "corpus in memory, per utterance", one["corpus_bytes"] / size, "bytes"),
            Row(case, "index on disk, per utterance", one["index_bytes"] / size, "bytes"),
            Row(case, "open", 1e3 * two["open_seconds"], "ms"),
            Row(case, "store in memory", two["held_bytes"] / 2**20, "MiB"),
            Row(case, "batch(step)", two["crops_per_second"], "crops/s"),
        ]
        if size in encode_sizes:
            encoded[size] = three = measured("encode", folder, "small", size, 1)
            rows += [
                Row(case, "encode, CPU per utterance", 1e3 * three["cpu_seconds"] / size, "ms"),
                Row(case, "encode, own memory at the end", three["private"] / 2**20, "MiB"),
            ]
    low, high = min(sizes), max(sizes)
    grown = (prepared[high]["cpu_seconds"] / high) / (prepared[low]["cpu_seconds"] / low)
    worker = prepared[high]["worker_peak_rss"] / prepared[low]["worker_peak_rss"]
    case = f"{high:,} against {low:,} utterances"
    rows += [
        Row(case, "prepare, CPU per utterance", grown, "x", FLAT, grown <= FLAT),
        Row(case, "peak memory of a worker", worker, "x", FLAT, worker <= FLAT),
    ]
    grown_open, grown_held = (
        (opened[high][name] - opened[low][name]) / (high - low) for name in ("open_seconds", "held_bytes")
    )
    rows += [
        Row(case, "open, each utterance more", 1e6 * grown_open, "us"),
        Row(case, "store in memory, each utterance more", grown_held, "bytes"),
    ]
    case = f"{long:,} utterances of {LONG_S:g} s"
    one = measured("prepare", folder, "long", long, workers)
    two = measured("open", folder, "long", long, 1)
    train = measured("train", folder, "long", long, 1)
    ratio = two["samples_per_second"] / train["samples_per_second"]
    speed = long * LONG_S / one["seconds"]
    rows += [
        Row(case, f"prepare, {workers} processes", speed, "x real time"),
        Row(case, "training of the demo model eats", train["samples_per_second"], "samples/s"),
        Row(case, "batch(step), one process", two["samples_per_second"], "samples/s"),
        Row(case, "batch(step) over training", ratio, "x", 10.0, ratio >= 10),
    ]
    three = measured("encode", folder, "long", long, 1)
    rows.append(Row(case, "encode, one core", three["audio_seconds"] / three["seconds"], "x real time"))
    if audio is not None:
        real = measured("encode", folder, str(audio.absolute()), 0, 1)
        case = f"{audio.name}, {real['utterances']:.0f} files, {real['audio_seconds'] / 60:.0f} min"
        rows.append(Row(case, "encode, one core", real["audio_seconds"] / real["seconds"], "x real time"))
        rows.append(Row(case, "encode, real-time factor", real["seconds"] / real["audio_seconds"], ""))
        rows.append(Row(case, "encode, peak memory", real["peak_rss"] / 2**20, "MiB"))
    more = {"open_seconds": grown_open, "held_bytes": grown_held}
    more |= {name: prepared[high][name] / high for name in ("index_bytes", "corpus_bytes")}
    return rows + extrapolated(
        more, one["cpu_seconds"] / (long * LONG_S), three["cpu_seconds"] / three["audio_seconds"]
    )


def extrapolated(more: dict[str, float], prepare: float, encode: float) -> list[Row]:
    """What `HOURS` hours in utterances of `LONG_S` seconds take, in proportion.

    Parameters
    ----------
    more : what each utterance adds
    prepare, encode : seconds of one core per second of speech
    """
    utterances = HOURS * 3600 / LONG_S
    case = f"{HOURS:,} h in {utterances / 1e6:.0f} M utterances, extrapolated"
    return [
        Row(case, "prepare, core hours", HOURS * prepare, "h"),
        Row(case, "samples on disk", HOURS * 3600 * RATE * 2 / 1e12, "TB"),
        Row(case, "index on disk", more["index_bytes"] * utterances / 1e9, "GB"),
        Row(case, "corpus in memory, prepare only", more["corpus_bytes"] * utterances / 1e9, "GB"),
        Row(case, "store in memory, each process", more["held_bytes"] * utterances / 1e9, "GB"),
        Row(case, "open", more["open_seconds"] * utterances, "s"),
        Row(case, "encode, core hours", HOURS * encode, "h"),
    ]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--sizes", default="2000,20000,200000", help="small utterances of each corpus")
    parser.add_argument("--long", type=int, default=2000, help="utterances of 12 s")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--audio", type=Path, help="a folder of recordings to encode")
    parser.add_argument("--dir", type=Path, help="where to make stores; by default a temporary folder")
    parser.add_argument("--quick", action="store_true", help="corpora of 2,000 and 6,000 small and 40 long utterances")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = [2000, 6000] if options.quick else [int(size) for size in options.sizes.split(",")]
    if options.measure:
        print(json.dumps(MEASURES[options.measure](options.dir, options.kind, sizes[0], options.workers)))
        return
    long = 40 if options.quick else options.long
    with tempfile.TemporaryDirectory(dir=options.dir, prefix="vqspeech-data-") as name:
        needed = 2 * RATE * (sum(sizes) * 0.2 + long * LONG_S) * 1.2 + sum(sizes) * 400
        if shutil.disk_usage(name).free < 2 * needed:
            sys.exit(f"{name} needs {2 * needed / 1e9:.1f} GB of free disk; give another place with --dir")
        rows = table(Path(name), sizes, [size for size in sizes if size <= 20_000], long, options.workers, options.audio)  # fmt: skip
    print(f"{'case':<52} {'metric':<34} {'value':>14} {'unit':<12} {'goal':>6} {'met':>4}")
    for row in rows:
        value = f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:.3g}"
        met = {None: "", True: "yes", False: "NO"}[row.met]
        goal = "" if row.goal is None else f"{row.goal:g}"
        print(f"{row.case:<52} {row.metric:<34} {value:>14} {row.unit:<12} {goal:>6} {met:>4}")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
