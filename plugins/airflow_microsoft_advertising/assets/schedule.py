"""The schedule of an export as Airflow knows it: times, or a condition on assets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import (
    Asset,
    AssetAll,
    AssetAny,
    PartitionedAssetTimetable,
    StartOfDayMapper,
    StartOfHourMapper,
)

if TYPE_CHECKING:
    from airflow.sdk.definitions.asset import AssetRef, BaseAsset

    from customer_match.export.model import Export

__all__ = ["schedule_of", "source_asset"]


def schedule_of(export: Export) -> str | BaseAsset | PartitionedAssetTimetable | None:
    """Return what Airflow takes as `schedule` of the export's DAG."""
    schedule = export.schedule
    if schedule is None:
        return None
    if schedule.cron:
        return schedule.cron
    if schedule.refresh:
        return AssetAny(_watched(export))
    awaited = [_reference(asset) for asset in schedule.assets]
    condition = AssetAll(*awaited) if schedule.all else AssetAny(*awaited)
    if schedule.partition is None:
        return condition
    # In UTC, as all dates in paths: `ds` is then the day of the key.
    mapper = StartOfHourMapper if schedule.is_hourly else StartOfDayMapper
    return PartitionedAssetTimetable(
        assets=condition, default_partition_mapper=mapper(input_format=schedule.partition)
    )


def source_asset(export: str) -> str:
    """Return the name of the asset that stands for the tables that an export reads."""
    return f"{export} source"


def _watched(export: Export) -> Asset:
    """The asset of the tables that an export reads, with the trigger that watches them."""
    from airflow.sdk import AssetWatcher  # noqa: PLC0415 (imports Airflow's triggers: only where it is needed)

    from airflow_microsoft_advertising.assets.refresh import refresh_trigger  # noqa: PLC0415

    watcher = AssetWatcher(name=export.name, trigger=refresh_trigger(export))
    return Asset(source_asset(export.name), watchers=[watcher])


def _reference(asset: str) -> AssetRef:
    """A reference to an asset that another DAG defines.

    Not an asset of our own: one that has the same URI with another name, or the other way round, would make Airflow
    deactivate one of the two.
    """
    if "://" not in asset:
        return Asset.ref(name=asset)
    try:
        uri = Asset(uri=asset).uri  # as Airflow writes the URI of the DAG that defines it
    except ValueError:  # a provider knows more rules for its scheme; no DAG can then define the asset
        uri = asset
    return Asset.ref(uri=uri)
