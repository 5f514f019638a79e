"""Hooks of mkdocs: pages from other documents and from the code, links between them. The tree stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import site_commands
import site_configuration
import site_links
import site_names
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]

_public: list[site_names.Names] = []


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not in docs/."""
    _public[:] = [site_names.Names(ROOT)]
    files.remove(files.get_file_from_path("README.md"))
    for path, site_place in site_links.outside(ROOT).items():
        if path != "docs/README.md":
            files.append(File.generated(config, site_place, content=(ROOT / path).read_text(encoding="utf-8")))
    for site_place, text in generated().items():
        files.append(File.generated(config, site_place, content=text))
    return files


def generated() -> dict[str, str]:
    """Return the pages that are made from the code: place in the site -> Markdown."""
    public = _public[0]
    return {
        "reference/commands.md": site_commands.page(),
        "reference/configuration.md": site_configuration.page(),
        "tutorials/examples.md": _examples(),
        **{f"tutorials/{path.stem}.md": _notebook(path) for path in sorted((ROOT / "docs").glob("notebooks/*.ipynb"))},
        **public.pages(),
    }


def _notebook(path: Path) -> str:
    """Return the cells of a notebook as a page, with the notebook itself below the title."""
    cells = [
        (cell["cell_type"], "".join(cell["source"])) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    ]
    (_, first), *others = cells
    title, _, text = first.partition("\n")
    parts = [title, f"[{path.name}](../notebooks/{path.name}): open it in Jupyter.", text.strip()]
    parts += [text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in others]
    return "\n\n".join(parts) + "\n"


def _examples() -> str:
    parts = ["# Scripts", "Complete programs of the folder `examples`, which the tests run."]
    for path in sorted((ROOT / "examples").glob("*.py")):
        parts += [f"## {path.name}", f"```python\n{path.read_text(encoding='utf-8')}```"]
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Rewrite links for the site, and link names of vqspeech to the reference."""
    site_place = page.file.src_uri
    pages = site_links.outside(ROOT)
    origins = {where: path for path, where in pages.items() if path != "docs/README.md"}
    if site_place.startswith("reference/"):
        return markdown
    markdown = site_links.rewritten(markdown, origins.get(site_place, f"docs/{site_place}"), site_place, pages)
    return site_links.spaced(site_links.linked(markdown, site_place, _public[0].find))
