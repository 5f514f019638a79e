"""A server of one page to browsers of this machine, which know its token."""

from __future__ import annotations

import ipaddress
import json
import math
import secrets
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from vqspeech.errors import InputError
from vqspeech.untrusted import printable

LOOPBACK = "127.0.0.1"
IDLE_S = 30.0
"""A connection on which nothing comes for so long is closed."""

STRANGER_S = 20.0
"""A connection that has not shown the token after so long is closed, also one on which bytes come slowly."""

MOST_CONNECTIONS = 100
"""Connections at once; more are closed at once."""


class PageServer(ThreadingHTTPServer):
    """A server whose requests need a token.

    Parameters
    ----------
    handler : class that answers requests
    port : 0 for a free one
    address : address of this machine to listen on

    Raises
    ------
    InputError : when address and port cannot be used
    """

    daemon_threads = True

    def __init__(self, handler: type[PageHandler], port: int = 0, address: str = LOOPBACK) -> None:
        self.token, self.address = secrets.token_urlsafe(18), address
        # open connection -> when it began; infinity once it has shown the token
        self._began: dict[Any, float] = {}
        try:
            super().__init__((address, port), handler)
        except (OSError, OverflowError, UnicodeError) as error:
            remedy = "omit it for a free port" if address == LOOPBACK else "give an address of this machine, or omit it"
            raise InputError(f"--port {port} of {address} cannot be used: {error}; {remedy}") from error

    def server_bind(self) -> None:
        """Bind without asking for the machine's full name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.address, int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, unless there are too many connections."""
        if len(self._began) >= MOST_CONNECTIONS:
            return self.shutdown_request(request)
        self._began[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self._began.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End the connections of strangers that take too long; called every half second."""
        latest = time.monotonic() - STRANGER_S
        for connection, began in list(self._began.items()):
            if began < latest:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def trust(self, connection: Any) -> None:
        """Let a connection that has shown the token go on."""
        self._began[connection] = math.inf

    @property
    def url(self) -> str:
        """Address of the page, with the token."""
        name = socket.gethostname() if self.address in ("", "0.0.0.0") else self.address
        return f"http://{name}:{self.server_port}/?token={self.token}"

    def is_token(self, given: str) -> bool:
        """Return whether a text is the token, in a time that does not tell how much of it is right."""
        return secrets.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def is_name(self, host: str) -> bool:
        """Return whether a Host header is this machine's: an address, localhost, or the name that it listens on.

        A page of another site whose name resolves to this address has that site's name (DNS rebinding). The port may be
        that of a tunnel.
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in {"localhost", self.address.lower(), *_names(self.address)}:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print an error, but for a browser that went away."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _names(address: str) -> set[str]:
    """Return the names of the machine that are accepted where it listens beyond itself."""
    return set() if address == LOOPBACK else {socket.gethostname().lower()}


class PageHandler(BaseHTTPRequestHandler):
    """Answers requests: checks who asks, and sends content that is neither stored nor shown elsewhere."""

    server: PageServer
    server_version, sys_version = "vqspeech", ""
    timeout = IDLE_S
    address: SplitResult
    """The parts of ``self.path``."""

    def do_GET(self) -> None:
        """Answer a request for something."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a request with a body."""
        self._answer()

    def do_DELETE(self) -> None:
        """Answer a request to delete something."""
        self._answer()

    def answer(self) -> None:
        """Answer a request, ``self.command`` for ``self.address``."""
        raise NotImplementedError

    def _answer(self) -> None:
        """Answer a request, also one that fails, unless the browser went away."""
        try:
            self.address = urlsplit(self.path)
        except ValueError:
            return self.say(HTTPStatus.BAD_REQUEST, "this address cannot be read")
        try:
            self.answer()
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {error}. The terminal shows more"
            self.say(HTTPStatus.INTERNAL_SERVER_ERROR, printable(text))
            traceback.print_exc()

    def permitted(self, token: str) -> bool:
        """Return whether a request comes from the page and has the token; answer it with 403 otherwise."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if not self.server.is_name(host):
            self.say(HTTPStatus.FORBIDDEN, "this name is not one of this machine")
        elif origin is not None and origin != f"http://{host}":
            self.say(HTTPStatus.FORBIDDEN, "the request comes from a page of another site")
        elif not self.server.is_token(token):
            self.say(HTTPStatus.FORBIDDEN, "the token is missing: open the address that the command printed")
        else:
            self.server.trust(self.connection)
            return True
        return False

    def body_length(self, most: int) -> int | None:
        """Return the length of a body of at most `most` bytes; answer with 411 or 413 and return None otherwise."""
        given = self.headers.get("Content-Length", "")
        if not (given.isascii() and given.isdecimal()):
            self.say(HTTPStatus.LENGTH_REQUIRED, "the length of the body is missing")
        elif len(given) > 15 or int(given) > most:
            self.say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{given} bytes; at most {most} are taken")
        else:
            return int(given)
        return None

    def say(self, status: HTTPStatus, text: str) -> None:
        """Send a text."""
        self.send(status, "text/plain; charset=utf-8", text.encode())

    def send(self, status: HTTPStatus, kind: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send content of a type."""
        self.send_response(status)
        shared = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
        length = {"Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in {**length, **shared, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the address has the token."""


def script_value(value: object) -> str:
    """Write a value as JSON that cannot end the script that it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
