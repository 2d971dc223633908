"""Realistic e-mail columns: usable addresses in every spelling, and unusable values.

About 92 of 100 values are usable. Two in a hundred repeat an earlier profile's address, half of them in
another spelling. All domains are reserved for examples (RFC 2606), so that no address belongs to anyone.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from customer_match_sample_lake.draws import SEED, Numbers, draw
from customer_match_sample_lake.names import names

__all__ = ["BROKEN_FORMS", "DUPLICATE_WINDOW", "USABLE_FORMS", "Form", "emails"]

DUPLICATE_WINDOW = 500
"""A repeated address belongs to one of this many preceding profiles."""
_EXACT_DUPLICATES, _DUPLICATES = 10, 20  # of 1,000

Write = Callable[[str, int], str | None]
"""(regular address, uniform draw) → value of the column."""


@dataclass(frozen=True)
class Form:
    """One way in which an address is written into a table, correctly or not.

    Attributes:
        name: Its name.
        per_mille: Its share, in profiles per 1,000.
        write: Makes the value.
    """

    name: str
    per_mille: int
    write: Write


def emails(numbers: Numbers, seed: int = SEED) -> pa.StringArray:
    """Return the e-mail column of these profiles."""
    lot = draw(numbers, "duplicate", seed) % 1000
    repeats = (lot < _DUPLICATES) & (numbers >= DUPLICATE_WINDOW)
    owners = np.where(repeats, numbers - 1 - draw(numbers, "owner", seed) % DUPLICATE_WINDOW, numbers)
    forms = _FORM_OF_LOT[draw(owners, "form", seed) % 1000]
    forms[repeats & (lot >= _EXACT_DUPLICATES)] = _CAPITALS
    return _write(owners, forms, seed)


def _write(owners: Numbers, forms: npt.NDArray[np.intp], seed: int) -> pa.StringArray:
    """Write the owners' addresses in these forms (shape (n,): indices in `_FORMS`)."""
    domains = _DOMAINS.take(pa.array(draw(owners, "domain", seed) % np.uint64(len(_DOMAINS))))
    plain = pc.binary_join_element_wise(names(owners, seed).local_part, domains, "@")
    values: list[str | None] = plain.to_pylist()
    odd = np.flatnonzero(forms)  # the first form leaves the address as it is: nothing to do for most rows
    lots = draw(owners[odd], "variant", seed).tolist()
    for row, form, lot in zip(odd.tolist(), forms[odd].tolist(), lots, strict=True):
        values[row] = _FORMS[form].write(values[row] or "", lot)
    return pa.array(values, pa.string())


def _one_of(*values: str | None) -> Write:
    return lambda _, lot: values[lot % len(values)]


def _pattern(*patterns: str) -> Write:
    """Make a writer from patterns with `local` part, `domain` and the whole `address`."""

    def write(address: str, lot: int) -> str:
        local, _, domain = address.partition("@")
        return patterns[lot % len(patterns)].format(local=local, domain=domain, address=address)

    return write


def _dots(address: str, lot: int) -> str:
    local, _, domain = address.partition("@")
    place = 1 + lot % (len(local) - 1)
    return f"{local[:place].strip('.')}.{local[place:].strip('.')}@{domain}"


def _accents(address: str, lot: int) -> str:
    local, _, domain = address.partition("@")
    return f"{unicodedata.normalize('NFC' if lot % 2 else 'NFD', local.translate(_ACCENTS))}@{domain}"


def _full_width(address: str, _lot: int) -> str:
    local, _, domain = address.partition("@")
    return f"{local.translate(_WIDE)}@{domain}"


def _hashed(address: str, _lot: int) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


