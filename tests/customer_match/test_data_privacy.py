"""The text about data privacy: complete in every language, and never changed once people have agreed to it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from customer_match.data_privacy import PrivacyAgreement, current_text_id, privacy_text, text_ids
from customer_match.redaction import without_addresses


def test_a_text_that_people_have_agreed_to_has_not_changed() -> None:
    """If this fails: leave the old text as it is, and add yours as a new version."""
    assert text_ids() == ("1-94fb7c9368fd",)
    assert current_text_id() == text_ids()[-1]


def test_every_language_says_the_same() -> None:
    english, french = privacy_text("en"), privacy_text("fr")
    assert len(english) == len(french) == 5
    for one, other in zip(english, french, strict=True):
        assert one != other
        assert ("SHA-256" in one) == ("SHA-256" in other)
        assert ("https://privacy.microsoft.com" in one) == ("https://privacy.microsoft.com" in other)


def test_an_unknown_language_gets_english() -> None:
    assert privacy_text("de") == privacy_text("en")


@pytest.mark.parametrize(
    "words",
    ["personal data", "leave your systems", "consent", "responsible", "withdraw", "Customer Match terms"],
)
def test_the_text_says_what_leaves_and_who_is_responsible(words: str) -> None:
    assert words in " ".join(privacy_text())


def test_an_agreement_in_words_says_who_when_and_which_text() -> None:
    agreement = PrivacyAgreement(by="Jane Doe", on=datetime(2026, 1, 31, 10, 20, tzinfo=UTC), text="1-abc")
    assert str(agreement) == "agreed to by Jane Doe on 2026-01-31 10:20 UTC, text 1-abc"
    assert without_addresses(str(agreement)) == str(agreement)
