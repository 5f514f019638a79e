"""The server of a studio: its page, and the requests that the page makes."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote

from vqspeech import audio
from vqspeech.errors import InputError, VQSpeechError
from vqspeech.local_page import LOOPBACK, PageHandler, PageServer
from vqspeech.studio.jobs import BusyError
from vqspeech.studio.page import policy, rendered
from vqspeech.studio.pictures import spectrogram_png
from vqspeech.studio.uploads import MOST_BYTES, receive
from vqspeech.studio.work import Studio
from vqspeech.untrusted import json_object

MOST_JSON = 200_000
"""Largest body of a request that is no file, in bytes."""

NEWS_S = 20.0
"""Longest time that a request for news waits, in seconds."""

_PAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


class StudioServer(PageServer):
    """Serves a studio.

    Parameters
    ----------
    studio : models, sounds and jobs
    port, address : see `PageServer`

    Raises
    ------
    InputError : when address and port cannot be used
    """

    def __init__(self, studio: Studio, port: int = 0, address: str = LOOPBACK) -> None:
        self.studio = studio
        super().__init__(StudioHandler, port, address)


class StudioHandler(PageHandler):
    """Answers the requests of the page. All but the page itself have the token in the header ``X-Token``.

    | request | answer |
    |---|---|
    | ``GET /`` | the page |
    | ``GET /api/state`` | models, priors, sounds and limits |
    | ``POST /api/clips?name=NAME`` | takes a file; the recording |
    | ``GET /api/clips/ID/sound``, ``spectrogram``, ``codes`` | WAV, PNG, JSON |
    | ``DELETE /api/clips/ID`` | deletes a sound |
    | ``POST /api/jobs`` | takes what to do; the job |
    | ``GET /api/jobs?after=VERSION`` | jobs of this page, once they are of another version |
    | ``DELETE /api/jobs/ID`` | cancels a job |
    """

    server: StudioServer

    def answer(self) -> None:
        """Answer a request for the page, or of the page."""
        address = self.address
        if address.path == "/" and self.command == "GET":
            if self.permitted(parse_qs(address.query).get("token", [""])[0]):
                nonce = secrets.token_urlsafe(12)
                headers = {"Content-Security-Policy": policy(nonce), "Permissions-Policy": "microphone=(self)"}
                page = rendered(nonce, self.server.token).encode()
                self.send(HTTPStatus.OK, "text/html; charset=utf-8", page, headers)
            return
        if not self.permitted(self.headers.get("X-Token", "")):
            return
        routes = self._routes()[self.command]
        first, *parts = [unquote(part) for part in address.path.removeprefix("/api/").split("/")]
        if not address.path.startswith("/api/") or first not in routes:
            return self.say(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        try:
            routes[first](parts, query)
        except BusyError as error:
            self.say(HTTPStatus.TOO_MANY_REQUESTS, str(error))
        except InputError as error:
            self.say(HTTPStatus.BAD_REQUEST, str(error))
        except VQSpeechError as error:
            self.say(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    def _routes(self) -> dict[str, dict[str, Callable[[list[str], dict[str, str]], None]]]:
        """Return method -> first part of the address below /api/ -> what answers."""
        return {
            "GET": {"state": self._state, "jobs": self._news, "clips": self._clip},
            "POST": {"clips": self._upload, "jobs": self._start},
            "DELETE": {"clips": self._remove, "jobs": self._cancel},
        }

    def _state(self, parts: list[str], query: dict[str, str]) -> None:
        self._json({**self.server.studio.state(), "most_bytes": MOST_BYTES})

    def _news(self, parts: list[str], query: dict[str, str]) -> None:
        after = query.get("after", "-1")
        version = int(after) if re.fullmatch(r"[0-9]{1,15}", after) else -1
        self._json(self.server.studio.queue.news(self._page_id(), version, NEWS_S))

    def _clip(self, parts: list[str], query: dict[str, str]) -> None:
        identity, what = (*parts, "", "")[:2]
        clip = self.server.studio.clips.get(identity)
        if what == "sound":
            content = bytes(audio.file_content(clip.waveform, clip.sample_rate))
            self.send(HTTPStatus.OK, "audio/wav", content)
        elif what == "spectrogram":
            self.send(HTTPStatus.OK, "image/png", spectrogram_png(clip.samples(), clip.sample_rate))
        elif what == "codes":
            self._json(self.server.studio.codes(clip))
        else:
            self.say(HTTPStatus.NOT_FOUND, "sound, spectrogram or codes of a clip")

    def _upload(self, parts: list[str], query: dict[str, str]) -> None:
        length = self.body_length(MOST_BYTES)
        if length is not None:
            clip = receive(self.rfile, length, query.get("name", ""), self.server.studio.most_s)
            self._json(self.server.studio.clips.add(clip).plain())

    def _start(self, parts: list[str], query: dict[str, str]) -> None:
        length = self.body_length(MOST_JSON)
        if length is None:
            return
        try:
            request = json_object(self.rfile.read(length))
        except ValueError as error:
            raise InputError(f"this request cannot be read: {error}") from error
        job = self.server.studio.start(request, self._page_id())
        self._json({"id": job.id, "title": job.title})

    def _remove(self, parts: list[str], query: dict[str, str]) -> None:
        self.server.studio.remove("".join(parts[:1]))
        self._json({})

    def _cancel(self, parts: list[str], query: dict[str, str]) -> None:
        if not self.server.studio.queue.cancel("".join(parts[:1])):
            raise InputError("there is no such job any more")
        self._json({})

    def _page_id(self) -> str:
        given = self.headers.get("X-Page", "")
        if not _PAGE_ID.fullmatch(given):
            raise InputError("the header X-Page names the page, by up to 40 letters and digits")
        return given

    def _json(self, value: Any) -> None:
        self.send(HTTPStatus.OK, "application/json", json.dumps(value).encode())
