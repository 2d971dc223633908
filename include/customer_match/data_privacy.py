"""The agreement to data privacy: the text that a person agrees to, and the record of who agreed to it and when.

The text says in our own words what leaves the house, and what Microsoft's pages leave to the user (documented: Dynamics
365 Customer Insights, connections and the Microsoft Advertising export; Microsoft Advertising policies on Customer
Match). It is no legal advice. Texts that people have agreed to are never changed: a new wording is a new version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict

__all__ = ["PrivacyAgreement", "current_text_id", "privacy_text", "text_ids"]

_ENGLISH_1: Final = (
    (
        "With this connection, exports turn the e-mail addresses of customers in your data lake into SHA-256 hashes "
        "and send the hashes to Microsoft Advertising. A hash still stands for one person, so it is personal data."
    ),
    (
        "The data then leave your systems and the rules that protect them there. Microsoft processes them under its "
        "own terms and its privacy statement (https://privacy.microsoft.com)."
    ),
    (
        "You are responsible for what is sent: that you may use each person's data for this purpose, with their "
        "consent where the law requires it; that they were informed; that no segment reveals what Microsoft's "
        "policies or the law forbid to use for advertising, such as health or beliefs; and that the Customer Match "
        "terms of Microsoft Advertising were accepted."
    ),
    (
        "You are also responsible for people's requests to object or to be erased: exports stop sending those who "
        "leave a segment, and remove them from its audience with the next run."
    ),
    (
        "You can withdraw this agreement at any time. Exports then do not run any more. Audiences keep their "
        "members at Microsoft Advertising until they are removed or lapse there."
    ),
)
_FRENCH_1: Final = (
    (
        "Avec cette connexion, les exportations transforment les adresses e-mail des clients de votre lac de "
        "données en empreintes SHA-256 et envoient ces empreintes à Microsoft Advertising. Une empreinte désigne "
        "toujours une seule personne : c’est une donnée personnelle."
    ),
    (
        "Les données quittent alors vos systèmes et les règles qui les y protègent. Microsoft les traite selon ses "
        "propres conditions et sa déclaration de confidentialité (https://privacy.microsoft.com)."
    ),
    (
        "Vous êtes responsable de ce qui est envoyé : vous avez le droit d’utiliser les données de chaque personne "
        "à cette fin, avec son consentement si la loi l’exige ; les personnes ont été informées ; aucun segment ne "
        "révèle ce que les règles de Microsoft ou la loi interdisent d’utiliser pour la publicité, comme la santé "
        "ou les convictions ; les conditions Customer Match de Microsoft Advertising ont été acceptées."
    ),
    (
        "Vous êtes aussi responsable des demandes d’opposition ou d’effacement : les exportations n’envoient plus "
        "les personnes qui quittent un segment et les retirent de son audience à l’exécution suivante."
    ),
    (
        "Vous pouvez retirer cet accord à tout moment. Les exportations ne s’exécutent alors plus. Les audiences "
        "gardent leurs membres chez Microsoft Advertising jusqu’à leur retrait ou leur expiration."
    ),
)
_TEXTS: Final[Mapping[int, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {1: {"en": _ENGLISH_1, "fr": _FRENCH_1}}
)
"""The paragraphs of each version, by language. All languages of a version say the same."""

_DIGITS: Final = 12
"""Hexadecimal digits of a text's digest: enough to show that it is another text, too few to be taken for a member."""


class PrivacyAgreement(BaseModel):
    """A recorded agreement to data privacy.

    Attributes:
        by: Name of the person, not an address.
        on: When they agreed, UTC; midnight if only the day is known.
        text: Id of the text that they agreed to.
    """

    model_config = ConfigDict(frozen=True)

    by: str
    on: datetime
    text: str

    def __str__(self) -> str:
        return f"agreed to by {self.by} on {self.on:%Y-%m-%d %H:%M} UTC, text {self.text}"


def privacy_text(language: str = "en") -> tuple[str, ...]:
    """Return the paragraphs of the current text; those in English for an unknown language."""
    languages = _TEXTS[max(_TEXTS)]
    return languages.get(language, languages["en"])


def current_text_id() -> str:
    """Return the id of the current text: its version and the beginning of its digest, such as `1-0123456789ab`."""
    return _text_id(max(_TEXTS))


def text_ids() -> tuple[str, ...]:
    """Return the ids of all texts, also of those that were replaced: who agreed to one has agreed."""
    return tuple(map(_text_id, _TEXTS))


@cache
def _text_id(version: int) -> str:
    text = json.dumps(dict(_TEXTS[version]), ensure_ascii=False, sort_keys=True)
    return f"{version}-{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"
