"""Playing: keys, the terminal's picture, the page and who may ask it."""

import http.client
import io
import json
import os
import pty
import sys
import threading

import numpy as np
import pytest
from PIL import Image
from vqspeech_video.play.page import PlayServer
from vqspeech_video.play.player import keys_of, parse_actions
from vqspeech_video.play.terminal import drawn, play, read_key

from vqspeech.errors import InputError

NAMES = ("forward", "left", "right")


class Counting:
    """A world whose frames tell the actions so far: grey level = steps, red = the last action."""

    action_names = NAMES

    def __init__(self):
        self.steps = []

    def start(self):
        self.steps = []
        return self._frame()

    def step(self, action):
        self.steps.append(action)
        return self._frame()

    def _frame(self):
        last = self.steps[-1] + 1 if self.steps else 0
        return np.full((4, 6, 3), (last, len(self.steps), 0), np.uint8)


def test_keys_follow_the_names_of_actions():
    assert keys_of(NAMES) == {
        "1": 0, "2": 1, "3": 2, "up": 0, "left": 1, "right": 2, "w": 0, "a": 1, "d": 2
    }  # fmt: skip
    assert keys_of(("stay", "up", "down"))["s"] == 2
    assert keys_of(("jump",)) == {"1": 0}


def test_actions_are_read_with_their_numbers_of_steps():
    assert parse_actions("forward:2, left,right:1", NAMES) == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [("fly", "fly"), ("left:x", "left:x"), ("left:0", "0 steps"), ("left:9999", "9999"), ("", "action"),
     ("left:-1", "left:-1")],
)  # fmt: skip
def test_other_actions_are_refused(text, said):
    with pytest.raises(InputError, match=said):
        parse_actions(text, NAMES)


def test_a_frame_is_drawn_with_two_pixels_a_character():
    text = drawn(np.full((4, 6, 3), (9, 8, 7), np.uint8), 80, 24)
    assert text.count("\u2580") == 6 * 2 and text.count("38;2;9;8;7;48;2;9;8;7") == 12
    small = drawn(np.zeros((84, 84, 3), np.uint8), 40, 10)
    assert small.count("\r\n") < 10 and small.count("\u2580") == 20 * 10
    assert "38;2;5;5;5" in drawn(np.full((2, 2, 1), 5, np.uint8), 9, 9)


def test_arrow_keys_are_read():
    source, sink = os.pipe()
    os.write(sink, b"\x1b[AW\x1b[D")
    os.close(sink)
    assert [read_key(source) for _ in range(4)] == ["up", "w", "left", ""]
    os.close(source)


def test_playing_in_a_terminal_draws_until_q(monkeypatch):
    keyboard, screen = pty.openpty()
    with os.fdopen(screen, "r") as stdin, os.fdopen(os.dup(screen), "w") as stdout:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", stdout)
        os.write(keyboard, b"wx\x1b[Crdq")
        player = Counting()
        assert play(player) == 1
    assert player.steps == [2]
    assert b"restart" in os.read(keyboard, 100_000)
    os.close(keyboard)


def test_without_a_terminal_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(InputError, match=r"--page.*--actions"):
        play(Counting())


@pytest.fixture
def server():
    with PlayServer(Counting()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read(), answer


def step(server, body):
    return ask(server, "POST", "/frame", json.dumps(body), X_Token=server.token)


def test_the_page_draws_the_frame_of_each_action(server):
    status, page, answer = ask(server, "GET", server.url.split(str(server.server_port))[1])
    assert status == 200 and b'["forward", "left", "right"]' in page and "nonce-" in answer.headers[
        "Content-Security-Policy"
    ]  # fmt: skip
    for body, pixel in (({}, (0, 0, 0)), ({"action": 2}, (3, 1, 0)), ({"action": 0}, (1, 2, 0)), ({}, (0, 0, 0))):
        status, content, answer = step(server, body)
        assert status == 200 and answer.headers["Content-Type"] == "image/png"
        assert Image.open(io.BytesIO(content)).getpixel((0, 0)) == pixel


@pytest.mark.parametrize("body", [{"action": 3}, {"action": -1}, {"action": "1"}, {"action": True}, [], "x" * 2000])
def test_other_bodies_are_refused_and_draw_nothing(server, body):
    assert step(server, body)[0] in (400, 413) and server.player.steps == []


def test_only_who_knows_the_token_and_the_host_may_ask(server):
    assert ask(server, "GET", "/")[0] == 403
    assert ask(server, "GET", "/?token=x%C3%A4")[0] == 403
    assert ask(server, "POST", "/frame", "{}")[0] == 403
    assert ask(server, "POST", "/frame", '{"action": 1}', X_Token=server.token, Host="evil.example")[0] == 403
    assert ask(server, "GET", f"/other?token={server.token}")[0] == 404
    assert server.player.steps == []


def test_a_port_that_cannot_be_used_is_an_error(server):
    for port in (server.server_port, 70_000):
        with pytest.raises(InputError, match=f"--port {port}"):
            PlayServer(Counting(), port)


def test_actions_are_drawn_to_an_animation(world, tmp_path, vqspeech):
    out = tmp_path / "film.webp"
    words = ("play", world, "--clip", 1, "--actions", "forward:2,left", "--out", out)
    result = vqspeech(*words)
    assert result.exit_code == 0, result.output
    with Image.open(out) as film:
        assert film.n_frames == 3 + 3
    before = out.read_bytes()
    assert vqspeech(*words).exit_code == 0 and out.read_bytes() == before
    out.write_bytes(b"a user's file")
    result = vqspeech(*words)
    assert result.exit_code == 2 and "not written by vqspeech" in result.output
    assert out.read_bytes() == b"a user's file"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "--page"),
        (("--actions", "left"), "--out"),
        (("--actions", "fly", "--out", "x.webp"), "fly"),
        (("--actions", "left", "--out", "x.gif"), ".webp"),
        (("--actions", "left", "--out", "x.webp", "--clip", 99), "--clip 99"),
        (("--actions", "left", "--out", "x.webp", "--page"), "--page"),
        (("--actions", "left", "--out", "x.webp", "--temperature", -1), "temperature"),
        (("--actions", "left", "--out", "x.webp", "--prior", "TWIN"), "without actions"),
        (("--actions", "left", "--out", "x.webp", "--prior", "RUN"), "prior"),
    ],
)
def test_what_cannot_be_played_is_said(world, tmp_path, monkeypatch, vqspeech, more, said):
    monkeypatch.chdir(tmp_path)
    places = {"TWIN": world / "twin", "RUN": world}
    result = vqspeech("play", world, *(places.get(word, word) for word in more))
    assert result.exit_code == 2 and said in result.output, result.output
    assert not list(tmp_path.iterdir())
