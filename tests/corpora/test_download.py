import hashlib
import io
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from vqspeech.corpora import download, vctk
from vqspeech.errors import CorpusError, InputError, VQSpeechError

FILE = "wav48_silence_trimmed/p225/p225_001_mic1.flac"


def zipped(entries, top=""):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as file:
        for name, content in entries.items():
            file.writestr(top + name if isinstance(name, str) else name, content)
    return raw.getvalue()


@pytest.fixture
def archive(tmp_path, tone):
    flac = tone(tmp_path / "one.flac", rate=48000).read_bytes()
    return zipped(
        {
            FILE: flac,
            "txt/p225/p225_001.txt": "Please call Stella.",
            "noise.bin": np.random.default_rng(0).bytes(3 << 20),
        }
    )


class Server:
    """An http server on loopback, with or without Range support, that may hang up after some bytes."""

    def __init__(self):
        self.content = b""
        self.ranges = True
        self.hang_up_after = []
        self.status = None
        self.requests = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                outer.requests.append(wanted)
                if outer.status:
                    self.send_error(outer.status)
                    return
                body, start = outer.content, 0
                if wanted and outer.ranges:
                    start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
                    if start >= len(body):
                        self.send_response(416)
                        self.send_header("Content-Range", f"bytes */{len(body)}")
                        self.end_headers()
                        return
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                limit = outer.hang_up_after.pop(0) if outer.hang_up_after else len(body)
                self.wfile.write(body[start : start + limit])

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self._server.server_port}/VCTK.zip"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(archive, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    server.content = archive
    yield server
    server.close()


def fetch(server, folder, content=None, **options):
    sha256 = hashlib.sha256(server.content if content is None else content).hexdigest()
    return download.download_vctk(folder, url=server.url, sha256=sha256, **options)


def test_the_archive_is_fetched_checked_and_unzipped(server, tmp_path):
    stages = []
    target = fetch(server, tmp_path / "data", progress=lambda stage, done, total: stages.append((stage, done, total)))
    assert target == tmp_path / "data/VCTK-Corpus-0.92"
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["VCTK-Corpus-0.92"]
    corpus = vctk.read(tmp_path / "data")
    assert (corpus.variant, corpus.utterances[0].text) == ("VCTK 0.92, mic1", "Please call Stella.")
    assert [stage for stage, done, total in stages if done == total] == ["download", "verify", "unzip"]
    asked = len(server.requests)
    assert fetch(server, tmp_path / "data") == target
    assert len(server.requests) == asked


def test_a_broken_connection_is_resumed_where_it_broke(server, tmp_path):
    server.hang_up_after = [1 << 20, 1 << 20]
    fetch(server, tmp_path)
    assert server.requests == [None, "bytes=1048576-", "bytes=2097152-"]


def test_what_was_fetched_is_kept_for_the_next_time(server, tmp_path):
    server.hang_up_after = [1 << 20, 0]
    with pytest.raises(VQSpeechError, match=r"1048576 bytes are kept in .*VCTK-Corpus-0\.92\.zip\.part"):
        fetch(server, tmp_path, attempts=1)
    fetch(server, tmp_path)
    assert server.requests[-1] == "bytes=1048576-"


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges = False
    server.hang_up_after = [1 << 20]
    target = fetch(server, tmp_path)
    assert server.requests == [None, "bytes=1048576-"]
    assert (target / FILE).is_file()


def test_a_part_that_is_whole_is_not_fetched_again(server, tmp_path):
    (tmp_path / "VCTK-Corpus-0.92.zip.part").write_bytes(server.content)
    assert (fetch(server, tmp_path) / FILE).is_file()


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    (tmp_path / "VCTK-Corpus-0.92.zip.part").write_bytes(server.content + b"more")
    assert (fetch(server, tmp_path) / FILE).is_file()


def test_a_wrong_checksum_deletes_the_archive(server, tmp_path):
    with pytest.raises(CorpusError, match=r"instead of .*it was deleted"):
        fetch(server, tmp_path, content=b"something else")
    assert list(tmp_path.glob("VCTK*")) == []


def test_a_missing_file_is_not_asked_for_twice(server, tmp_path):
    server.status = 404
    with pytest.raises(VQSpeechError, match="the server answers 404"):
        fetch(server, tmp_path / "data")
    assert len(server.requests) == 1


def test_no_server_is_an_error(tmp_path):
    server = Server()
    server.close()
    with pytest.raises(VQSpeechError, match="cannot download http://127"):
        fetch(server, tmp_path / "data", attempts=2)


def link():
    info = zipfile.ZipInfo("wav48_silence_trimmed/link")
    info.create_system = 3
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize("entry", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt", link()], ids=str)
def test_unsafe_archives_are_not_unzipped(server, tmp_path, entry):
    server.content = zipped({FILE: b"x", entry: "/etc/passwd"})
    with pytest.raises(CorpusError, match="unsafe"):
        fetch(server, tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["VCTK-Corpus-0.92.zip"]
    assert not (tmp_path / "evil.txt").exists()


def test_other_archives_and_other_files_are_refused(server, tmp_path):
    server.content = zipped({"readme.txt": "hello"})
    with pytest.raises(CorpusError, match="no folder wav48_silence_trimmed"):
        fetch(server, tmp_path / "a")
    server.content = b"<html>not a zip</html>"
    with pytest.raises(CorpusError, match="not a whole zip"):
        fetch(server, tmp_path / "b")


def test_an_archive_with_a_folder_of_its_own_works_too(server, tmp_path):
    server.content = zipped({FILE: b"x"}, top="VCTK-Corpus-0.92/")
    assert (fetch(server, tmp_path, keep_archive=True) / FILE).is_file()
    assert sorted(path.name for path in tmp_path.glob("VCTK*")) == ["VCTK-Corpus-0.92", "VCTK-Corpus-0.92.zip"]
    assert not list(tmp_path.glob(".VCTK*"))


def test_too_little_space_is_found_before_anything_is_written(server, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"0\.0 GB free and the archive needs 0\.1 GB"):
        fetch(server, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []
