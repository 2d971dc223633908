"""The languages of the pages: which one a user gets, its texts, numbers and times. Babel knows the formats.

The texts of a language are in `locales/<language>.po`; English needs none, because its texts are in the templates.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from babel import Locale
from babel.core import negotiate_locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

__all__ = ["LANGUAGES", "Language", "chosen_language", "language_of"]

LANGUAGES: Final = {"en": "English", "fr": "Français"}
"""The languages, each by its own name; the first is the default."""

_UNKNOWN: Final = "–"


class Language(gettext.NullTranslations):
    """One language.

    Args:
        code: One of `LANGUAGES`.
    """

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code
        self.locale = Locale(code)
        self._texts = _texts(code)

    def gettext(self, message: str) -> str:
        """Translate a text; one without a translation stays English."""
        return self._texts.get(message, (message,))[0]

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Translate a text that depends on a number."""
        singular = n == 1 if self.code == "en" else self.locale.plural_form(n) == "one"
        return self._texts.get(msgid1, (msgid1, msgid2))[0 if singular else -1]

    def number(self, value: float | None) -> str:
        """Format a number with the separators of the language; None is a dash."""
        return _UNKNOWN if value is None else _decimal(value, self.code)

    def change(self, value: int | None, sign: str) -> str:
        """Format a number of members that came or left."""
        return _UNKNOWN if value is None else f"{sign}{self.number(value)}"

    def share(self, value: float | None, digits: int = 0) -> str:
        """Format a share as a percentage, rounded; None is a dash."""
        if value is None:
            return _UNKNOWN
        rounded = round(value, digits + len("00"))
        return format_percent(rounded, locale=self.locale, decimal_quantization=False)

    def ago(self, moment: datetime | None, now: datetime) -> str:
        """Say how long ago a moment was, or in how long it will be; None is a dash."""
        return (
            _UNKNOWN
            if moment is None
            else format_timedelta(moment - now, add_direction=True, threshold=1.4, locale=self.locale)
        )

    def date(self, day: date) -> str:
        """Format a date."""
        return format_date(day, "d MMMM y", locale=self.locale)

    def time(self, moment: datetime) -> str:
        """Format a date and time in UTC."""
        return f"{format_datetime(moment.astimezone(UTC), 'medium', locale=self.locale)} UTC"

    def local_time(self, moment: datetime) -> str:
        """Format a date and time in its own time zone, with the day of the week."""
        return format_datetime(moment, "EEEE d MMMM y HH:mm", tzinfo=moment.tzinfo, locale=self.locale)


@cache
def language_of(code: str) -> Language:
    """Return a language; always the same object."""
    return Language(code)


def chosen_language(asked: str | None, accepted: str) -> str:
    """Return the language that a user asked for, or the best one that the browser accepts.

    Args:
        asked: The parameter of the page, if there is one.
        accepted: The header `Accept-Language`.
    """
    if asked in LANGUAGES:
        return asked
    wanted = [one.partition(";")[0].strip() for one in accepted.split(",")]  # browsers send the best first
    return negotiate_locale([one for one in wanted if one], LANGUAGES, sep="-") or next(iter(LANGUAGES))


@lru_cache(maxsize=10_000)
def _decimal(value: float, code: str) -> str:
    """A page repeats many numbers, and Babel takes its time for each."""
    return format_decimal(value, locale=code)


@cache
def _texts(code: str) -> Mapping[str, tuple[str, ...]]:
    """The translations by English text: one form, or singular and plural."""
    path = files(__package__).joinpath(f"locales/{code}.po")
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        catalogue = read_po(file, locale=code)
    texts: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        first = message.id[0] if isinstance(message.id, (tuple, list)) else message.id
        forms = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
        texts[str(first)] = tuple(str(form) for form in forms)
    return texts
