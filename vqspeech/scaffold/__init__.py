"""Create plugins as complete distributions, from templates."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from string import Template

import vqspeech
from vqspeech.errors import InputError, PluginError, unknown_name
from vqspeech.registry.hookspecs import HOOKS
from vqspeech.registry.host import Host

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_plugin(kind: str, name: str, parent: Path) -> Path:
    """Create the distribution ``parent/vqspeech-NAME``: pyproject.toml, module, tests, README.

    Parameters
    ----------
    kind : one of `vqspeech.registry.hookspecs.HOOKS`: quantizer, corpus, recipe, ...
    name : its registered name, ``[a-z][a-z0-9-]*``; a leading ``vqspeech-`` is dropped
    parent : an existing folder

    Returns
    -------
    the new folder

    Raises
    ------
    UnknownNameError : for an unknown kind
    InputError : for an unusable name, or a folder that exists or cannot be written
    PluginError : for the name of a built-in of that kind
    """
    if kind not in HOOKS:
        raise unknown_name("kind of plugin", kind, HOOKS)
    name = name.removeprefix("vqspeech-")
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a plugin; use lower-case letters, digits and single hyphens, "
            f"a letter first, for example 'my-{kind}'"
        )
    if name in {entry.spec.name for entry in Host({"VQSPEECH_PLUGINS": ""}).builtin_entries(kind)}:
        raise PluginError(f"{kind} {name!r} ships with vqspeech, and no plugin can replace it; choose another name")
    folder = parent / f"vqspeech-{name}"
    if folder.exists() or folder.is_symlink():
        raise InputError(
            f"{folder} exists already; nothing was written. Choose another name, or another folder with --out"
        )
    values = _values(kind, name)
    contents = {path: Template(text).substitute(values) for path, text in _templates(kind, values["module"]).items()}
    try:
        for path, text in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot write {folder}: {error.strerror or error}; choose another folder with --out"
        ) from error
    return folder


def _values(kind: str, name: str) -> dict[str, str]:
    """Return the values of the templates' placeholders."""
    major, minor, *_ = (int(part) for part in re.findall(r"\d+", vqspeech.__version__))
    return {
        "kind": kind,
        "name": name,
        "module": f"vqspeech_{name.replace('-', '_')}",
        "function": name.replace("-", "_"),
        "camel": "".join(part.capitalize() for part in name.split("-")),
        "requirement": f"vqspeech>={major}.{minor},<{major}.{minor + 2}",
    }


def _templates(kind: str, module: str) -> dict[str, str]:
    """Return path in the new folder -> template; additional files make the module a package."""
    here = resources.files("vqspeech.scaffold") / "templates"
    places = {
        "README.md.txt": "README.md",
        "pyproject.toml.txt": "pyproject.toml",
        "module.py.txt": f"{module}.py",
        "tests.py.txt": f"tests/test_{module}.py",
    }
    files = [here / "pyproject.toml.txt", *(item for item in (here / kind).iterdir() if item.name.endswith(".txt"))]
    return {
        places.get(item.name, f"{module}/{item.name.removesuffix('.txt')}"): item.read_text(encoding="utf-8")
        for item in files
    }
