"""pytest fixtures for plugins: fake installed distributions, an isolated registry, and a corpus of a few seconds.

In a test module or the top-level ``conftest.py``: ``pytest_plugins = ["vqspeech.testing.fixtures"]``.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vqspeech.registry.discovery import installed
from vqspeech.registry.host import Host, using

FakeDist = Callable[..., Path]
IsolatedRegistry = Callable[..., Host]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder on ``sys.path`` in place of site-packages; its modules are unloaded afterwards."""
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
    """``fake_dist("vqspeech-x", source, version="0.3", entry_points=None)``: install a fake distribution.

    It has one module and one entry point, both named after it; ``entry_points`` replaces the text of that file. Returns
    the module's path.
    """

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
def isolated_registry(site: Path) -> Iterator[IsolatedRegistry]:
    """``isolated_registry(VQSPEECH_PLUGINS="a")``: replace the registry of this process for the rest of the test.

    It holds the built-ins and the plugins of ``fake_dist``, under these environment variables, and nothing else that is
    installed. Returns the `vqspeech.registry.host.Host`.
    """
    contexts = []

    def isolate(**environ: str) -> Host:
        context = using(Host(environ, lambda: installed([str(site)])))
        contexts.append(context)
        return context.__enter__()

    yield isolate
    for context in reversed(contexts):
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of synthetic speech for the corpus ``folder``; see `vqspeech.testing.speech.write_corpus`."""
    from vqspeech.testing.speech import write_corpus

    return write_corpus(tmp_path_factory.mktemp("tiny") / "corpus")
