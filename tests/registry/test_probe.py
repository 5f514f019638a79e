"""Helpers in other processes import nothing from the current folder."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vqspeech.corpora.espeak import Request, synthesise
from vqspeech.registry.discovery import installed
from vqspeech.registry.probe import inherited_path, probe, target_problems

PLANTED = ("json", "time", "pluggy", "ctypes", "dataclasses", "subprocess", "pickle", "vqspeech")


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """The current folder holds modules of well-known names; gives the file that they write when imported."""
    mark = tmp_path / "RAN"
    for name in PLANTED:
        (tmp_path / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r})")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    return mark


def test_the_empty_entry_is_not_inherited(monkeypatch):
    monkeypatch.setattr(sys, "path", ["", "/a", "/b"])
    assert inherited_path() == f"/a{os.pathsep}/b"


def test_plugins_are_probed_without_the_current_folder(planted):
    candidates = [one for one in installed() if one.entry_point is not None][:1]
    if not candidates:
        pytest.skip("needs an installed plugin")
    (found,) = probe(candidates, 60.0, {})
    assert found is not None and not found.problem
    assert not planted.exists()
    target_problems(candidates, 60.0, {})
    assert not planted.exists()


def test_synthetic_speech_is_made_without_the_current_folder(planted):
    pytest.importorskip("espeakng_loader")
    (speech,) = synthesise([Request(text="a", voice="gmw/en")])
    assert speech.pcm and not planted.exists()


def test_the_console_script_starts_processes_without_the_current_folder(planted):
    code = (
        "import sys, subprocess; sys.path[:] = [one for one in sys.path if one]; from vqspeech.cli.main import main\n"
        "import vqspeech.cli.main as command\n"
        "command.app = lambda **k: subprocess.run([sys.executable, '-c', 'import json, pickle'], check=True)\n"
        "main()"
    )
    environment = {**os.environ, "PYTHONPATH": inherited_path()}
    subprocess.run([sys.executable, "-P", "-c", code], env=environment, check=True)
    assert not planted.exists()