# Reserved for examples: example.com, .net and .org, and everything below .example and .test (RFC 2606).
_DOMAINS = pa.array(
    [
        "example.com",
        "example.org",
        "example.net",
        "mail.example.com",
        "post.example.net",
        "kunden.example",
        "correo.example",
        "courriel.example",
        "poczta.example",
        "shop-online.example",
        "a.very.deep.example",
        "uni2.test",
    ]
)
_INTERNATIONAL_DOMAINS = (
    "bücher.example",
    "BÜCHER.example",
    "straße.example",
    "почта.example",
    "δοκιμή.example",
    "例え.example",
    "测试.example",
    "테스트.example",
    "مثال.example",
    "דוגמה.example",
)
_ACCENTS = str.maketrans("aeionu", "àéîöñü")
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_PLACEHOLDERS = ("n/a", "N/A", "none", "null", "-", "unknown", "k.A.", "?", "0", "TBD", "no e-mail")

_CAPITAL_FORM = Form("capitals", 60, lambda address, _: address.title())
_ODD_BUT_USABLE = (
    _CAPITAL_FORM,
    Form("shouting", 20, lambda address, _: address.upper()),
    Form("spaces", 40, _pattern(" {address}", "{address} ", "  {address} ", "{address}\t", "{address}\n")),
    Form("wide spaces", 10, _pattern("{address}\u00a0", "\u00a0{address}", "\u3000{address}\u2003")),
    Form("zero width", 5, _pattern("{address}\u200b", "\ufeff{address}", "{address}\u200e\u200f")),
    Form("tag", 50, _pattern("{local}+news@{domain}", "{local}+shop-2026@{domain}", "{local}+@{domain}")),
    Form("dots", 20, _dots),
    Form("accents", 15, _accents),
    Form("international domain", 30, _pattern(*(f"{{local}}@{d}" for d in _INTERNATIONAL_DOMAINS))),
    Form("punycode", 5, _pattern("{local}@xn--bcher-kva.example", "{local}@XN--E1AYBC.example")),
    Form("full width", 3, _full_width),
    Form("hashed", 10, _hashed),
    Form("hashed in capitals", 5, lambda address, lot: _hashed(address, lot).upper()),
)
BROKEN_FORMS = (
    Form("null", 25, _one_of(None)),
    Form("blank", 10, _one_of("", " ", "   ", "\u00a0", "\t", "\u200b")),
    Form("placeholder", 12, _one_of(*_PLACEHOLDERS)),
    Form("no at", 3, _pattern("{local}", "{local}.{domain}", "{local}(at){domain}")),
    Form("full-width at", 1, lambda address, _: address.translate(_WIDE)),
    Form("two at", 4, _pattern("{local}@@{domain}", "{local}@{domain}@{domain}")),
    Form("no dot", 4, _pattern("{local}@localhost", "{local}@example", "{local}@example,com")),
    Form("inner space", 4, _pattern("{local} x@{domain}", "{local}@my {domain}", "{local}@\u00a0{domain}")),
    Form("trailing dot", 3, _pattern("{address}.", "{address}...", "{address};")),
    Form("too long", 3, _pattern("x" * 65 + "{address}", "{local}@" + "long-label." * 25 + "{domain}")),
    Form("half", 3, _pattern("{local}@", "@{domain}", "@")),
    Form("bad domain", 4, _pattern("{local}@-{domain}", "{local}@a..{domain}", "{local}@b_{domain}")),
    Form("with name", 2, _pattern('"Customer" <{address}>', "mailto:<{address}>")),
    Form("two addresses", 2, _pattern("{address}; {address}", "{address},{local}@example.org")),
)
_REMAINING = 1000 - sum(form.per_mille for form in (*_ODD_BUT_USABLE, *BROKEN_FORMS))
USABLE_FORMS = (Form("plain", _REMAINING, lambda address, _: address), *_ODD_BUT_USABLE)

_FORMS = (*USABLE_FORMS, *BROKEN_FORMS)
_CAPITALS = _FORMS.index(_CAPITAL_FORM)
_FORM_OF_LOT = np.repeat(np.arange(len(_FORMS)), [form.per_mille for form in _FORMS])
