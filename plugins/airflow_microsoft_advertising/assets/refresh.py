"""The trigger behind `schedule: on-refresh`: waits in the triggerer for new versions of the tables of an export.

Airflow starts it with the asset that it watches, as long as the export is not paused, and keeps the version that it has
noticed last in the asset's state store. So a restart of the triggerer fires nothing, and a change that came while it
was down, or while the export was paused, fires once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from customer_match.redaction import logger, without_addresses

if TYPE_CHECKING:
    from customer_match.export.model import Export
    from customer_match.profiles.refresh import Refresh, RefreshedTables

__all__ = ["NOTICED_KEY", "RefreshTrigger", "refresh_trigger"]

log = logger(__name__)

NOTICED_KEY: Final = "customer_match_noticed"
"""Key of the version that was noticed last, in the state store of the asset."""

_NEEDED: Final = ("name", "timezone", "source", "segments", "email", "profiles", "membership", "suppress")
"""Keys of the export that say which tables a run reads. Others stay out of the metadata database."""
_STORED_SECONDS: Final = 10.0
"""How long Airflow may take to store an event. Only then is its version noted: if the triggerer ends in between, the
version fires once more, and the run finds nothing to send. The other way round, a change could be lost."""
_LONGEST_PAUSE: Final = 1800.0


class RefreshTrigger(BaseEventTrigger):
    """Fires for each new version of the tables of an export. It never ends.

    Args:
        export: The keys of the export that say which tables it reads, as JSON.
        base: The folder in which relative local paths begin.
        check_seconds: How often the files are listed.
        settle_seconds: How long the files of a table must not change before it counts as written.
    """

    def __init__(self, *, export: str, base: str, check_seconds: float, settle_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow has no types here
        self.export = export
        self.base = base
        self.check_seconds = check_seconds
        self.settle_seconds = settle_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The arguments, which the metadata database stores; they contain no secrets."""
        arguments = {
            "export": self.export,
            "base": self.base,
            "check_seconds": self.check_seconds,
            "settle_seconds": self.settle_seconds,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """List the files again and again. Faults are logged, and the pauses grow while they last."""
        refresh: Refresh | None = None
        noticed: str | None = None
        is_noted, failures = True, 0
        while True:
            found: RefreshedTables | None = None
            try:
                if refresh is None:
                    noticed = await self._noticed()
                    refresh = await asyncio.to_thread(self._refresh)
                if not is_noted:
                    await self._note(noticed)
                    is_noted = True
                found = await asyncio.to_thread(refresh.look, noticed, datetime.now(UTC))
                failures = 0
            except Exception as error:  # noqa: BLE001 (a storage or Airflow may raise anything; the watcher goes on)
                failures += 1
                log.warning("The tables could not be looked at: %s", without_addresses(str(error)))
            if found is not None:
                log.info("There is a new version of %d tables", found.count)
                yield TriggerEvent({"tables": found.count, "version": found.version})  # type: ignore[no-untyped-call]
                noticed, is_noted = found.version, False
                await asyncio.sleep(_STORED_SECONDS)
                continue
            await asyncio.sleep(self._pause(refresh, failures))

    def _pause(self, refresh: Refresh | None, failures: int) -> float:
        if failures:
            return min(self.check_seconds * 2.0 ** min(failures, 16), max(_LONGEST_PAUSE, self.check_seconds))
        settle = refresh.seconds_to_settle if refresh else 0.0
        return min(self.check_seconds, settle) if settle else self.check_seconds

    def _refresh(self) -> Refresh:
        from airflow_microsoft_advertising.lake.filesystem import filesystem  # noqa: PLC0415 (in the triggerer only)
        from customer_match.clocks import MAX_CLOCK_SKEW  # noqa: PLC0415
        from customer_match.date_templates import RunDates  # noqa: PLC0415
        from customer_match.export.model import Export  # noqa: PLC0415
        from customer_match.export.sources import BASE, Source  # noqa: PLC0415
        from customer_match.profiles.dated_source import DatedSource  # noqa: PLC0415
        from customer_match.profiles.refresh import Refresh  # noqa: PLC0415

        keys = {"cid": 1, "aid": 1, **json.loads(self.export)}
        export = Export.model_validate(keys, context={BASE: Path(self.base)})

        def source_at(source: Source) -> DatedSource:
            now = datetime.now(UTC)  # as runs that follow the data
            return DatedSource(source, RunDates.at(now, export.timezone), now + MAX_CLOCK_SKEW, filesystem)

        return Refresh(export, source_at, self.settle_seconds)

    async def _noticed(self) -> str | None:
        if self.asset_state_store is None:
            return None
        stored = await self.asset_state_store.aget(NOTICED_KEY)
        return stored if isinstance(stored, str) else None

    async def _note(self, version: str | None) -> None:
        if self.asset_state_store is not None and version is not None:
            await self.asset_state_store.aset(NOTICED_KEY, version)


def refresh_trigger(export: Export) -> RefreshTrigger:
    """Return the trigger that watches the tables of an export.

    Args:
        export: An export whose schedule is `on-refresh`.
    """
    assert export.schedule is not None  # noqa: S101 (the caller's condition)
    assert export.schedule.refresh is not None  # noqa: S101 (as above)
    needed = export.model_dump(mode="json", include=set(_NEEDED), exclude_none=True)
    return RefreshTrigger(
        export=json.dumps(needed, sort_keys=True),
        base=str(export.source.base),
        check_seconds=float(export.schedule.refresh.check_seconds),
        settle_seconds=float(export.schedule.refresh.settle_seconds),
    )
