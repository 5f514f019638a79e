"""A check that a plugin's module is cheap to import, since it is imported whenever names are listed."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = (
    *("torch", "torchaudio", "torchvision", "lightning_fabric", "numpy", "scipy", "sklearn", "librosa", "numba"),
    *("matplotlib", "pandas", "pyarrow", "jax", "tensorflow", "transformers", "vector_quantize_pytorch"),
)
"""Packages that nobody needs before something is used."""


def assert_light_import(module: str, heavy: tuple[str, ...] = HEAVY) -> None:
    """Import a module in a process of its own and check that no heavy package is imported.

    Parameters
    ----------
    module : the module of the entry point, ``"vqspeech_x"``
    heavy : top-level packages that must not be imported

    Raises
    ------
    AssertionError : names the heavy packages, or says why the module cannot be imported
    """
    code = (
        f"import sys\nimport {module}\n"
        f"print(*sorted({{name.partition('.')[0] for name in sys.modules}} & set({list(heavy)!r})))"
    )
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, f"{module} cannot be imported: {done.stderr.strip().splitlines()[-1:]}"
    found = done.stdout.split()
    assert not found, (
        f"importing {module} imports {', '.join(found)}; import them inside the function that needs them, "
        "or give the spec a target 'package.module:attribute'"
    )
