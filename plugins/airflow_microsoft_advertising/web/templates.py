"""Renders the pages: templates, and what all pages need beside their own values."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2
from markdown_it import MarkdownIt

from airflow_microsoft_advertising.web.languages import LANGUAGES

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_microsoft_advertising.web.languages import Language

__all__ = ["Frame", "as_html", "render"]


@dataclass(frozen=True)
class Frame:
    """What all pages need.

    Attributes:
        language: The language of the page.
        root: Path of Airflow's pages, ending with a slash.
        now: The time from which ages count, UTC.
        nonce: Marks the script of the page as its own (Content-Security-Policy); another one for each answer.
    """

    language: Language
    root: str
    now: datetime
    nonce: str = field(default_factory=secrets.token_urlsafe)


def render(name: str, frame: Frame, **values: Any) -> str:
    """Render a template.

    Args:
        name: Its file in `templates/`.
        frame: What all pages need.
        values: What this page shows.
    """
    common = {"language": frame.language, "root": frame.root, "now": frame.now, "nonce": frame.nonce}
    return _template(name, frame.language).render(**common, languages=LANGUAGES, **values)


@cache
def _template(name: str, language: Language) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("airflow_microsoft_advertising.web"),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(language, newstyle=True)  # type: ignore[attr-defined]  # of the extension
    return environment.get_template(name)


def as_html(markdown: str) -> str:
    """Convert Markdown to HTML; HTML in it is shown as text."""
    return str(MarkdownIt("commonmark", {"html": False}).render(markdown))
