"""The text of a new export file: its keys with comments, in the order in which people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Draft", "export_text"]

_HEADER: Final = """\
# All keys: docs/export-file.md. Check this file, its tables and its account:
#   customer-match validate {name} --tables --connection
"""
_COMMENTS: Final[Mapping[str, str]] = {
    "connection": "Airflow connection to Microsoft Advertising (`customer-match login` makes it)",
    "cid": "customer and account id, from the address bar of Microsoft Advertising",
    "schedule": "in UTC; another time zone: `timezone: Europe/Berlin`",
    "segments": "each table becomes an audience of its name; another one: {table: …, audience: …}",
    "consent": "only profiles with one of these values are exported",
    "workspace": "ledgers and reports: every worker needs this folder, and it must be kept",
}


@dataclass(frozen=True)
class Draft:
    """What a new export file says.

    Attributes:
        connection: The Airflow connection to Microsoft Advertising.
        cid: Customer id.
        aid: Account id.
        source: The source, as in the file.
        segments: `all`, or names of tables.
        email: The e-mail column.
        consent: The section `consent`; None: it has none.
        schedule: The schedule; None: on demand.
        workspace: The workspace, as in the file; None: the default.
    """

    connection: str
    cid: str
    aid: str
    source: object
    segments: str | Sequence[str]
    email: str
    consent: Mapping[str, Any] | None = None
    schedule: str | None = None
    workspace: object = None

    def values(self) -> dict[str, object]:
        """The keys of the file and their values, in order."""
        values: dict[str, object] = {
            "connection": self.connection,
            "cid": int(self.cid) if self.cid.isdecimal() else self.cid,
            "aid": int(self.aid) if self.aid.isdecimal() else self.aid,
            "schedule": self.schedule,
            "source": self.source,
            "segments": self.segments if isinstance(self.segments, str) else list(self.segments),
            "email": self.email,
            "consent": dict(self.consent) if self.consent else None,
            "workspace": self.workspace,
        }
        return {key: value for key, value in values.items() if value is not None}


def export_text(name: str, draft: Draft) -> str:
    """Write the file."""
    import yaml  # noqa: PLC0415 - keeps --help quick

    lines = [_HEADER.format(name=name)]
    for key, value in draft.values().items():
        comment = f"# {_COMMENTS[key]}\n" if key in _COMMENTS else ""
        lines.append(comment + yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=110))
    return "".join(lines)
