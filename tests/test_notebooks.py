"""Notebooks: without outputs in the repository, and run from their first cell to the last."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(notebook: Path) -> list[dict]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_not_kept(notebook):
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    assert code
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []


@pytest.fixture
def played(monkeypatch) -> list[np.ndarray]:
    """The sounds that a notebook plays; stands in for IPython, which no other test needs."""
    sounds: list[np.ndarray] = []
    package, display = ModuleType("IPython"), ModuleType("IPython.display")
    # matplotlib asks for it where the package is there.
    package.version_info, package.get_ipython = (9, 0), lambda: None
    display.Audio = lambda samples, *, rate: np.asarray(samples)
    display.display = sounds.append
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return sounds


@pytest.mark.parametrize(
    ("name", "needs"), [("edit_codes", ("vqspeech_voices", "espeakng_loader")), ("train_small", ())]
)
def test_the_notebook_runs_and_ends_in_sound(name, needs, played, monkeypatch, tmp_path):
    for module in needs:
        pytest.importorskip(module, reason="the notebook's first cell names it")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names: dict[str, object] = {"__name__": "__main__"}
    for number, cell in enumerate(cells(FOLDER / f"{name}.ipynb")):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}, cell {number}", "exec"), names)
    assert len(played) >= 3
    assert all(np.isfinite(sound).all() and np.abs(sound).max() > 1e-3 for sound in played)


def test_every_notebook_is_run():
    assert {path.stem for path in NOTEBOOKS} == {"edit_codes", "train_small"}
