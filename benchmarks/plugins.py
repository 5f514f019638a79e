"""Time of ``vqspeech plugins list`` with fifty fake distributions, five of them broken.

    python benchmarks/plugins.py [--json FILE] [--runs 10]

Each run is a separate process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODULE = """
import vqspeech
from vqspeech.registry.specs import QuantizerSpec

@vqspeech.hookimpl
def register_quantizers():
    return [QuantizerSpec(name="q{number}", target="vqspeech_p{number}:make", summary="number {number}")]
"""
BROKEN = (
    "raise ImportError('libfoo.so is missing')\n",
    MODULE.replace("register_quantizers()", "register_quantizers(registry)"),
    MODULE.replace("    return", "    raise RuntimeError('no luck')\n    return"),
    MODULE.replace("register_quantizers", "register_unheard_of"),
    MODULE.replace('summary="number', 'api=99, summary="number'),
)
COMMAND = "import sys\nfrom vqspeech.cli.main import main\nsys.argv = ['vqspeech', 'plugins', 'list']\nmain()"


def plant(site: Path, count: int) -> None:
    """Fake distributions; the first ones are broken, each in its own way."""
    for number in range(count):
        source = BROKEN[number] if number < len(BROKEN) else MODULE
        (site / f"vqspeech_p{number}.py").write_text(source.replace("{number}", str(number)))
        info = site / f"vqspeech_p{number}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vqspeech-p{number}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(f"[vqspeech]\np{number} = vqspeech_p{number}\n")


def measure(site: Path, names: str, runs: int) -> tuple[list[float], str, bool]:
    """Return seconds of each run, stderr of the first, and whether torch was imported."""
    environ = os.environ | {"PYTHONPATH": str(site), "VQSPEECH_PLUGINS": names, "VQSPEECH_STRICT_PLUGINS": ""}
    seconds, messages = [], ""
    for _ in range(runs):
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, env=environ, check=True)
        seconds.append(time.perf_counter() - begin)
        messages = done.stderr
    code = COMMAND.replace("main()", "\ntry:\n    main()\nfinally:\n    print('torch' in sys.modules, file=sys.stderr)")
    last = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)
    return seconds, messages, last.stderr.splitlines()[-1] == "True"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the rows there")
    parser.add_argument("--runs", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder), 50)
        names = ",".join(f"p{number}" for number in range(50))
        # Writes the .pyc files, as pip does.
        measure(Path(folder), names, 1)
        seconds, messages, torch = measure(Path(folder), names, arguments.runs)
        bare, _, _ = measure(Path(folder), "", arguments.runs)
    case = "plugins list, 50 distributions, 5 broken"
    median = statistics.median(seconds)
    rows = [
        {"case": case, "metric": "median time", "value": median, "unit": "s", "goal": 0.5, "met": median < 0.5},
        {"case": case, "metric": "slowest", "value": max(seconds), "unit": "s", "goal": None, "met": None},
        {
            "case": case,
            "metric": "lines on stderr",
            "value": len(messages.splitlines()),
            "unit": "",
            "goal": 5,
            "met": messages.count("\n") == 5,
        },
        {"case": case, "metric": "torch imported", "value": torch, "unit": "", "goal": False, "met": not torch},
        {
            "case": "plugins list, none",
            "metric": "median time",
            "value": statistics.median(bare),
            "unit": "s",
            "goal": None,
            "met": None,
        },
    ]
    for row in rows:
        print(f"{row['case']:42} {row['metric']:16} {row['value']} {row['unit']}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
