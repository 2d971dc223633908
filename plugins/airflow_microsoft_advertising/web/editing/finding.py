"""Looks for segments in the lake, when a user asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from airflow_microsoft_advertising.lake.contents import Lake, addresses_in, look_at, rows_of
from airflow_microsoft_advertising.web.editing.fields import CONSENT_COLUMN
from airflow_microsoft_advertising.web.editing.form import Form
from airflow_microsoft_advertising.web.editing.segments import with_tables
from customer_match.errors import CustomerMatchError
from customer_match.redaction import without_addresses

__all__ = ["Finding", "find"]


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        form: The form with the tables; the e-mail column is filled in if it was empty.
        table: The table whose columns were looked at; empty if none was.
        columns: Its columns.
        addresses: The share of its first rows that have a usable address, by column (0 to 1), the largest first.
        fault: What could not be read; empty if everything could.
    """

    form: Form
    table: str = ""
    columns: tuple[str, ...] = ()
    addresses: Mapping[str, float] = field(default_factory=dict)
    fault: str = ""


def find(form: Form) -> Finding:
    """Open the lake that a form names, and look at its tables; at the columns of the first one that is chosen."""
    source = {
        key: form.texts.get(name) for key, name in (("root", "source"), ("connection", "source_connection"))
    }
    source = {key: value for key, value in source.items() if value}
    chosen = [line.table for line in form.lines if line.chosen and "*" not in line.table]
    try:
        lake = look_at(source, chosen or "all")
        if lake.fault:
            return Finding(form, fault=without_addresses(lake.fault))
        rows = rows_of(source, lake.tables)
        addresses = addresses_in(source, lake.opened, lake.texts) if lake.opened else {}
    except CustomerMatchError as error:
        return Finding(form, fault=without_addresses(str(error)))
    best = dict(sorted(addresses.items(), key=lambda one: -one[1]))
    form = replace(form, lines=with_tables(form.lines, lake.tables, rows), consent_kind=_kind(form, lake))
    if best and not form.texts.get("email"):
        form = replace(form, texts={**form.texts, "email": next(iter(best))})
    return Finding(form, lake.opened, tuple(lake.columns), best)


def _kind(form: Form, lake: Lake) -> str:
    return lake.kind_of(form.texts.get(CONSENT_COLUMN, ""))
