"""By which columns logs of changes are known, beside those of Dataverse: one line a program that writes such ones.

A lone column that ordinary tables may have too (`op`) is no sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from customer_match.tables.columns import name_key

__all__ = ["SIGNS", "Sign"]

Also = Callable[[Sequence[str], str], bool]


@dataclass(frozen=True)
class Sign:
    """What tells a log.

    Attributes:
        whose: Who writes it.
        columns: Names that it has, all of them.
        example: What to write under `changes`.
        beside: Names of which it has at least one more; none: the columns tell by themselves.
        also: What else must hold of columns and location, in place of `beside`.
    """

    whose: str
    columns: tuple[str, ...]
    example: str
    beside: tuple[str, ...] = ()
    also: Also | None = None

    def fits(self, columns: Iterable[str], location: str) -> bool:
        """Whether a table has it.

        Args:
            columns: Of the table, in order.
            location: Where it lies.
        """
        names = [name_key(name) for name in columns]
        if not all(name_key(name) in names for name in self.columns):
            return False
        alone = not self.beside and self.also is None
        further = any(name_key(name) in names for name in self.beside)
        return alone or further or (self.also is not None and self.also(names, location))


def _begins_with_it(names: Sequence[str], _: str) -> bool:
    """Documented: `Op` is the first column. How files are called says nothing, for they are copied and merged."""
    return names[0] == "op"


def _in_deltas(_: Sequence[str], location: str) -> bool:
    """The same columns are in `data`, where each record has one row: there it is a table.

    Either is a folder, with a manifest of its name beside it.
    """
    return any(part.partition(".")[0] == "deltas" for part in location.lower().split("/"))


_WHEN: Final = "<its column with the time of the change>"

SIGNS: Final = (
    Sign(
        "change data capture of SQL Server",
        ("__$operation",),
        "{key: …, order: [__$start_lsn, __$seqval, __$operation], deleted: {column: __$operation, values: [1]}, "
        "ignored: {column: __$operation, values: [3]}}",
    ),
    Sign(
        "the change data feed of Delta Lake",
        ("_change_type",),
        "{key: …, order: [_commit_version], deleted: {column: _change_type, values: [delete]}, "
        "ignored: {column: _change_type, values: [update_preimage]}, ties: kept}",
    ),
    Sign(
        "the change feed of Dynamics 365 finance and operations",
        ("DML_Action", "Start_LSN"),
        "{key: …, order: [Start_LSN, Seq_Val], deleted: {column: DML_Action, values: [DELETE]}, "
        "ignored: {column: DML_Action, values: [BEFORE_UPDATE]}, ties: kept}",
    ),
    Sign("Debezium", ("__deleted",), "{key: …, order: [__source_ts_ms, __lsn], deleted: __deleted}"),
    Sign(
        "Debezium",
        ("__op",),
        "{key: …, order: [__source_ts_ms, __lsn], deleted: {column: __op, values: [d]}}",
    ),
    Sign(
        "Debezium",
        ("op",),
        "{key: …, order: [ts_ms], deleted: {column: op, values: [d]}}",
        beside=("ts_ms", "ts_us", "ts_ns", "source.ts_ms", "source_ts_ms", "lsn"),
    ),
    Sign(
        "AWS DMS",
        ("Op",),
        f"{{key: …, order: [{_WHEN}], deleted: {{column: Op, values: [D]}}}}",
        beside=("transact_id", "dms_timestamp", "dms_ts", "cdc_timestamp", "cdc_ts", "ar_h_timestamp"),
        also=_begins_with_it,
    ),
    Sign(
        "Qlik Replicate",
        ("header__change_oper",),
        "{key: …, order: [header__change_seq], deleted: {column: header__change_oper, values: [D]}, "
        "ignored: {column: header__change_oper, values: [B]}}",
    ),
    Sign(
        "Oracle GoldenGate",
        ("op_type",),
        "{key: …, order: [op_ts, pos], deleted: {column: op_type, values: [D]}}",
        beside=("op_ts", "current_ts", "commit_ts", "commit_timestamp", "csn"),
    ),
    Sign(
        "HVR",
        ("hvr_op",),
        "{key: …, order: [hvr_integ_seq], deleted: {column: hvr_op, values: [0]}, "
        "ignored: {column: hvr_op, values: [3, 4]}}",
    ),
    Sign("HVR", ("hvr_is_deleted",), "{deleted: hvr_is_deleted}"),
    Sign(
        "the SAP CDC connector of Azure Data Factory",
        ("ODQ_CHANGEMODE",),
        f"{{key: …, order: [{_WHEN}], deleted: {{column: ODQ_CHANGEMODE, values: [D]}}}}",
    ),
    Sign(
        "open mirroring of Microsoft Fabric",
        ("__rowMarker__",),
        f"{{key: …, order: [{_WHEN}], deleted: {{column: __rowMarker__, values: [2]}}}}",
    ),
    Sign(
        "a stream of Snowflake",
        ("METADATA$ACTION",),
        f"{{key: …, order: [{_WHEN}], deleted: {{column: METADATA$ACTION, values: [DELETE]}}, ties: kept}}",
    ),
    Sign("Fivetran", ("_fivetran_deleted",), "{deleted: _fivetran_deleted}"),
    Sign(
        "Fivetran's history mode",
        ("_fivetran_active", "_fivetran_start"),
        "{ignored: {where: NOT _fivetran_active}}",
    ),
    Sign(
        "Airbyte",
        ("_ab_cdc_deleted_at",),
        "{key: …, order: [_ab_cdc_updated_at], deleted: {where: _ab_cdc_deleted_at IS NOT NULL}}",
    ),
    Sign("Singer", ("_sdc_deleted_at",), "{deleted: {where: _sdc_deleted_at IS NOT NULL}}"),
    Sign(
        "bc2adls for Business Central",
        ("timestamp-0", "systemId-2000000000"),
        "{key: [systemId-2000000000, $Company], order: [timestamp-0], "
        "deleted: {where: '\"SystemCreatedAt-2000000001\" = '''''}}",
        also=_in_deltas,
    ),
)
