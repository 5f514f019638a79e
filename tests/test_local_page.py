"""A server of one page: who may ask."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http import HTTPStatus

import pytest

from vqspeech import local_page
from vqspeech.local_page import PageHandler, PageServer, script_value


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:80", True),
        ("localhost", True),
        ("LOCALHOST:9000", True),
        ("[::1]:80", True),
        ("192.168.0.7:80", True),
        ("example.org:80", False),
        ("127.0.0.1.example.org", False),
        ("localhost.example.org", False),
        ("user@example.org", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_hosts_are_addresses_or_this_machine(host, known):
    with PageServer(PageHandler) as server:
        assert server.is_name(host) is known
        assert not server.is_name(socket.gethostname() + ".example.org")


def test_the_address_has_a_token_of_its_own():
    with PageServer(PageHandler) as one, PageServer(PageHandler) as other:
        assert one.url.startswith(f"http://127.0.0.1:{one.server_port}/?token=") and one.token != other.token
        assert one.is_token(one.token) and not one.is_token(other.token) and not one.is_token("\udcff")


def test_a_value_cannot_end_a_script():
    assert script_value({"a": "</script>"}) == '{"a": "\\u003c/script>"}'


class Handler(PageHandler):
    """Fails for the address /fail, and says yes to whoever is permitted."""

    def answer(self):
        if self.address.path == "/fail":
            raise OSError(28, "No space left on device")
        if self.permitted(self.headers.get("X-Token", "")):
            time.sleep(float(self.headers.get("X-Wait", 0)))
            self.say(HTTPStatus.OK, "yes")


@contextlib.contextmanager
def serving():
    with PageServer(Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def connected(server):
    return socket.create_connection(("127.0.0.1", server.server_port), timeout=5)


def answer(server, path="/", more=""):
    """Return the whole answer to a request with the token."""
    with connected(server) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Token: {server.token}\r\n{more}\r\n"
        connection.sendall(head.encode())
        with connection.makefile("rb") as answered:
            return answered.read().decode()


def test_a_request_that_fails_is_answered(capsys):
    with serving() as server:
        told = answer(server, "/fail")
        assert " 500 " in told and "No space left on device. The terminal shows more" in told
        assert "No space left" in capsys.readouterr().err
        assert " 400 " in answer(server, "http://[/") and "Traceback" not in capsys.readouterr().err


def test_slow_strangers_are_disconnected_and_the_page_is_not(monkeypatch):
    monkeypatch.setattr(local_page, "STRANGER_S", 0.1)
    with serving() as server:
        with connected(server) as slow, pytest.raises(ConnectionError):
            slow.sendall(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(500):
                slow.sendall(b"x")
                time.sleep(0.01)
        assert answer(server, more="X-Wait: 0.3\r\n").endswith("yes")


def test_more_connections_than_the_most_are_refused(monkeypatch):
    monkeypatch.setattr(local_page, "MOST_CONNECTIONS", 2)
    with serving() as server:
        with connected(server), connected(server), connected(server) as third:
            assert third.recv(10) == b""
        until = time.monotonic() + 5
        while server._began and time.monotonic() < until:
            time.sleep(0.005)
        assert answer(server).endswith("yes")
