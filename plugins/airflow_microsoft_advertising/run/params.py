"""Builds the parts of a DAG that users see: the parameters of the trigger form, and the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from airflow.sdk import Param

from customer_match.export.matching import segments_of
from customer_match.export.model import Export
from customer_match.redaction import without_addresses
from customer_match_delivery.spec import export_values

__all__ = ["documentation", "params", "upload_arguments"]


def params(export: Export) -> dict[str, Param]:
    """Return the parameters of an export's DAG, with their JSON schema."""
    item: dict[str, Any] = {"type": "string"}
    if not export.has_patterns:
        item["enum"] = [segment.audience for segment in segments_of(export)]
    return {
        "segments": Param(
            [],
            type="array",
            items=item,
            uniqueItems=True,
            title="Segments",
            description="Audiences to export. Leave empty to export all.",
        ),
        "dry_run": Param(
            False,  # noqa: FBT003 (Param's signature)
            type="boolean",
            title="Dry run",
            description="Do everything except sending. The report shows what would be sent.",
        ),
        "mode": Param(
            "incremental",
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
        "force": Param(
            False,  # noqa: FBT003
            type="boolean",
            title="Force",
            description="Apply this run's data interval even if an audience holds a newer one.",
        ),
    }


def upload_arguments(export: Export) -> dict[str, Any]:
    """Return the arguments of `UploadAudienceOperator` that are the same for all segments of an export."""
    return {
        "export": export_values(export),
        "microsoft_advertising_conn_id": export.connection,
        "customer_id": export.cid,
        "account_id": export.aid,
        "workspace_root": export.workspace.locate(),
        "workspace_conn_id": export.workspace.connection,
        "upload_timeout": timedelta(minutes=export.upload_timeout_minutes),
    }


def documentation(export: Export) -> str:
    """Return the DAG's documentation in Markdown. Addresses in names of tables and folders are replaced."""
    segments = "\n".join(f"- {segment.audience or segment.table}" for segment in export.segments)
    return without_addresses(
        _DOCUMENTATION.format(
            export=export,
            description=export.description or "",
            segments=segments,
            email=", ".join(export.email.columns),
            conditions="".join(f"\n- {line}" for line in _conditions(export)),
        )
    )


def _conditions(export: Export) -> Iterator[str]:
    """Describe which rows are exported and which are left out."""
    if export.profiles:
        yield f"E-mail addresses come from the table `{export.profiles.name}`"
    if export.where:
        yield f"Only rows where `{' '.join(export.where.split())}`"
    if export.consent:
        allowed = (str(v).lower() if isinstance(v, bool) else str(v) for v in export.consent.allow)
        yield f"Only with consent: `{export.consent.column}` is one of {', '.join(allowed)}"
    if export.has_patterns and export.vanished != "keep":
        verb = {"empty": "emptied", "delete": "deleted"}[export.vanished]
        yield f"If a table is missing in two runs in a row, its audience is {verb}"
    if export.suppress:
        yield f"Members of suppression lists are left out: {', '.join(f'`{one.name}`' for one in export.suppress)}"


_DOCUMENTATION = """# {export.title}

{description}

Each segment becomes one Customer Match audience at Microsoft Advertising, customer {export.cid}, account {export.aid}:

{segments}

Tables: `{export.source.root}`. E-mail columns: `{email}`. Normalisation policy: `{export.normalisation}`.{conditions}

Reports: `runs/…/report.html` in the workspace `{export.workspace.root}`.

Use *Trigger* to start a run by hand: for some segments, as a dry run, as a full replacement, or with older data.
"""
