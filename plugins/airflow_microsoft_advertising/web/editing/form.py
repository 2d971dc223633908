"""The form of an export: what it shows, and the values of the file that it stands for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_microsoft_advertising.web.editing.fields import FIELDS, apply, shown
from airflow_microsoft_advertising.web.editing.segments import (
    Line,
    lines_of,
    posted_lines,
    segments_of_lines,
)
from airflow_microsoft_advertising.web.editing.spelling import compact, expand
from airflow_microsoft_advertising.web.forms import Posted
from customer_match.export.values import comparable

__all__ = ["Form"]


@dataclass(frozen=True)
class Form:
    """What the form shows.

    Attributes:
        name: The name of the export.
        texts: The texts of the fields, by name.
        lines: The segments, and tables that could be some.
        consent_kind: What the column of consent holds, if the lake was asked.
    """

    name: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    consent_kind: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any], name: str = "") -> Form:
        """The form of a file.

        Args:
            values: The values of the file; none for a new export.
            name: The name of the export.
        """
        found = expand(values)
        return cls(name, {one.name: shown(one, found) for one in FIELDS}, lines_of(found["segments"]))

    @classmethod
    def posted(cls, posted: Posted, name: str | None = None) -> Form:
        """The form as a user sent it.

        Args:
            posted: The fields.
            name: The name of the export; None: the user chooses it.
        """
        return cls(
            posted.text("name") if name is None else name,
            {one.name: posted.text(one.name) for one in FIELDS if one.name in posted.values},
            posted_lines(posted),
            posted.text("consent_kind"),
        )

    def as_copy(self) -> Form:
        """The form of a copy: two exports must not share an audience, so each named one gets another name."""
        title = self.texts.get("title")
        taken = {comparable(line.audience or line.table) for line in self.lines}
        lines = []
        for line in self.lines:
            if not line.is_pattern:
                name = _free(line.audience or line.table, taken)
                taken.add(comparable(name))
                line = replace(line, audience=name)  # noqa: PLW2901
            lines.append(line)
        return replace(
            self,
            name="",
            texts={**self.texts, "title": f"{title} copy" if title else ""},
            lines=tuple(lines),
        )

    def values(self, written: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the file.

        Args:
            written: The values that it has so far; none for a new file. Keys that the form does not know stay.
        """
        values = expand(written)
        items = values["segments"]
        apply(self.texts, values, consent_kind=self.consent_kind)
        values["segments"] = segments_of_lines(self.lines, items)
        return compact(values, written)


def _free(name: str, taken: Collection[str]) -> str:
    candidates = (f"{name} copy", *(f"{name} copy {number}" for number in range(2, len(taken) + 3)))
    return next(one for one in candidates if comparable(one) not in taken)
