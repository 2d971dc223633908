"""The text of a new export file."""

from __future__ import annotations

from customer_match.drafts.new_file import new_text
from customer_match.drafts.typed import typed
from customer_match.export.yaml_document import read_document


def test_keys_are_in_order_with_comments() -> None:
    text = new_text(
        "autumn", {"email": "E", "aid": "12", "cid": "x", "schedule": None, "other": 1, "title": "T"}
    )
    assert text == (
        "# All keys: docs/export-file.md. Check this file, its tables and its account:\n"
        "#   customer-match validate autumn --tables --connection\n"
        "title: T\n# customer and account id, from the address bar of Microsoft Advertising\ncid: x\naid: 12\n"
        "email: E\nother: 1\n"
    )


def test_a_time_zone_needs_no_hint() -> None:
    assert "another time zone" in new_text("a", {"schedule": "@daily"})
    assert "another time zone" not in new_text("a", {"schedule": "@daily", "timezone": "Europe/Paris"})
    assert read_document(new_text("a", {"schedule": "* * * * *"}).encode()).values == {
        "schedule": "* * * * *"
    }


def test_values_have_the_type_of_their_column() -> None:
    assert typed(["true", " 1", "yes"], "text") == ["true", "1", "yes"]
    assert typed(["True", "-1", "yes"], "number") == [True, -1, "yes"]
    assert typed(["false", "1"], "") == [False, "1"]
