"""An export as a whole: its defaults, serialisation and immutability."""

from __future__ import annotations

import datetime as dt
import pickle

import pytest
from pydantic import ValidationError

from customer_match.export.model import Export
from tests.customer_match.export.samples import export


def test_defaults_are_those_of_the_reference() -> None:
    assert export().model_dump(mode="json") == {
        "name": "autumn",
        "title": "autumn",
        "description": None,
        "connection": "microsoft_advertising_default",
        "cid": "1234567",
        "aid": "7654321",
        "schedule": None,
        "start_date": "2026-01-01",
        "timezone": "UTC",
        "paused_at_creation": None,
        "source": {
            "connection": None,
            "root": "lake",
            "format": "auto",
            "csv": {
                "header": True,
                "columns": None,
                "delimiter": None,
                "quote": '"',
                "escape": None,
                "encoding": "utf-8",
            },
            "changes": None,
        },
        "segments": [
            {
                "table": "*",
                "audience": None,
                "audience_id": None,
                "path": None,
                "changes": None,
                "email": None,
                "consent": None,
            }
        ],
        "vanished": "keep",
        "profiles": None,
        "membership": None,
        "email": {"columns": ["Email"], "separator": None, "take": "coalesce"},
        "where": None,
        "consent": None,
        "suppress": [],
        "row_key": None,
        "normalisation": "basic",
        "profiles_per_part": 500_000,
        "route": "auto",
        "membership_duration": -1,
        "scope": "Customer",
        "adopt": False,
        "workspace": {"connection": None, "root": "workspace"},
        "encrypt_members": False,
        "guards": {
            "allow_empty": False,
            "max_rejected": 0.5,
            "max_suppress_unusable": 0.1,
            "max_removed": 0.5,
            "max_removed_members": None,
            "max_profiles_lost": 0.5,
            "max_emails_lost": 0.5,
            "max_vanished": 0.5,
            "max_refused": 0.01,
            "max_age_hours": None,
        },
        "history_days": 400,
        "audit_days": 3650,
        "staged_days": 7,
        "alerts": None,
        "run_timeout_hours": 6,
        "upload_timeout_minutes": 240,
        "retries": 3,
        "retry_delay_seconds": 30,
        "segments_per_task": 50,
        "deadline": None,
        "tags": [],
        "owner": None,
    }


def test_an_export_survives_json_and_pickle() -> None:
    full = export(
        schedule={"any": ["sales", "crm"]},
        start_date="2026-02-03",
        segments=["A", {"table": "B", "audience": "Bs", "path": "b/2026"}, "G*"],
        profiles={"table": "Customer", "source": "unified"},
        membership={"key": "ContactId"},
        email=["Email", "Second"],
        where="a = 1",
        consent={"column": "C", "allow": [True, 1, "yes"]},
        suppress=["A list", {"path": "b", "email": {"columns": "Hash", "separator": ";"}}],
        row_key="Id",
        normalisation="both",
        tags=["x"],
    )
    assert full.start_date == dt.date(2026, 2, 3)
    assert Export.model_validate_json(full.model_dump_json()) == full
    assert pickle.loads(pickle.dumps(full)) == full


def test_an_export_is_frozen() -> None:
    with pytest.raises(ValidationError):
        export().cid = "2"  # type: ignore[misc]  # what is tested


def test_a_scope_that_equals_the_default_is_stated_too() -> None:
    assert not export().scope_is_stated
    assert export(scope="Customer").scope_is_stated
