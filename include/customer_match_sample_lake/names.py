"""Names from sixteen countries, in their own script and in the letters of an e-mail address."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from customer_match_sample_lake.draws import SEED, Numbers, draw

__all__ = ["COUNTRIES", "names"]


@dataclass(frozen=True)
class Name:
    """A name as its owner writes it, and as it appears in an address (lower-case ASCII letters)."""

    written: str
    latin: str


@dataclass(frozen=True)
class Country:
    """A country, whose names are combined. The code is from ISO 3166."""

    code: str
    given: tuple[Name, ...]
    family: tuple[Name, ...]


@dataclass(frozen=True)
class Names:
    """Names of n profiles, as columns of n values.

    Attributes:
        given: Given names, as their owners write them.
        family: Family names, as their owners write them.
        country: Code of the country.
        local_part: Both names in lower-case ASCII with the profile's number; unique for each profile, also after
            dots are dropped.
    """

    given: pa.StringArray
    family: pa.StringArray
    country: pa.StringArray
    local_part: pa.StringArray


def names(numbers: Numbers, seed: int = SEED) -> Names:
    """Return names for the profiles with these numbers."""
    country = draw(numbers, "country", seed) % np.uint64(len(COUNTRIES))
    given = _GIVEN.pick(country, draw(numbers, "given name", seed))
    family = _FAMILY.pick(country, draw(numbers, "family name", seed))
    separator = pa.array(draw(numbers, "separator", seed) % np.uint64(len(_SEPARATORS)))
    local_part = pc.binary_join_element_wise(
        _GIVEN.latin.take(given),
        _SEPARATORS.take(separator),
        _FAMILY.latin.take(family),
        pa.array(numbers).cast(pa.string()),
        "",
    )
    return Names(
        _GIVEN.written.take(given), _FAMILY.written.take(family), _CODES.take(pa.array(country)), local_part
    )


class _Pool:
    """All names of one kind in one column, grouped by country."""

    def __init__(self, of: Callable[[Country], tuple[Name, ...]]) -> None:
        pool = [name for country in COUNTRIES for name in of(country)]
        self.written = pa.array([name.written for name in pool])
        self.latin = pa.array([name.latin for name in pool])
        self._counts = np.array([len(of(country)) for country in COUNTRIES], dtype=np.uint64)
        self._starts = np.cumsum(self._counts) - self._counts

    def pick(self, country: Numbers, lots: Numbers) -> pa.UInt64Array:
        """Return for each profile the position of one name of its country."""
        return pa.array(self._starts[country] + lots % self._counts[country])


_NO_ACCENT_FORM = str.maketrans({"ß": "ss", "ł": "l", "ø": "o", "ı": "i", "æ": "ae", "đ": "d"})


def _name(entry: str) -> Name:
    written, _, latin = entry.partition("=")
    if not latin:
        letters = unicodedata.normalize("NFD", written.lower().translate(_NO_ACCENT_FORM))
        latin = "".join(letter for letter in letters if "a" <= letter <= "z")
    return Name(written, latin)


def _country(code: str, given: str, family: str) -> Country:
    return Country(code, tuple(map(_name, given.split("|"))), tuple(map(_name, family.split("|"))))


# `written`, or `written=latin` if the letters are not Latin or the address omits something.
# Commas, quotes and a line break are included deliberately: CSV must preserve them.
COUNTRIES = (
    _country(
        "US",
        'Emma|Olivia|Liam|Noah|Ava|James|Mary-Jane|Robert "Bob"=bob|Anne\nMarie=annemarie',
        "Smith|Johnson|O'Brien|Williams|Smith, Jr.=smith|Garcia|Miller|de la Cruz|Davis",
    ),
    _country(
        "DE",
        "Jürgen|Anna|Käthe|Lukas|Sören|Mia|Björn|Jörg-Uwe|Hannah",
        "Müller|Schmidt|Weiß|Groß|von der Heide|Köhler|Schäfer|Becker|Vogel",
    ),
    _country(
        "FR",
        "Zoé|Hélène|François|Chloé|Loïc|Jean-Luc|Éloïse|Louis|Maël",
        "Lefèvre|Dupont|d'Arc|Moreau|Bérénger|Garçon|Noël|Durand|Petit",
    ),
    _country(
        "ES",
        "José|María|Íñigo|Lucía|Sofía|Ángel|Núria|Pablo|Begoña",
        "García|Núñez|Muñoz|Ibáñez|Ruiz|Gómez y Paz=gomezpaz|Peña|Díaz|Soler",
    ),
    _country(
        "PL",
        "Łukasz|Małgorzata|Zofia|Paweł|Jan|Żaneta|Stanisław|Ewa",
        "Kowalski|Wójcik|Żółć|Dąbrowski|Ślązak|Nowak|Łęcki|Mazur",
    ),
    _country("CZ", "Jiří|Šárka|Tomáš|Zdeněk|Anežka|Eliška", "Dvořák|Novák|Říha|Kučerová|Žižka|Šťastný"),
    _country("SE", "Åsa|Björn|Göran|Elsa|Märta|Nils", "Öberg|Ångström|Lindqvist|Sjöström|Berg|Nyström"),
    _country("TR", "Işıl|İbrahim|Ayşe|Çağla|Gökhan|Şebnem", "Yılmaz|Öztürk|Güneş|Şahin|Çelik|Doğan"),
    _country(
        "GR",
        "Γιώργος=giorgos|Ελένη=eleni|Νίκος=nikos|Μαρία=maria",
        "Παππάς=pappas|Οικονόμου=oikonomou|Δήμου=dimou",
    ),
    _country(
        "UA",
        "Олена=olena|Тарас=taras|Дмитро=dmytro|Софія=sofiia",
        "Шевченко=shevchenko|Коваль=koval|Їжак=yizhak",
    ),
    _country(
        "JP", "花子=hanako|太郎=taro|さくら=sakura|健=ken", "山田=yamada|佐藤=sato|鈴木=suzuki|渡辺=watanabe"
    ),
    _country("CN", "伟=wei|芳=fang|秀英=xiuying|敏=min", "王=wang|李=li|张=zhang|欧阳=ouyang"),
    _country("KR", "민준=minjun|서연=seoyeon|지우=jiwoo", "김=kim|이=lee|박=park|최=choi"),
    _country("AE", "محمد=mohammed|فاطمة=fatima|ليلى=layla", "الهاشمي=alhashimi|حداد=haddad|منصور=mansour"),
    _country("IL", "נועה=noa|דוד=david|יעל=yael", "כהן=cohen|לוי=levi|מזרחי=mizrahi"),
    _country("IN", "अनिता=anita|राज=raj|प्रिया=priya", "शर्मा=sharma|पटेल=patel|सिंह=singh"),
)

_CODES = pa.array([country.code for country in COUNTRIES])
_GIVEN = _Pool(lambda country: country.given)
_FAMILY = _Pool(lambda country: country.family)
_SEPARATORS = pa.array([".", ".", "_", "-", ""])
