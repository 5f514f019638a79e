"""Fixtures for everybody: fake installed distributions, and a plugin host that sees only them."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vqspeech.registry.discovery import installed
from vqspeech.registry.host import Host, using

FakeDist = Callable[..., Path]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder on ``sys.path`` that stands for site-packages; its modules are forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def fake_dist(site: Path) -> FakeDist:
    """``fake_dist("vqspeech-x", source)``: an installed distribution with one module and one entry point, both named after it."""

    def plant(name: str, source: str, version: str = "0.3", entry_points: str | None = None) -> Path:
        module = name.replace("-", "_")
        plugin = name.removeprefix("vqspeech-")
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points or f"[vqspeech]\n{plugin} = {module}\n")
        path = site / f"{module}.py"
        path.write_text(textwrap.dedent(source))
        return path

    return plant


@pytest.fixture
def make_host(site: Path) -> Iterator[Callable[..., Host]]:
    """``make_host(VQSPEECH_PLUGINS="a")``: the process's host for this test, seeing only ``site`` and this environment."""
    contexts = []

    def make(**environ: str) -> Host:
        context = using(Host(environ, lambda: installed([str(site)])))
        contexts.append(context)
        return context.__enter__()

    yield make
    for context in reversed(contexts):
        context.__exit__(None, None, None)
