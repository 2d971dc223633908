"""Asks a person for the agreement to data privacy, for the commands `login` and `consent`."""

from __future__ import annotations

import sys
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from airflow_microsoft_advertising.cli.asking import prompt
from airflow_microsoft_advertising.cli.output import say
from customer_match.errors import ConfigurationError
from customer_match.redaction import may_be_address

if TYPE_CHECKING:
    from customer_match.data_privacy import PrivacyAgreement

__all__ = ["agree", "checked_name", "offer", "text_of"]

_WIDTH: Final = 100
_QUESTION: Final = "To agree, type your name, as reports shall repeat it"


def text_of(language: str = "en") -> str:
    """Return the current text, as a terminal shows it."""
    from customer_match.data_privacy import privacy_text  # noqa: PLC0415 (keeps --help quick)

    paragraphs = (textwrap.fill(one, _WIDTH) for one in privacy_text(language))
    return "\n\n".join(paragraphs)


def checked_name(name: str) -> str:
    """Return the name of a person.

    Raises:
        ConfigurationError: It is empty, or an address, which no report may show.
    """
    name = " ".join(name.split())
    if not name or not name.isprintable() or may_be_address(name):
        raise ConfigurationError(
            "That is no name. Give the name of the person who decides, not an e-mail address: every report repeats it."
        )
    return name


def agree(name: str | None) -> PrivacyAgreement:
    """Let a person agree to the current text.

    Args:
        name: Who agrees; None: show the text, and ask.

    Raises:
        ConfigurationError: There is no name, or nobody can be asked.
    """
    from customer_match.data_privacy import PrivacyAgreement, current_text_id  # noqa: PLC0415 (as above)

    if name is None:
        say(text_of(), err=True)
        name = prompt(_QUESTION, option="--name")
    return PrivacyAgreement(by=checked_name(name), on=datetime.now(UTC), text=current_text_id())


def offer() -> PrivacyAgreement | None:
    """Let a person agree who can be asked; None if nobody can, or if they prefer to do it later."""
    if not sys.stdin.isatty():
        return None
    say(
        f"\nNo export runs with a connection before a person has agreed to data privacy:\n\n{text_of()}\n",
        err=True,
    )
    name = prompt(f"{_QUESTION} (Enter: later)", option="--agree-data-privacy", default="")
    return agree(name) if name.strip() else None
