"""The page to play in a browser of this machine, served on the loopback address to whoever knows its token."""

from __future__ import annotations

import io
import secrets
import threading
from http import HTTPStatus
from urllib.parse import parse_qs

from vqspeech.local_page import PageHandler, PageServer, script_value
from vqspeech.untrusted import json_object
from vqspeech_video.play.player import Frame, Player, keys_of

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


class PlayServer(PageServer):
    """A server of the page on 127.0.0.1.

    Parameters
    ----------
    player : the world; one request at a time draws from it
    port : 0 for a free one

    Raises
    ------
    InputError : when the port cannot be used
    """

    def __init__(self, player: Player, port: int = 0) -> None:
        self.player, self.drawing = player, threading.Lock()
        super().__init__(_Handler, port)

    def frame(self, action: int | None) -> bytes:
        """Draw the next frame for an action, or start again; returns a PNG file."""
        with self.drawing:
            return _png(self.player.start() if action is None else self.player.step(action))


class _Handler(PageHandler):
    server: PlayServer

    def answer(self) -> None:
        """Return the page, or the next frame for ``{"action": N}`` and the first for ``{}``."""
        in_address = parse_qs(self.address.query).get("token", [""])[0]
        if not self.permitted(in_address if self.command == "GET" else self.headers.get("X-Token", "")):
            return
        if (self.command, self.address.path) == ("GET", "/"):
            self._page()
        elif (self.command, self.address.path) == ("POST", "/frame"):
            self._frame()
        else:
            self.say(HTTPStatus.NOT_FOUND, "only / and /frame are here")

    def _page(self) -> None:
        nonce, names = secrets.token_urlsafe(12), self.server.player.action_names
        values = {"names": names, "keys": keys_of(names), "token": self.server.token}
        page = _PAGE % {"nonce": nonce, **{name: script_value(value) for name, value in values.items()}}
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src blob:; "
            "connect-src 'self'; frame-ancestors 'none'"
        )
        self.send(HTTPStatus.OK, "text/html; charset=utf-8", page.encode(), {"Content-Security-Policy": policy})

    def _frame(self) -> None:
        length = self.body_length(MOST_BYTES)
        if length is None:
            return
        try:
            action = json_object(self.rfile.read(length)).get("action")
        except ValueError:
            return self.say(HTTPStatus.BAD_REQUEST, 'the body is {"action": N}')
        count = len(self.server.player.action_names)
        if action is not None and (type(action) is not int or not 0 <= action < count):
            return self.say(HTTPStatus.BAD_REQUEST, f"action: a whole number from 0 to {count - 1}")
        self.send(HTTPStatus.OK, "image/png", self.server.frame(action))


def _png(frame: Frame) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame).save(content, "PNG")
    return content.getvalue()
