"""What the site adds to the Markdown files: navigation, diagrams, languages, and links that leave the folder.

The files stay plain Markdown, which any viewer shows.
"""

from __future__ import annotations

import re
from typing import Any, Final

import mermaidx
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

__all__ = ["Diagrams", "setup"]

PARTS: Final = ("index", "how-to-guides", "reference", "explanation")
"""Pages whose lists of links are the navigation: a page in none of them fails the build."""

TRANSLATIONS: Final = frozenset({"fr"})
"""Folders of translations, by the code of their language."""

_LISTED: Final = re.compile(r"^- \[([^\]]+)\]\(([\w/-]+)\.md\)", re.MULTILINE)
_DOCUMENT_OUTSIDE: Final = re.compile(r"\]\((?=\.\./(?:\.\./)*[\w-]+\.md\))")


def add_navigation(_app: Sphinx, name: str, source: list[str]) -> None:
    """Make the links of a part's page its navigation, with their texts as titles."""
    if name in PARTS:
        listed = "\n".join(f"{title} <{page}>" for title, page in _LISTED.findall(source[0]))
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n"


def download_documents_outside(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Let a link to a Markdown file outside of this folder load the file, as links to other files there do."""
    source[0] = _DOCUMENT_OUTSIDE.sub("](path:", source[0])


class Diagrams(SphinxTransform):
    """Draws code blocks in Mermaid's language as SVG while the site is built."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Replace each block by its drawing.

        Raises:
            ValueError: A diagram that cannot be drawn.
        """
        blocks = [
            block
            for block in self.document.findall(nodes.literal_block)
            if block.get("language") == "mermaid"
        ]
        for number, block in enumerate(blocks):
            name = f"diagram-{number}"
            drawing = mermaidx.render(block.astext()).svg().replace("my-svg", name)
            block.replace_self(nodes.raw("", f'<figure class="diagram">{drawing}</figure>', format="html"))


def set_language(
    app: Sphinx, name: str, _template: str, context: dict[str, Any], _tree: nodes.document
) -> None:
    """Name the language of a translation: screen readers pronounce by it."""
    folder = name.partition("/")[0]
    context["language"] = folder if folder in TRANSLATIONS else app.config.language


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of them."""
    app.connect("source-read", add_navigation)
    app.connect("source-read", download_documents_outside)
    app.connect("html-page-context", set_language)
    app.add_transform(Diagrams)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
