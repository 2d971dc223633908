"""The templates of the pages, each in one language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import jinja2
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from airflow_microsoft_advertising.web.languages import Language

__all__ = ["as_html", "template"]


@cache
def template(name: str, language: Language) -> jinja2.Template:
    """Return a template whose texts are in a language."""
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
