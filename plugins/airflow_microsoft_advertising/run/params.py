"""What a DAG shows of its export: what may be chosen when a run is started by hand, and its documentation."""

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
    """The parameters of an export's DAG, with their JSON schema."""
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
            description="Audiences to export; none chosen: all of them.",
        ),
        "dry_run": Param(
            False,  # noqa: FBT003 (Param's signature)
            type="boolean",
            title="Dry run",
            description="Do everything but send: counts, difference and parts are in the report.",
        ),
        "mode": Param(
            "incremental",
            enum=["incremental", "full"],
            title="Mode",
            description="Send the difference, or replace each audience as a whole.",
        ),
        "ignore_guards": Param(
            False,  # noqa: FBT003
            type="boolean",
            title="Ignore guards",
            description="Let pass, this once, what the export's guards would stop.",
        ),
        "force": Param(
            False,  # noqa: FBT003
            type="boolean",
            title="Force",
            description="Apply this run's data interval although an audience holds a newer one.",
        ),
    }


def upload_arguments(export: Export) -> dict[str, Any]:
    """What `UploadAudienceOperator` gets of an export, the same for each of its segments."""
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
    """The DAG's documentation, in Markdown. Tables and folders may be called by addresses, which are not shown."""
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
    """Whose addresses are taken, and who is kept out, in words."""
    if export.profiles:
        yield f"The addresses of its customers are those of `{export.profiles.name}`"
    if export.where:
        yield f"Only rows where `{' '.join(export.where.split())}`"
    if export.consent:
        allowed = (str(v).lower() if isinstance(v, bool) else str(v) for v in export.consent.allow)
        yield f"Only with consent: `{export.consent.column}` is one of {', '.join(allowed)}"
    if export.has_patterns and export.vanished != "keep":
        verb = {"empty": "emptied", "delete": "deleted"}[export.vanished]
        yield f"Audiences of tables that two runs in a row miss are {verb}"
    if export.suppress:
        yield f"Nobody from {', '.join(f'`{one.name}`' for one in export.suppress)}"


_DOCUMENTATION = """# {export.title}

{description}

Each segment becomes one Customer Match audience at Microsoft Advertising, customer {export.cid}, account {export.aid}:

{segments}

Tables: `{export.source.root}`, e-mail in `{email}`, normalised by the policy `{export.normalisation}`.{conditions}
Reports: `runs/…/report.html` in the workspace `{export.workspace.root}`.

By hand: *Trigger* offers a subset of the segments, a dry run, a full replacement, and older data by force.
"""
