"""The server of a studio, over HTTP."""

from __future__ import annotations

import io
import re
import socket
import threading
import time

import numpy as np
import pytest
from PIL import Image
from studio_page import Page, read, wav

from vqspeech import audio
from vqspeech.codec.load import load_speech
from vqspeech.conversion import convert_file
from vqspeech.errors import InputError
from vqspeech.local_page import PageHandler, PageServer
from vqspeech.studio import uploads


def page_path(server):
    return server.url.split(str(server.server_port))[1]


def test_the_page_is_one_file_that_runs_no_script_but_its_own(server, page):
    status, headers, content = page.ask("GET", page_path(server), X_Token=None, X_Page=None)
    policy, text = headers["Content-Security-Policy"], content.decode()
    assert status == 200 and "default-src 'none'" in policy and "unsafe" not in policy
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)[1]
    assert text.count(f'<script nonce="{nonce}">') == text.count("<script") == 1
    assert not re.search(r"(?:src|href)=\"(?!data:)|url\(|https?://| style=| on\w+=\"", text)
    again = page.ask("GET", page_path(server))[1]["Content-Security-Policy"]
    assert again != policy and headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"


def test_every_control_has_a_label(server, page):
    text = page.ask("GET", page_path(server))[2].decode()
    for kind, attributes in re.findall(r"<(input|select|meter)\b([^>]*)>", text):
        name = re.search(r'id="([^"]+)"', attributes)[1]
        wrapped = re.search(rf'<label>[^<]+<{kind} id="{name}"', text)
        assert wrapped or f'for="{name}"' in text or "aria-label=" in attributes, name
    used = set(re.findall(r'\$\("([a-z-]+)"\)', text))
    assert used <= set(re.findall(r'\bid="([a-z-]+)"', text))


def test_a_recording_is_converted_as_by_the_command(page, runs, recording, tmp_path):
    clip = page.upload(recording)
    assert clip["kind"] == "recording" and clip["name"] == "a" and clip["seconds"] == pytest.approx(1.1)
    np.testing.assert_array_equal(page.sound(clip)[0], read(recording)[0])
    (made,) = page.do(kind="convert", clip=clip["id"], model="harmonic", speaker="p226", seed=3)
    assert (made["kind"], made["name"], made["source"]) == ("conversion", "a-p226", clip["id"])
    (tmp_path / "a.wav").write_bytes(recording)
    convert_file(runs[0], tmp_path / "a.wav", "p226", tmp_path / "out.wav", seed=3)
    samples, rate = page.sound(made)
    np.testing.assert_array_equal(samples, audio.read(tmp_path / "out.wav", 16000))
    assert rate == 16000
    codes = page.json("GET", f"/api/clips/{made['id']}/codes")
    expected = load_speech(runs[0]).encode_all([(0, audio.read(tmp_path / "a.wav", 16000))])
    assert codes == {"codes": next(iter(expected))[2].tolist(), "frame_s": 0.02}


def test_every_model_converts(page, recording):
    clip = page.upload(recording)
    (made,) = page.do(kind="convert", clip=clip["id"], model="wavenet", speaker="p225", temperature=0)
    assert made["model"] == "wavenet" and len(page.sound(made)[0]) == 17600


@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_spectrogram_is_a_picture_of_the_sound_up_to_8_khz(page, rate):
    times = np.arange(rate) / rate
    tone = wav(np.where(times < 0.5, 0.5 * np.sin(2 * np.pi * 1000 * times), 0).astype(np.float32), rate)
    status, headers, content = page.ask("GET", f"/api/clips/{page.upload(tone)['id']}/spectrogram")
    assert status == 200 and headers["Content-Type"] == "image/png"
    brightness = np.asarray(Image.open(io.BytesIO(content)).convert("L")).astype(int)
    assert brightness.shape == (96, 250)
    loud = brightness[:, 60].argmax()
    # 1 kHz is at 0.352 of the mel scale to 8 kHz; rows are counted from the top.
    assert loud == pytest.approx(96 * (1 - 0.352), abs=2) and brightness[loud, 60] > 200
    assert brightness[:, 180].max() < 10


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Token": "wrong"},
        {"X_Token": None},
        {"X_Token": "\xe9"},
        {"Origin": "http://example.org"},
        {"Origin": "null"},
        {"Host": "example.org"},
        {"Host": "127.0.0.1.example.org:80"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/state"), ("POST", "/api/jobs"), ("DELETE", "/api/clips/a")])
def test_requests_of_other_sites_are_refused(page, method, path, headers):
    assert page.ask(method, path, "{}" if method == "POST" else None, **headers)[0] == 403


def test_the_page_needs_its_token_and_a_name_of_this_machine(server, page):
    assert page.ask("GET", "/")[0] == 403
    assert page.ask("GET", "/?token=x")[0] == 403
    assert page.ask("GET", page_path(server), Host="attacker.example:80")[0] == 403
    for host in ("localhost:1234", f"127.0.0.1:{server.server_port}"):
        assert page.ask("GET", page_path(server), Host=host, Origin=f"http://{host}")[0] == 200


def test_addresses_lead_nowhere_else(page):
    for path in ("/etc/passwd", "/../../etc/passwd", "/api/clips/..%2f..%2fetc%2fpasswd/sound", "/api/nothing"):
        assert page.ask("GET", f"{path}?token={page.server.token}")[0] in (400, 404)
    assert page.ask("PUT", "/api/clips")[0] == 501


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"", 400, "empty"),
        (b"a text, no sound\n" * 50, 400, "notes.wav: not audio"),
        (wav(np.zeros(16000, np.float32)), 400, "no sound"),
        (wav(np.zeros(0, np.float32)), 400, "notes.wav"),
        (wav(np.full(11 * 1000, 0.5, np.float32), 1000), 400, "longer than 10 s"),
        (wav(np.full(1600, np.nan, np.float32), subtype="FLOAT"), 400, "NaN"),
        (wav(0.1 * np.ones(1600, np.float32))[:-100], 400, "truncated"),
    ],
)
def test_unusable_recordings_are_refused_by_their_name(page, content, status, says):
    before = page.json("GET", "/api/state")["clips"]
    got, message = page.refused("POST", "/api/clips?name=folder%2Fnotes.wav", content)
    assert (got, "notes.wav" in message and says in message) == (status, True), message
    assert "tmp" not in message and page.json("GET", "/api/state")["clips"] == before


