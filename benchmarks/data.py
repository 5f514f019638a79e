"""Cost of the data path over corpus size: prepare, open, draw batches, encode.

    python benchmarks/data.py [--sizes 2000,20000,200000] [--workers N] [--audio FOLDER] [--quick] [--json FILE]

Small utterances (0.1 to 0.3 s, 48 different files) show what an utterance costs whatever its length; utterances of 12 s
(FLAC, 16 kHz) show what speech costs. Each figure comes from a fresh process, so that its peak of memory is its own.
Goals: cost and memory per utterance that do not grow with the corpus; batches at ten times what training eats, drawn by
one process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from data_measures import LONG_S, RATE, write_files
from rows import Row, show, write

HOURS = 60_000
FLAT = 1.25
"""A cost is flat when the largest corpus costs at most so many times as much per utterance as the smallest."""


def measured(what: str, folder: Path, kind: str, utterances: int, workers: int) -> dict[str, float]:
    """Return the figures of one measure, from a separate process."""
    script = Path(__file__).with_name("data_measures.py")
    command = [sys.executable, script, what, "--dir", folder, "--kind", kind, "--utterances", utterances]
    command += ["--workers", workers]
    output = subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    print(f"{what}, {kind}, {utterances:,}: {result}", file=sys.stderr, flush=True)
    return result


def table(
    folder: Path, sizes: list[int], encode_sizes: list[int], long: int, workers: int, audio: Path | None
) -> list[Row]:
    """Measure everything."""
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
        Row(case, "training of a small model eats", train["samples_per_second"], "samples/s"),
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
    """Extrapolate to `HOURS` hours in utterances of `LONG_S` seconds.

    Parameters
    ----------
    more : additional cost of an utterance
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
    options = parser.parse_args()
    sizes = [2000, 6000] if options.quick else [int(size) for size in options.sizes.split(",")]
    long = 40 if options.quick else options.long
    with tempfile.TemporaryDirectory(dir=options.dir, prefix="vqspeech-data-") as name:
        needed = 2 * RATE * (sum(sizes) * 0.2 + long * LONG_S) * 1.2 + sum(sizes) * 400
        if shutil.disk_usage(name).free < 2 * needed:
            sys.exit(f"{name} needs {2 * needed / 1e9:.1f} GB of free disk; give another place with --dir")
        encode_sizes = [size for size in sizes if size <= 20_000]
        rows = table(Path(name), sizes, encode_sizes, long, options.workers, options.audio)
    show(rows)
    if options.json:
        write(rows, options.json)


if __name__ == "__main__":
    main()
