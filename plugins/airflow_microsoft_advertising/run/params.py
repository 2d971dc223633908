"""Builds the parts of a DAG that users see: the parameters of the trigger form, and the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from airflow.sdk import Param

from airflow_microsoft_advertising.pages.markdown import as_code, as_list, as_text
from customer_match.export.matching import segments_of
from customer_match.export.model import Export
from customer_match.export.people import Consent
from customer_match.export.segments import Selection
from customer_match.redaction import without_addresses
from customer_match_delivery.spec import export_values

__all__ = ["broken_documentation", "documentation", "params", "upload_arguments"]


def params(export: Export) -> dict[str, Param]:
    """Return the parameters of an export's DAG, with their JSON schema."""
    return {
        "segments": _segments(export),
        "dry_run": Param(
            False,  # noqa: FBT003 (Param's signature)
            type="boolean",
            title="Dry run",
            description="Do everything except sending. The report shows what would be sent.",
        ),
        "mode": Param(
            "incremental",
            type="string",
            enum=["incremental", "full"],
            title="Mode",
            description="incremental: send only the changes. full: replace each whole audience.",
        ),
        "ignore_guards": Param(
            False,  # noqa: FBT003
            type="boolean",
            title="Ignore guards",
            description="Ignore the export's guards in this run.",
        ),
        "ending": Param(
            "none",
            type="string",
            enum=["none", "empty", "delete"],
            title="Ending",
            description="none: deliver the segments. empty, delete: empty or delete the audiences instead, before the "
            "export is removed. No table is read, and guards do not apply.",
        ),
        "force": Param(
            False,  # noqa: FBT003
            type="boolean",
            title="Force",
            description="Apply this run's data interval even if an audience holds a newer one.",
        ),
    }


def _segments(export: Export) -> Param:
    """Return the parameter for some of the segments. The form sends null if nothing is left in the field."""
    values: dict[str, Any] = {"type": ["array", "null"], "uniqueItems": True, "title": "Segments"}
    if export.has_patterns:  # which segments there are, only a run knows
        text = "Names of audiences to export, one per line. Leave empty to export all."
        return Param([], items={"type": "string"}, description=text, **values)
    names = [segment.audience for segment in segments_of(export)]
    text = "Audiences to export. Leave empty to export all."
    # With `examples`, the form is a list to choose from; without, it is a field for text.
    return Param([], items={"type": "string", "enum": names}, examples=names, description=text, **values)


def upload_arguments(export: Export) -> dict[str, Any]:
    """Return the arguments of `UploadAudienceOperator` that are the same for all segments of an export."""
    return {
        "export": export_values(export),
        "microsoft_advertising_conn_id": export.connection,
        "customer_id": export.cid,
        "account_id": export.aid,
        "workspace_root": export.workspace.locate(),
        "workspace_conn_id": export.workspace.connection,
        "encrypt_members": export.encrypt_members,
        "upload_timeout": timedelta(minutes=export.upload_timeout_minutes),
    }


def documentation(export: Export) -> str:
    """Return the DAG's documentation in Markdown. Addresses in names of tables and folders are replaced."""
    return without_addresses(
        _DOCUMENTATION.format(
            title=as_text(export.title),
            description=f"{export.description}\n\n" if export.description else "",
            cid=export.cid,
            aid=export.aid,
            segments=as_list(map(_described, export.segments)),
            source=as_code(export.source.root),
            email=as_code(", ".join(export.email.columns)),
            policy=as_code(export.normalisation),
            conditions=as_list(_conditions(export)),
            workspace=as_code(export.workspace.root),
        )
    )


def broken_documentation(problems: str) -> str:
    """Return the documentation of the DAG of a file that is not valid.

    Args:
        problems: What is wrong, one line per problem.
    """
    return f"# This export file is not valid\n\n{as_list(map(as_text, problems.splitlines()))}"


def _conditions(export: Export) -> Iterator[str]:
    """Describe which rows are exported and which are left out."""
    if export.profiles:
        yield f"E-mail addresses come from the table {as_code(export.profiles.name)}"
    if export.where:
        yield f"Only rows where {as_code(' '.join(export.where.split()))}"
    if export.consent:
        yield f"Only with consent: {_consent_in_words(export.consent)}"
    if export.has_patterns and export.vanished != "keep":
        verb = {"empty": "emptied", "delete": "deleted"}[export.vanished]
        yield f"If a table is missing in two runs in a row, its audience is {verb}"
    if export.suppress:
        names = ", ".join(as_code(one.name) for one in export.suppress)
        yield f"Members of suppression lists are left out: {names}"


def _consent_in_words(consent: Consent) -> str:
    allowed = (str(value).lower() if isinstance(value, bool) else str(value) for value in consent.allow)
    return f"{as_code(consent.column)} is one of {as_text(', '.join(allowed))}"


def _described(selection: Selection) -> str:
    """Name a segment, with the e-mail columns and the consent that it has of its own."""
    email = f"e-mail columns {as_code(', '.join(selection.email.columns))}" if selection.email else ""
    consent = f"only where {_consent_in_words(selection.consent)}" if selection.consent else ""
    own = "; ".join(filter(None, (email, consent)))
    return as_text(selection.audience or selection.table) + (f" ({own})" if own else "")


_DOCUMENTATION = """# {title}

{description}Each segment becomes one Customer Match audience at Microsoft Advertising, customer {cid}, account {aid}:

{segments}Tables: {source}. E-mail columns: {email}. Normalisation policy: {policy}.

{conditions}Reports: `runs/…/report.html` in the workspace {workspace}.

Use *Trigger* to start a run by hand: for some segments, as a dry run, as a full replacement, or with older data.
"""
