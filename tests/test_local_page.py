"""A server of one page: who may ask."""

from __future__ import annotations

import socket

import pytest

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
