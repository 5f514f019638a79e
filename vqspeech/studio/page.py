"""The page of a studio: HTML, style and scripts in one answer, in the style of the reports."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from vqspeech.local_page import script_value

if TYPE_CHECKING:
    from jinja2 import Template

SCRIPTS = ("requests.js", "recorder.js", "strip.js", "clips.js", "making.js", "studio.js")
"""The scripts, in the order in which the page runs them."""


def rendered(nonce: str, token: str) -> str:
    """Return the page.

    Parameters
    ----------
    nonce : marks its style and scripts as its own
    token : what its requests send
    """
    return _template().render(nonce=nonce, token=script_value(token), scripts=SCRIPTS)


def policy(nonce: str) -> str:
    """Return the page's policy: nothing from elsewhere, and no script but its own."""
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}' blob:; img-src blob: data:; "
        "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined

    loader = PrefixLoader(
        {"report": PackageLoader("vqspeech.report", ""), "studio": PackageLoader("vqspeech.studio", "page")}
    )
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("studio/page.html")
