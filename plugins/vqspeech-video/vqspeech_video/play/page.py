"""The page to play in a browser of this machine, served on the loopback address to whoever knows its token."""

from __future__ import annotations

import io
import json
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from vqspeech.errors import InputError
from vqspeech_video.play.player import Frame, Player, keys_of

ADDRESS = "127.0.0.1"
MOST_BYTES = 1000
"""Largest body of a request."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>vqspeech play</title>
<style nonce="%(nonce)s">
body { font: 16px system-ui, sans-serif; margin: 2rem auto; max-width: 34rem; text-align: center; }
img { width: 100%%; max-width: 504px; image-rendering: pixelated; border: 1px solid #999; }
button { font: inherit; padding: .5rem 1rem; margin: .2rem; }
</style></head><body>
<h1>vqspeech play</h1>
<img id="frame" alt="the current frame">
<p id="buttons"></p>
<p>Arrow keys, w a s d or digits; r starts again. <span id="count">0</span> frames drawn, <span id="ms">0</span> ms.
Every frame is drawn from codes; nothing is rendered.</p>
<script nonce="%(nonce)s">
const names = %(names)s, keys = %(keys)s, token = %(token)s;
let busy = false, count = 0;
async function draw(body) {
  if (busy) return;
  busy = true;
  const begin = performance.now();
  try {
    const answer = await fetch("/frame", {method: "POST", headers: {"X-Token": token}, body: JSON.stringify(body)});
    if (!answer.ok) throw new Error(await answer.text());
    const image = document.getElementById("frame"), old = image.src;
    image.src = URL.createObjectURL(await answer.blob());
    if (old) URL.revokeObjectURL(old);
    count = body.action === undefined ? 0 : count + 1;
    document.getElementById("count").textContent = count;
    document.getElementById("ms").textContent = Math.round(performance.now() - begin);
  } catch (error) { document.getElementById("count").textContent = error.message; }
  busy = false;
}
const buttons = document.getElementById("buttons");
function button(text, body) {
  const made = document.createElement("button");
  made.textContent = text;
  made.onclick = () => draw(body);
  buttons.append(made);
}
names.forEach((name, action) => button(name, {action}));
button("start again", {});
addEventListener("keydown", event => {
  const key = event.key.replace("Arrow", "").toLowerCase();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "r") draw({});
  else if (key in keys) { event.preventDefault(); draw({action: keys[key]}); }
});
draw({});
</script></body></html>
"""


class PlayServer(ThreadingHTTPServer):
    """A server of the page on 127.0.0.1.

    Parameters
    ----------
    player : the world; one request at a time draws from it
    port : 0 for a free one

    Raises
    ------
    InputError : when the port cannot be used
    """

    daemon_threads = True

    def __init__(self, player: Player, port: int = 0) -> None:
        self.player, self.token = player, secrets.token_urlsafe(18)
        self.drawing = threading.Lock()
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            raise InputError(f"--port {port} of {ADDRESS} cannot be used: {error}; omit it for a free port") from error

    @property
    def url(self) -> str:
        """Address of the page, with the token."""
        return f"http://{ADDRESS}:{self.server_port}/?token={self.token}"

    def frame(self, action: int | None) -> bytes:
        """Draw the next frame for an action, or start again; returns a PNG file."""
        with self.drawing:
            return _png(self.player.start() if action is None else self.player.step(action))


class _Handler(BaseHTTPRequestHandler):
    server: PlayServer
    server_version, sys_version = "vqspeech", ""

    def do_GET(self) -> None:
        """Return the page."""
        address = urlsplit(self.path)
        if not self._known_host() or not self._is_token(parse_qs(address.query).get("token", [""])[0]):
            return self._say(HTTPStatus.FORBIDDEN, "the token of the address that `vqspeech play` printed is missing")
        if address.path != "/":
            return self._say(HTTPStatus.NOT_FOUND, "only / is here")
        nonce, names = secrets.token_urlsafe(12), self.server.player.action_names
        values = {"names": names, "keys": keys_of(names), "token": self.server.token}
        page = _PAGE % {"nonce": nonce, **{name: _script(value) for name, value in values.items()}}
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src blob:; "
            "connect-src 'self'; frame-ancestors 'none'"
        )
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", page.encode(), {"Content-Security-Policy": policy})

    def do_POST(self) -> None:
        """Return the next frame for ``{"action": N}``, or the first for ``{}``."""
        if not self._known_host() or not self._is_token(self.headers.get("X-Token", "")):
            return self._say(HTTPStatus.FORBIDDEN, "the token is missing")
        if self.path != "/frame":
            return self._say(HTTPStatus.NOT_FOUND, "only /frame is here")
        try:
            length = int(self.headers.get("Content-Length", ""))
            if not 0 <= length <= MOST_BYTES:
                raise ValueError
            asked = json.loads(self.rfile.read(length))
            action = asked.get("action")
        except (ValueError, AttributeError, RecursionError):
            return self._say(HTTPStatus.BAD_REQUEST, 'the body is {"action": N}')
        count = len(self.server.player.action_names)
        if action is not None and (type(action) is not int or not 0 <= action < count):
            return self._say(HTTPStatus.BAD_REQUEST, f"action: a whole number from 0 to {count - 1}")
        self._send(HTTPStatus.OK, "image/png", self.server.frame(action), {})

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the address has the token."""

    def _known_host(self) -> bool:
        # A page of another site whose name resolves to this address has another host.
        return self.headers.get("Host", "") in {f"{name}:{self.server.server_port}" for name in (ADDRESS, "localhost")}

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.server.token.encode())

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._send(status, "text/plain; charset=utf-8", text.encode(), {})

    def _send(self, status: HTTPStatus, kind: str, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        shared = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
        length = {"Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in {**length, **shared, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _script(value: object) -> str:
    """Write a value as JSON that cannot end the script."""
    return json.dumps(value).replace("<", "\\u003c")


def _png(frame: Frame) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame).save(content, "PNG")
    return content.getvalue()
