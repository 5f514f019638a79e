"""What ships: the wheel holds every module, recipe and data file, and runs from an empty folder."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = tuple(map(int, importlib.metadata.version("setuptools").split(".")[:1]))


def shipped() -> set[str]:
    """Every file below vqspeech/ and recipes/ by its place in the wheel."""
    files = set()
    for folder, place in (("vqspeech", "vqspeech"), ("recipes", "vqspeech/recipes")):
        for path in (ROOT / folder).rglob("*"):
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(ROOT).parts)
            if path.is_file() and not hidden:
                files.add(f"{place}/{path.relative_to(ROOT / folder).as_posix()}")
    return files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline with the setuptools of this environment from a copy of the tree."""
    if SETUPTOOLS < (77,):
        pytest.skip("needs setuptools >= 77 (extra dev)")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    names = ["pyproject.toml", "setup.py", "LICENSE", "README.md", "vqspeech", "recipes"]
    subprocess.run(["cp", "-r", *(name for name in names if (ROOT / name).exists()), str(source)], cwd=ROOT, check=True)
    (source / "README.md").touch()
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_every_file(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    assert sorted(shipped() - inside) == []
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    assert {name.split("/")[0] for name in inside if ".dist-info" not in name} == {"vqspeech"}


def test_the_wheel_runs_from_an_empty_folder(wheel: Path, tmp_path: Path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = (
        "import vqspeech.recipes.base as base, vqspeech.cli.main as main, sys\n"
        "print(base.__file__)\n"
        "print(main.__file__)\n"
        "sys.argv = ['vqspeech', 'recipe', 'show', 'vctk']\n"
        "main.main()\n"
    )
    environ = os.environ | {"PYTHONPATH": str(site), "VQSPEECH_PLUGINS": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=empty, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    base, main, *shown = done.stdout.splitlines()
    assert base == str(site / "vqspeech" / "recipes" / "base.py")
    assert main == str(site / "vqspeech" / "cli" / "main.py")
    assert "stages: prepare, train" in "\n".join(shown)
    if (ROOT / "recipes" / "vctk" / "vctk.toml").exists():
        assert "# ---- vctk.toml ----" in shown


def test_every_data_file_matches_a_pattern_of_the_wheel():
    patterns = [*PROJECT["tool"]["setuptools"]["package-data"]["*"], "*.py", "*.pyi"]
    missed = [name for name in shipped() if not any(fnmatch.fnmatch(name.rpartition("/")[2], p) for p in patterns)]
    assert missed == []


def test_torch_and_torchaudio_are_pinned_as_a_pair():
    pins = {name: spec for name, _, spec in (line.partition(">=") for line in PROJECT["project"]["dependencies"])}
    assert pins["torch"] == pins["torchaudio"]
