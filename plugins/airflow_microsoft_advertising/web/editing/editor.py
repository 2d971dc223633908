"""What the routes do with the form of an export: find segments, make the file, check it, write it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from airflow_microsoft_advertising.web.connection_lookup import find_connection
from airflow_microsoft_advertising.web.editing.draft import Draft, Origin, draft_of
from airflow_microsoft_advertising.web.editing.finding import find
from airflow_microsoft_advertising.web.editing.form import Form
from airflow_microsoft_advertising.web.editing.page import Page
from airflow_microsoft_advertising.web.editing.resources import Resources
from customer_match.drafts.folder import ExportsFolder
from customer_match.export.yaml_document import Problem

__all__ = ["Editor"]


@dataclass(frozen=True)
class Editor:
    """The work on one export, for one user.

    Attributes:
        folder: The folder of export files.
        resources: What the user may name.
        origin: The file that is edited or copied, if any.
        connections: Connections to Microsoft Advertising that the user may use.
        now: The present time, UTC.
        taken: Names that a new export must not have: ids of DAGs.
    """

    folder: ExportsFolder
    resources: Resources
    origin: Origin
    connections: tuple[str, ...]
    now: datetime
    taken: Collection[str] = ()

    def page(self, form: Form, copied: str = "") -> Page:
        """The page with a form."""
        origin, connection = self.origin, form.texts.get("connection", "")
        is_there = origin.stored is not None and not origin.is_new
        return Page(
            form=form,
            file=origin.stored.path if origin.stored and is_there else self.folder.path,
            is_new=origin.is_new,
            is_writable=self.folder.is_writable,
            digest=origin.stored.digest if origin.stored and is_there else "",
            copied=copied,
            connections=self.connections,
            lakes=tuple(self.resources.lakes()),
            detached=is_there and bool(connection) and find_connection(connection) is None,
        )

    def found(self, form: Form, copied: str = "") -> Page:
        """The page with what the lake holds, if the user may open it."""
        texts = form.texts
        problems = [
            *self.resources.of_lake("source.connection", texts.get("source_connection")),
            *self.resources.of_folder("source.root", texts.get("source")),
        ]
        if problems:
            return replace(self.page(form, copied), draft=Draft(self.folder.path, problems=tuple(problems)))
        finding = find(form)
        return replace(
            self.page(finding.form, copied),
            table=finding.table,
            columns=finding.columns,
            addresses=finding.addresses,
            lake_fault=finding.fault,
        )

    def draft(self, form: Form) -> Draft:
        """The file of a form, and all that is wrong with it, what the user may not name included."""
        owner = self.resources.owner(form.texts.get("connection", "")) if self.origin.is_new else None
        made = draft_of(form, self.origin, self.folder, self.now, taken=self.taken, owner=owner)
        written = self.origin.values
        problems: list[Problem] = self.resources.problems(form.values(written), written)
        return replace(made, problems=(*made.problems, *problems))

    def save(self, form: Form, draft: Draft, digest: str) -> Path:
        """Write a file without problems.

        Args:
            form: The form.
            draft: Its file.
            digest: Of the file that the user saw.

        Raises:
            ChangedMeanwhile: The file is not any more what the user saw.
            ConfigurationError: It cannot be written.
        """
        stored = self.origin.stored
        if stored is None or self.origin.is_new:
            return self.folder.add(form.name, draft.text)
        stored.ensure_is(digest)
        return self.folder.replace(stored, draft.text)
