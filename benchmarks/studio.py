"""`vqspeech studio` over HTTP: start to page, and a recording to the whole converted WAV.

    python benchmarks/studio.py english RECORDING --voices slt bdl --seconds 5

Each round sends the recording anew, converts it to the first voice (codes and F0 are computed), then to the second
(codes are known). The first round waits for the warming up of the studio and is shown apart.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import re
import subprocess
import sys
import time
from typing import Any

import numpy as np
import soundfile

IMPORTS = "import vqspeech.studio.models, vqspeech.studio.server, vqspeech.studio.work"


class Page:
    """Requests to a studio."""

    def __init__(self, url: str) -> None:
        self.port, self.token = int(re.findall(r":(\d+)/", url)[0]), url.partition("token=")[2]

    def ask(self, method: str, path: str, body: bytes | str | None = None) -> bytes:
        """Return the answer to a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(method, path, body, {"X-Token": self.token, "X-Page": "benchmark"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(content.decode())
        return content

    def convert(self, clip: str, model: str, speaker: str) -> float:
        """Return the seconds from the request to the whole WAV."""
        started, version = time.perf_counter(), -1
        wish = {"kind": "convert", "clip": clip, "model": model, "speaker": speaker}
        job = json.loads(self.ask("POST", "/api/jobs", json.dumps(wish)))["id"]
        while True:
            news: dict[str, Any] = json.loads(self.ask("GET", f"/api/jobs?after={version}"))
            version = news["version"]
            (found,) = [one for one in news["jobs"] if one["id"] == job]
            if found["state"] == "done":
                self.ask("GET", f"/api/clips/{found['results'][0]}/sound")
                return time.perf_counter() - started
            if found["state"] not in ("waiting", "running"):
                raise SystemExit(found["message"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("run")
    parser.add_argument("recording")
    parser.add_argument("--voices", nargs=2, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    samples, rate = soundfile.read(given.recording, always_2d=True)
    content = io.BytesIO()
    soundfile.write(content, np.resize(samples[:, 0], round(given.seconds * rate)), rate, format="WAV")

    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    imports = time.perf_counter() - started
    started = time.perf_counter()
    command = [sys.executable, "-m", "vqspeech", "studio", given.run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as studio:
        assert studio.stdout is not None
        url = re.findall(r"http\S+", studio.stdout.readline())[0]
        page = Page(url)
        page.ask("GET", f"/?token={page.token}")
        print(f"imports {imports:.2f} s, start to page {time.perf_counter() - started:.2f} s with them")
        model = json.loads(page.ask("GET", "/api/state"))["models"][0]["name"]
        times = []
        for _ in range(given.rounds + 1):
            clip = json.loads(page.ask("POST", "/api/clips?name=a.wav", content.getvalue()))["id"]
            times.append([page.convert(clip, model, voice) for voice in given.voices])
        studio.terminate()
    print(f"first round, with warming up: {times[0][0]:.2f} s")
    for name, column in zip(("new recording", "another voice"), np.array(times[1:]).T, strict=True):
        low, middle, high = np.quantile(column, (0, 0.5, 1))
        print(f"{name}: {middle:.3f} s ({low:.3f} to {high:.3f}), {middle / given.seconds:.3f} of real time")


if __name__ == "__main__":
    main()
