"""The documents as a site: docstrings, links and commands become pages. `.ci/run` builds the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import site_commands
import site_docstrings
import site_links

from vqspeech.registry import host

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "benchmarks/RESULTS.md": "project/results.md"}


def test_a_docstring_becomes_markdown():
    text = """Return ``a*b`` of `Name` for x_1 * x_2 <= 3.

    Parameters
    ----------
    a, b : factors,
        as numbers

    Raises
    ------
    ValueError : never
    """
    found = site_docstrings.markdown(text, {"Name": "page.md#Name"}.get)
    assert found.split("\n\n") == [
        r"Return `a*b` of [`Name`](page.md#Name) for x\_1 \* x\_2 \<= 3.",
        "**Parameters**",
        "- `a`, `b`: factors, as numbers",
        "**Raises**",
        "- `ValueError`: never\n",
    ]


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("[a](../README.md#use)", "[a](../index.md#use)"),
        ("[a](../benchmarks/RESULTS.md)", "[a](../project/results.md)"),
        ("[a](tables.md)", "[a](../tables.md)"),
        ("![a](report.png)", "![a](../report.png)"),
        ("[a](../LICENSE)", "a"),
        ("[a](https://example.org/x.md)", "[a](https://example.org/x.md)"),
        ("[a](#below)", "[a](#below)"),
        ("```\n[a](../LICENSE)\n```\n", "```\n[a](../LICENSE)\n```\n"),
    ],
)
def test_links_between_documents_are_rewritten(link, wanted):
    assert site_links.rewritten(link, "docs/page.md", "elsewhere/page.md", PAGES) == wanted


def test_names_in_documents_link_to_their_reference():
    find = {"vqspeech.load": "reference/names/vqspeech.md#vqspeech.load"}.get
    text = "Use `vqspeech.load`, not `vqspeech.lode`.\n\n```\n`vqspeech.load`\n```\n"
    linked = "[`vqspeech.load`](../reference/names/vqspeech.md#vqspeech.load)"
    assert site_links.linked(text, "a/b.md", find) == text.replace("`vqspeech.load`", linked, 1)


def test_lists_and_tables_after_a_line_of_text_get_an_empty_line():
    assert site_links.spaced("Text:\n- a\n  more\n- b\n") == "Text:\n\n- a\n  more\n- b\n"
    assert site_links.spaced("Text\n| a |\n|---|\n") == "Text\n\n| a |\n|---|\n"


def test_the_page_of_commands_has_every_command_with_every_option():
    page = site_commands.page()
    for entry in host.current().builtin_entries("command"):
        assert f"\n## vqspeech {entry.spec.name}\n" in page
    for name, command in site_commands.commands():
        _, _, section = page.partition(f" vqspeech {name}\n\n")
        section = section.partition("\n## ")[0].partition("\n### ")[0]
        for option in command.params:
            hidden = getattr(option, "hidden", False) or option.param_type_name == "argument"
            assert hidden or max(option.opts, key=len) in section, (name, option.opts)


def test_every_document_has_a_place_in_the_navigation():
    yaml = pytest.importorskip("yaml", reason="comes with the extra docs")

    class Loader(yaml.SafeLoader):
        """Reads the tags of mkdocs as nothing."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    text = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    listed = {page for group in text["nav"] for page in _pages(group)}
    documents = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    assert documents <= listed


def _pages(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    values = entry.values() if isinstance(entry, dict) else entry
    return [page for value in values for page in _pages(value)]
