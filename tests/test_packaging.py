"""What ships: the wheel holds every module, recipe and data file, and runs from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def shipped() -> set[str]:
    """Every file of both packages by its place in the wheel."""
    files = set()
    for folder in (ROOT / "vqspeech", ROOT / "recipes" / "vqspeech_recipes"):
        for path in folder.rglob("*"):
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(ROOT).parts)
            if path.is_file() and not hidden:
                files.add(path.relative_to(folder.parent).as_posix())
    return files


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked; built offline with the hatchling of this environment."""
    pytest.importorskip("hatchling", reason="comes with the extra dev")
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline from the source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, sdist]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_source_distribution_holds_tests_and_documents(sdist: Path):
    for name in ("tests/test_packaging.py", "tests/golden", "docs/README.md", "LICENSE", "CITATION.cff"):
        assert (sdist / name).exists(), name
    assert not (sdist / "plugins").exists()


def test_the_wheel_holds_every_file(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    assert sorted(shipped() - inside) == []
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    assert {name.split("/")[0] for name in inside if ".dist-info" not in name} == {"vqspeech", "vqspeech_recipes"}


def test_the_wheel_runs_from_an_empty_folder(wheel: Path, tmp_path: Path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = (
        "import vqspeech_recipes.vctk as base, vqspeech.cli.main as main, sys\n"
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
    assert base == str(site / "vqspeech_recipes" / "vctk" / "__init__.py")
    assert main == str(site / "vqspeech" / "cli" / "main.py")
    assert "stages: prepare, train" in "\n".join(shown)
    if (ROOT / "recipes" / "vqspeech_recipes" / "vctk" / "vctk.toml").exists():
        assert "# ---- vctk.toml ----" in shown


def test_torch_and_torchaudio_are_pinned_as_a_pair():
    # A later torchaudio allows this torch in its metadata, and cannot be loaded with it.
    pins = {name: spec for name, _, spec in (line.partition("==") for line in PROJECT["project"]["dependencies"])}
    assert pins["torch"] == pins["torchaudio"] != ""