def test_two_gigabytes_are_refused_before_they_are_sent(server, page):
    for length, status in ((str(2 << 30), 413), ("-1", 411), ("9" * 99, 413)):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
            head = f"POST /api/clips?name=a.wav HTTP/1.1\r\nHost: localhost\r\nX-Token: {server.token}\r\n"
            connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
            assert f" {status} ".encode() in connection.recv(4096)
    assert page.ask("POST", "/api/jobs", b"[" * 300_000)[0] == 413


def test_an_upload_that_breaks_off_leaves_nothing(server, page, recording, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        head = f"POST /api/clips?name=a.wav HTTP/1.1\r\nHost: localhost\r\nX-Token: {server.token}\r\n"
        connection.sendall(f"{head}Content-Length: {len(recording)}\r\n\r\n".encode() + recording[:1000])
        connection.shutdown(socket.SHUT_WR)
        assert b"incomplete" in connection.makefile("rb").read()
    page.upload(recording)
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_takes_too_long_is_ended(server, recording, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOAD_S", 0.02)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        head = f"POST /api/clips?name=a.wav HTTP/1.1\r\nHost: localhost\r\nX-Token: {server.token}\r\n"
        connection.sendall(f"{head}Content-Length: {len(recording)}\r\n\r\n".encode())
        for place in range(2):
            time.sleep(0.05 * place)
            connection.sendall(recording[place : place + 1])
        assert b"a.wav took more than" in connection.makefile("rb").read()


def test_one_upload_at_a_time_is_decoded(page, recording, monkeypatch):
    decode, now, most = uploads._recording, [0], []

    def counted(*given):
        now[0] += 1
        most.append(now[0])
        time.sleep(0.02)
        now[0] -= 1
        return decode(*given)

    monkeypatch.setattr(uploads, "_recording", counted)
    threads = [threading.Thread(target=page.upload, args=(recording,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def test_names_are_shown_without_folders_and_control_characters(page, recording):
    names = {"..%2F..%2Fetc%2Fpasswd": "passwd", "C:%5Cvoice.wav": "voice", "%1B%5B2Ja.wav": "\\u001b[2Ja"}
    for given, name in names.items():
        assert page.upload(recording, given)["name"] == name
    assert page.upload(recording, "")["name"] == "recording" and len(page.upload(recording, "x" * 999)["name"]) <= 80


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({}, "kind"),
        ({"kind": "delete everything"}, "known: convert"),
        ({"kind": "convert", "clip": "../a", "model": "harmonic", "speaker": "p226"}, "not there any more"),
        ({"kind": "convert", "model": "nothing"}, "unknown model 'nothing'"),
        ({"kind": "convert", "speaker": "p999"}, "unknown speaker 'p999'"),
        ({"kind": "convert", "speaker": 7}, "speaker is 7"),
        ({"kind": "convert", "temperature": "hot"}, "temperature"),
        ({"kind": "convert", "seed": -1}, "seed"),
        ({"kind": "convert", "intonation": "sung"}, "unknown intonation"),
        ({"kind": "convert", "edits": [{"kind": "replace", "start": 3, "stop": 3}]}, "stop is 3"),
        ({"kind": "convert", "edits": {}}, "list"),
    ],
)
def test_unusable_requests_are_refused(page, recording, request_, says):
    whole = {"clip": page.upload(recording)["id"], "model": "harmonic", "speaker": "p226"} | request_
    status, message = page.refused("POST", "/api/jobs", whole)
    assert status == 400 and says in message


def test_bodies_that_are_no_json_are_refused(page):
    for body in (b"", b"{", b"[]", b"[" * 5000, b'{"kind": "\xff"}'):
        assert page.ask("POST", "/api/jobs", body)[0] == 400
    assert page.ask("GET", "/api/jobs", X_Page="a b")[0] == 400
    assert page.ask("DELETE", "/api/jobs/none")[0] == 400


def test_two_pages_see_the_same_sounds_and_their_own_jobs(server, page, recording):
    other = Page(server, "page-2")
    clip = page.upload(recording)
    wish = {"kind": "convert", "clip": clip["id"], "model": "harmonic", "speaker": "p225"}
    job = page.json("POST", "/api/jobs", wish)
    assert page.end(job)["state"] == "done"
    assert job["id"] not in [one["id"] for one in other.json("GET", "/api/jobs")["jobs"]]
    assert clip["id"] in [one["id"] for one in other.json("GET", "/api/state")["clips"]]
    other.json("DELETE", f"/api/clips/{clip['id']}")
    assert page.refused("GET", f"/api/clips/{clip['id']}/sound")[0] == 400


def test_a_port_in_use_is_an_error_that_names_it(server):
    for port in (server.server_port, 70000):
        with pytest.raises(InputError, match=f"--port {port}"):
            PageServer(PageHandler, port)
    with pytest.raises(InputError, match="no address"):
        PageServer(PageHandler, 0, "no address")
