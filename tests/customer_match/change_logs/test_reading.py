"""Which tables are detected as change logs by their columns, and which are not."""

from __future__ import annotations

import pyarrow as pa
import pytest
import yaml

from customer_match.change_logs.detection import LOG_SIGNATURES
from customer_match.change_logs.reading import find_log_reading
from customer_match.errors import ConfigurationError
from customer_match.export.changes import ChangeLog
from customer_match.export.sources import Source
from tests.customer_match.change_logs.test_table import InMemory


def table(*columns: str, location: str = "lake/contact") -> InMemory:
    made = InMemory(pa.table({name: pa.array([], pa.string()) for name in columns}))
    made.location = location
    return made


@pytest.mark.parametrize(
    ("columns", "key", "order", "deleted"),
    [
        (
            ("Id", "SinkCreatedOn", "SinkModifiedOn", "versionnumber", "IsDelete"),
            ("Id",),
            ("versionnumber", "SinkModifiedOn"),
            ("IsDelete",),
        ),
        (("ID", "sinkmodifiedon", "Email"), ("ID",), ("sinkmodifiedon",), ()),
        (("id", "SinkModifiedOn", "isDeleted"), ("id",), ("SinkModifiedOn",), ("isDeleted",)),
        (("Id", "IsDelete", "Email"), ("Id",), (), ("IsDelete",)),
        (("CustomerId", "IsDelete", "Email"), (), (), ("IsDelete",)),
        (("Id", "Email", "versionnumber"), ("Id",), ("versionnumber",), ()),
        (("Id", "SinkModifiedOn", "ID"), ("Id",), ("SinkModifiedOn",), ()),
    ],
)
def test_tables_of_dataverse_are_detected(
    columns: tuple[str, ...], key: tuple[str, ...], order: tuple[str, ...], deleted: tuple[str, ...]
) -> None:
    reading = find_log_reading(None, table(*columns))
    assert reading is not None
    assert reading.folds_case
    assert (reading.key, [name.lower() for name in reading.order]) == (key, [name.lower() for name in order])
    assert (reading.deleted.columns if reading.deleted else ()) == deleted
    assert reading.ties == "deleted"


def test_the_recycle_bin_of_salesforce_does_not_count() -> None:
    reading = find_log_reading(None, table("Id", "Email", "IsDeleted", "SystemModstamp"))
    assert reading is not None
    assert (reading.key, reading.order, reading.columns) == ((), (), ("IsDeleted",))


def test_a_log_of_dataverse_without_ids_is_rejected() -> None:
    with pytest.raises(
        ConfigurationError, match=r"lacks the column 'Id'.*`changes: \{key: …, order: \[versionnumber"
    ):
        find_log_reading(None, table("contactid", "versionnumber", "IsDelete"))


SEEN = [
    table("Id", "Email", "__$start_lsn", "__$operation"),
    table("Id", "Email", "_change_type", "_commit_version"),
    table("RECID", "DML_Action", "Start_LSN", "Seq_Val"),
    table("Id", "Email", "__deleted"),
    table("Id", "Email", "__op", "__lsn"),
    table("before", "after", "op", "ts_ms"),
    table("Op", "transact_id", "Id"),
    table("Op", "Id", "Email"),
    table("header__change_oper", "header__change_seq", "Id"),
    table("op_type", "op_ts", "pos", "Id"),
    table("Id", "op_type", "commit_ts"),
    table("hvr_op", "hvr_integ_seq", "Id"),
    table("Id", "Email", "hvr_is_deleted"),
    table("Id", "Email", "ODQ_CHANGEMODE", "ODQ_ENTITYCNTR"),
    table("Id", "Email", "__rowMarker__"),
    table("Id", "Email", "METADATA$ACTION", "METADATA$ISUPDATE", "METADATA$ROW_ID"),
    table("Id", "Email", "op", "lsn"),
    table("Id", "Email", "_fivetran_deleted", "_fivetran_synced"),
    table("Id", "_fivetran_active", "_fivetran_start", "_fivetran_end"),
    table("Id", "_ab_cdc_deleted_at", "_ab_cdc_updated_at"),
    table("Id", "_sdc_deleted_at"),
    table("timestamp-0", "systemId-2000000000", "E-Mail-102", location="abfs://lake/bc/deltas/Customer-18"),
    table("timestamp-0", "systemId-2000000000", location="lake/bc/deltas.manifest.cdm.json/Customer-18"),
]


@pytest.mark.parametrize("log", SEEN, ids=lambda log: "-".join(log.columns())[:40])
def test_another_log_is_rejected_until_it_is_declared(log: InMemory) -> None:
    with pytest.raises(
        ConfigurationError, match=r"looks like a change log.*`changes: .*`changes: none`"
    ) as stopped:
        find_log_reading(None, log)
    example = str(stopped.value).split("`changes: ", 1)[1].split("`; or")[0]
    Source.model_validate({"root": "lake", "changes": yaml.safe_load(example.replace("…", "Id"))})
    assert find_log_reading(ChangeLog(), log) is None


def test_every_signature_is_detected() -> None:
    def fits(log: InMemory) -> list[str]:
        return [
            signature.example for signature in LOG_SIGNATURES if signature.fits(log.columns(), log.location)
        ]

    assert {example for log in SEEN for example in fits(log)} == {
        signature.example for signature in LOG_SIGNATURES
    }


@pytest.mark.parametrize(
    "plain",
    [
        table("Id", "Email", "op"),
        table("Id", "Op", "Email"),
        table("Id", "Email", "op_type"),
        table("Id", "Email", "IsDeleted"),
        table("CustomerId", "Email", "versionnumber"),
        table("Id", "Email", "ts_ms"),
        table("Id", "Email", "Deleted", "deleted_at", "operation"),
        table("CustomerId", "Email", "SinkModifiedOn"),
        table("timestamp-0", "systemId-2000000000", "E-Mail-102", location="abfs://lake/bc/data/Customer-18"),
    ],
    ids=lambda plain: "-".join(plain.columns()),
)
def test_ordinary_tables_are_not_logs(plain: InMemory) -> None:
    assert find_log_reading(None, plain) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": "Ident", "order": "V"}, r"no column 'Ident'.*`changes\.key`"),
        ({"key": "Id", "order": "W"}, r"no column 'W'.*`changes\.order`"),
        ({"key": "Id", "order": "L"}, r"'L' holds list.*`changes\.order`"),
        ({"key": "L", "order": "V"}, r"'L' holds list.*`changes\.key`"),
        ({"deleted": "Gone"}, r"no column 'Gone'.*`changes\.deleted`"),
        ({"deleted": "L"}, r"'L' holds list.*`changes\.deleted\.values`"),
        ({"deleted": {"column": "Gone", "values": [1]}}, r"no column 'Gone'.*`changes\.deleted\.column`"),
        ({"ignored": {"where": "Gone = 1"}}, r"no column 'Gone'.*`changes\.ignored\.where`"),
        ({"deleted": {"where": "V > 'x'"}}, r"^`changes\.deleted\.where` of the export file compares"),
        ({"deleted": {"where": "L IS NULL"}}, r"'L' holds list.*`changes\.deleted\.where`"),
    ],
)
def test_missing_or_unsuitable_columns_are_rejected(changes: dict[str, object], words: str) -> None:
    schema = pa.schema([("Id", pa.string()), ("V", pa.int64()), ("L", pa.list_(pa.string()))])
    with pytest.raises(ConfigurationError, match=words):
        find_log_reading(ChangeLog.model_validate(changes), InMemory(schema.empty_table()))
