"""Whether a plugin's module is cheap to import, as it must be: it is imported whenever somebody lists names."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = (
    "torch", "torchaudio", "torchvision", "lightning_fabric", "numpy", "scipy", "sklearn", "librosa", "numba", "matplotlib", "pandas",
    "pyarrow", "jax", "tensorflow", "transformers", "vector_quantize_pytorch",
)  # fmt: skip
"""Packages that nobody needs before something is used."""


def assert_light_import(module: str, heavy: tuple[str, ...] = HEAVY) -> None:
    """Import a module in a process of its own, and see that no heavy package came with it.

    Parameters
    ----------
    module : the one that the entry point names, ``"vqspeech_x"``
    heavy : top-level packages that must stay out

    Raises
    ------
    AssertionError : names the heavy packages, or tells why the module does not import
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
        f"importing {module} imports {', '.join(found)}; import them inside the function that needs them, or give the spec a target "
        "'package.module:attribute'"
    )
