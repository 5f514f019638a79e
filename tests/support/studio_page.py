"""Requests of a page to a studio, without a browser."""

from __future__ import annotations

import http.client
import io
import json

import soundfile


class Page:
    """Requests of a page."""

    def __init__(self, server, page="page-1"):
        self.server, self.page, self.port = server, page, server.server_port

    def ask(self, method, path, body=None, **headers):
        """Return status, headers and content."""
        own = {"X-Token": self.server.token, "X-Page": self.page}
        given = own | {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {name: value for name, value in given.items() if value is not None})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def json(self, method, path, value=None):
        status, _, content = self.ask(method, path, None if value is None else json.dumps(value))
        assert status == 200, content
        return json.loads(content)

    def refused(self, method, path, value=None):
        """Return status and message of a request that is refused."""
        body = value if value is None or isinstance(value, bytes) else json.dumps(value)
        status, _, content = self.ask(method, path, body)
        assert status >= 400
        return status, content.decode()

    def upload(self, content, name="a.wav"):
        status, _, answer = self.ask("POST", f"/api/clips?name={name}", content)
        assert status == 200, answer
        return json.loads(answer)

    def end(self, job):
        """Wait for the end of a job."""
        version = -1
        while True:
            news = self.json("GET", f"/api/jobs?after={version}")
            version = news["version"]
            (found,) = [one for one in news["jobs"] if one["id"] == job["id"]]
            if found["state"] not in ("waiting", "running"):
                return found

    def do(self, **request):
        """Do a job; return its clips."""
        done = self.end(self.json("POST", "/api/jobs", request))
        assert done["state"] == "done", done
        clips = {clip["id"]: clip for clip in self.json("GET", "/api/state")["clips"]}
        return [clips[one] for one in done["results"]]

    def sound(self, clip):
        return read(self.ask("GET", f"/api/clips/{clip['id']}/sound")[2])


def read(content):
    """Return samples and rate of a WAV."""
    return soundfile.read(io.BytesIO(content), dtype="float32")


def wav(samples, rate=16000, subtype="PCM_16"):
    content = io.BytesIO()
    soundfile.write(content, samples, rate, subtype, format="WAV")
    return content.getvalue()
