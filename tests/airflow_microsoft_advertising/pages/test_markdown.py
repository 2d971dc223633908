"""Markdown, checked by a reader of Markdown that is not Airflow's."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from airflow_microsoft_advertising.pages.markdown import as_code, as_list, as_text


def html(text: str) -> str:
    return MarkdownIt().render(text)


@pytest.mark.parametrize("text", ["Gold*", "*Gold* and *Silver*", "my_segment_ _x_", "<b>", "[a](b)", "# a"])
def test_a_text_is_shown_as_it_is(text: str) -> None:
    shown = text.replace("<", "&lt;").replace(">", "&gt;")
    assert html(as_text(text)) == f"<p>{shown}</p>\n"


def test_code_in_a_text_stays_code() -> None:
    assert html(as_text("Write `Gold*`, or *")) == "<p>Write <code>Gold*</code>, or *</p>\n"


@pytest.mark.parametrize("text", ["a = 'b'", "`Ads Consent` = 1", "``a``", "a * b * c"])
def test_code_is_shown_as_it_is(text: str) -> None:
    assert html(as_code(text)) == f"<p><code>{text}</code></p>\n"


def test_a_paragraph_after_a_list_is_not_part_of_it() -> None:
    shown = html(f"{as_list(['a', 'b'])}Next paragraph")
    assert shown == "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<p>Next paragraph</p>\n"


def test_no_items_no_list() -> None:
    assert as_list([]) == ""
