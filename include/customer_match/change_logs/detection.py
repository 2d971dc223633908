"""Columns by which change logs are detected, other than those of Dataverse: one entry for each program.

A single column that ordinary tables may have too (`op`) is not enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from customer_match.tables.columns import name_key

__all__ = ["LOG_SIGNATURES", "LogSignature"]

Also = Callable[[Sequence[str], str], bool]


@dataclass(frozen=True)
class LogSignature:
    """Columns that identify a change log.

    Attributes:
        whose: The program that writes it.
        columns: Names of its columns; a log has all of them.
        example: What to write under `changes`.
        beside: Further names, of which a log has at least one; empty: `columns` suffice.
        also: A further condition on columns and location, as an alternative to `beside`.
    """

    whose: str
    columns: tuple[str, ...]
    example: str
    beside: tuple[str, ...] = ()
    also: Also | None = None

    def fits(self, columns: Iterable[str], location: str) -> bool:
        """Return whether a table matches.

        Args:
            columns: The table's columns, in order.
            location: The table's location.
        """
        names = [name_key(name) for name in columns]
        if not all(name_key(name) in names for name in self.columns):
            return False
        alone = not self.beside and self.also is None
        further = any(name_key(name) in names for name in self.beside)
        return alone or further or (self.also is not None and self.also(names, location))


def _begins_with_op(names: Sequence[str], _: str) -> bool:
    """`Op` is the first column (documented). File names prove nothing, because files are copied and merged."""
    return names[0] == "op"


def _in_deltas(_: Sequence[str], location: str) -> bool:
    """Return whether the location is below `deltas`.

    A folder `data` has the same columns, but one row a record: it is a table. Both are folders with a manifest of the
    same name beside them.
    """
    return any(part.partition(".")[0] == "deltas" for part in location.lower().split("/"))


_WHEN: Final = "<its column with the time of the change>"

LOG_SIGNATURES: Final = (
    LogSignature(
        "change data capture of SQL Server",
        ("__$operation",),
        "{key: …, order: [__$start_lsn, __$seqval, __$operation], deleted: {column: __$operation, values: [1]}, "
        "ignored: {column: __$operation, values: [3]}}",
    ),
    LogSignature(
        "the change data feed of Delta Lake",
        ("_change_type",),
        "{key: …, order: [_commit_version], deleted: {column: _change_type, values: [delete]}, "
        "ignored: {column: _change_type, values: [update_preimage]}, ties: kept}",
    ),
    LogSignature(
        "the change feed of Dynamics 365 finance and operations",
        ("DML_Action", "Start_LSN"),
        "{key: …, order: [Start_LSN, Seq_Val], deleted: {column: DML_Action, values: [DELETE]}, "
        "ignored: {column: DML_Action, values: [BEFORE_UPDATE]}, ties: kept}",
    ),
    LogSignature("Debezium", ("__deleted",), "{key: …, order: [__source_ts_ms, __lsn], deleted: __deleted}"),
    LogSignature(
        "Debezium",
        ("__op",),
        "{key: …, order: [__source_ts_ms, __lsn], deleted: {column: __op, values: [d]}}",
    ),
    LogSignature(
        "Debezium",
        ("op",),
        "{key: …, order: [ts_ms], deleted: {column: op, values: [d]}}",
        beside=("ts_ms", "ts_us", "ts_ns", "source.ts_ms", "source_ts_ms", "lsn"),
    ),
    LogSignature(
        "AWS DMS",
        ("Op",),
        f"{{key: …, order: [{_WHEN}], deleted: {{column: Op, values: [D]}}}}",
        beside=("transact_id", "dms_timestamp", "dms_ts", "cdc_timestamp", "cdc_ts", "ar_h_timestamp"),
        also=_begins_with_op,
    ),
    LogSignature(
        "Qlik Replicate",
        ("header__change_oper",),
        "{key: …, order: [header__change_seq], deleted: {column: header__change_oper, values: [D]}, "
        "ignored: {column: header__change_oper, values: [B]}}",
    ),
    LogSignature(
        "Oracle GoldenGate",
        ("op_type",),
        "{key: …, order: [op_ts, pos], deleted: {column: op_type, values: [D]}}",
        beside=("op_ts", "current_ts", "commit_ts", "commit_timestamp", "csn"),
    ),
    LogSignature(
        "HVR",
        ("hvr_op",),
        "{key: …, order: [hvr_integ_seq], deleted: {column: hvr_op, values: [0]}, "
        "ignored: {column: hvr_op, values: [3, 4]}}",
    ),
    LogSignature("HVR", ("hvr_is_deleted",), "{deleted: hvr_is_deleted}"),
    LogSignature(
        "the SAP CDC connector of Azure Data Factory",
        ("ODQ_CHANGEMODE",),
        f"{{key: …, order: [{_WHEN}], deleted: {{column: ODQ_CHANGEMODE, values: [D]}}}}",
    ),
    LogSignature(
        "open mirroring of Microsoft Fabric",
        ("__rowMarker__",),
        f"{{key: …, order: [{_WHEN}], deleted: {{column: __rowMarker__, values: [2]}}}}",
    ),
    LogSignature(
        "a stream of Snowflake",
        ("METADATA$ACTION",),
        f"{{key: …, order: [{_WHEN}], deleted: {{column: METADATA$ACTION, values: [DELETE]}}, ties: kept}}",
    ),
    LogSignature("Fivetran", ("_fivetran_deleted",), "{deleted: _fivetran_deleted}"),
    LogSignature(
        "Fivetran's history mode",
        ("_fivetran_active", "_fivetran_start"),
        "{ignored: {where: NOT _fivetran_active}}",
    ),
    LogSignature(
        "Airbyte",
        ("_ab_cdc_deleted_at",),
        "{key: …, order: [_ab_cdc_updated_at], deleted: {where: _ab_cdc_deleted_at IS NOT NULL}}",
    ),
    LogSignature("Singer", ("_sdc_deleted_at",), "{deleted: {where: _sdc_deleted_at IS NOT NULL}}"),
    LogSignature(
        "bc2adls for Business Central",
        ("timestamp-0", "systemId-2000000000"),
        "{key: [systemId-2000000000, $Company], order: [timestamp-0], "
        "deleted: {where: '\"SystemCreatedAt-2000000001\" = '''''}}",
        also=_in_deltas,
    ),
)
