"""The distribution `vqspeech-lab`, as if it were installed: its package and its metadata in a folder on the path."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from vqspeech.registry.discovery import installed
from vqspeech.registry.host import Host, using

SOURCE = Path(__file__).parent / "vqspeech-lab"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that stands for site-packages."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    shutil.copytree(SOURCE / "vqspeech_lab", folder / "vqspeech_lab", ignore=shutil.ignore_patterns("__pycache__"))
    info = folder / f"vqspeech_lab-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = [f"{name} = {value}" for name, value in project["entry-points"]["vqspeech"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[vqspeech]", *points, ""]))
    return folder


@pytest.fixture(scope="module", autouse=True)
def lab(site: Path) -> Iterator[Host]:
    """The registry of this process: the built-ins and the distribution, nothing else that is installed."""
    before = set(sys.modules)
    sys.path.insert(0, str(site))
    with using(Host({"VQSPEECH_STRICT_PLUGINS": "1"}, lambda: installed([str(site)]))) as host:
        yield host
    sys.path.remove(str(site))
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "vqspeech_lab":
            del sys.modules[name]
