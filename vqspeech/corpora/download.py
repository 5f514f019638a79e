"""Download VCTK 0.92: resumable, verified against a checksum, unzipped safely and atomically."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import shutil
import stat
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from vqspeech.errors import CorpusError, InputError, VQSpeechError

VCTK_URL = "https://datashare.is.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip"
VCTK_SHA256 = "f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c"
"""The checksum that torchaudio publishes for the same address."""
VCTK_FOLDER = "VCTK-Corpus-0.92"

_BLOCK_BYTES = 1 << 20
_SPARE_BYTES = 1 << 26
_TIMEOUT_S = 60

Progress = Callable[[str, int, int], None]
"""Called with (``"download"``, ``"verify"`` or ``"unzip"``; bytes done; total bytes, 0 where unknown)."""


def download_vctk(
    data_dir: Path | str,
    *,
    url: str = VCTK_URL,
    sha256: str = VCTK_SHA256,
    progress: Progress | None = None,
    attempts: int = 5,
    keep_archive: bool = False,
) -> Path:
    """Fetch VCTK 0.92 (11 GB, and as much again to unzip) into ``data_dir/VCTK-Corpus-0.92``.

    An interrupted download resumes (``VCTK-Corpus-0.92.zip.part``); an existing corpus is returned at once.

    Parameters
    ----------
    data_dir : folder for the corpus, created if missing
    url, sha256 : the archive and its checksum
    progress : see `Progress`
    attempts : connections before giving up; a connection that transferred data resets the count
    keep_archive : keep the zip beside the corpus, as one that was there before is kept

    Raises
    ------
    InputError : an unwritable folder or too little space
    CorpusError : a wrong checksum, or an archive that is broken, unsafe or not VCTK
    VQSpeechError : no connection; received data is kept
    """
    folder = Path(data_dir).expanduser().absolute()
    target = folder / VCTK_FOLDER
    if (target / "wav48_silence_trimmed").is_dir():
        return target
    if target.exists():
        raise InputError(f"{target} exists and holds no VCTK; move it away")
    report = progress or (lambda stage, done, total: None)
    archive = folder / f"{VCTK_FOLDER}.zip"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fetched = not archive.exists()
        source = archive
        if fetched:
            source = archive.with_name(archive.name + ".part")
            _fetch(url, source, attempts, report)
        digest = _sha256(source, report)
        if digest != sha256.lower():
            wrong = f"has the sha256 {digest} instead of {sha256}"
            if not fetched:
                raise CorpusError(f"{archive}, which was there, {wrong}; move it away and start the download again")
            source.unlink()
            raise CorpusError(f"the download from {url} {wrong}; it was deleted. Start the download again")
        if fetched:
            source.rename(archive)
        _unzip(archive, target, report)
        if fetched and not keep_archive:
            archive.unlink()
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another folder or free some space"
        ) from error
    return target


def _fetch(url: str, part: Path, attempts: int, report: Progress) -> None:
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _fetch_once(url, part, report)
            return
        except urllib.error.HTTPError as error:
            reason = f"the server answers {error.code} {error.reason}"
            if error.code < 500 and error.code != 429:
                raise VQSpeechError(f"cannot download {url}: {reason}") from error
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        after = part.stat().st_size if part.exists() else 0
        failures = 0 if after > before else failures + 1
        if failures >= attempts:
            kept = f"; {after} bytes are kept in {part}, the same command resumes there" if after else ""
            raise VQSpeechError(f"cannot download {url}: {reason}{kept}")
        time.sleep(min(30.0, 0.1 * 2**failures))


def _fetch_once(url: str, part: Path, report: Progress) -> None:
    """Continue a download over one connection; raises IncompleteRead when it breaks."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            if error.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
                # The part was complete.
                return
            part.unlink()
            raise ConnectionError("the server's file is shorter than the kept part; starting over") from error
        raise
    with response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not resumed:
            part.unlink(missing_ok=True)
            raise ConnectionError("the server sent another range than requested; starting over")
        done = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else 0
        if total:
            _need_space(part.parent, total - done, "the archive")
        if part.is_symlink():
            raise InputError(f"{part} is a link, and what it leads to would be overwritten; move it away")
        with part.open("ab" if resumed else "wb") as out:
            while block := response.read(_BLOCK_BYTES):
                out.write(block)
                done += len(block)
                report("download", done, total)
        if total and done < total:
            raise http.client.IncompleteRead(b"", total - done)


def _sha256(path: Path, report: Progress) -> str:
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            done += len(block)
            report("verify", done, total)
    return digest.hexdigest()


def _unzip(archive: Path, target: Path, report: Progress) -> None:
    """Extract to a temporary folder and rename; archives may lack a top folder."""
    staging: Path | None = None
    try:
        with zipfile.ZipFile(archive) as file:
            members = file.infolist()
            for member in members:
                _check_member(archive, member)
            total, done = sum(member.file_size for member in members), 0
            _need_space(target.parent, total, "the unzipped corpus")
            staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
            for member in members:
                file.extract(member, staging)
                done += member.file_size
                report("unzip", done, total)
        holders = [path for path in (staging, *staging.iterdir()) if (path / "wav48_silence_trimmed").is_dir()]
        if not holders:
            raise CorpusError(f"{archive} holds no folder wav48_silence_trimmed; it is not VCTK 0.92")
        holders[0].chmod(0o755)
        holders[0].rename(target)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise CorpusError(
            f"{archive} is not a whole zip file ({error}); delete it and start the download again"
        ) from error
    finally:
        if staging is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(staging)


def _check_member(archive: Path, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    drive = path.parts[:1] and path.parts[0].endswith(":")
    if path.is_absolute() or drive or ".." in path.parts or stat.S_ISLNK(member.external_attr >> 16):
        raise CorpusError(
            f"{archive} is unsafe: it holds {member.filename!r}, a link or a path outside the folder; "
            "nothing was unzipped"
        )


def _need_space(folder: Path, needed: int, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise InputError(
            f"{folder} has {free / 1e9:.1f} GB free and {what} needs {(needed + _SPARE_BYTES) / 1e9:.1f} GB; "
            "free some space or choose another folder"
        )
