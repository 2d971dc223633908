"""Turns delivered segments into the datasets of OpenLineage: tables → audiences, column by column, with counts.

Imports OpenLineage, an extra; only the method that Airflow's provider calls imports this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_metrics_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from airflow_microsoft_advertising.lineage.names import DatasetName, audience_dataset, table_dataset
from airflow_microsoft_advertising.lineage.segment_lineage import SegmentLineage
from customer_match.profiles.tables_read import TableRead
from customer_match.tables.version import TableVersion

__all__ = ["lineage_of"]

_MEMBER: Final = "member"
"""The only column of an audience."""
_TYPE: Final = "sha256"


def lineage_of(segments: Sequence[SegmentLineage]) -> OperatorLineage[Any, Any]:
    """Return the datasets that a task has read and written."""
    columns: dict[DatasetName, dict[str, str]] = {}  # a table may be read for several segments
    inputs: dict[DatasetName, InputDataset] = {}
    for segment in segments:
        for version, read in segment.tables:
            name = table_dataset(version.location, read.account)
            used = columns.setdefault(name, {})
            used |= read.columns
            inputs[name] = _input(name, segment, version, read, used)
    return OperatorLineage(inputs=list(inputs.values()), outputs=[_output(one) for one in segments])


def _input(
    name: DatasetName, segment: SegmentLineage, version: TableVersion, read: TableRead, used: dict[str, str]
) -> InputDataset:
    # The rows of joined profiles are those of the segment only, which is no count of the table.
    rows = None if len(segment.tables) > 1 else segment.rows
    facets: dict[str, Any] = {"schema": _schema(used)}
    if version.version is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(version.version)
    counts: dict[str, Any] = {
        "inputStatistics": input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            rowCount=rows, size=version.size_bytes, fileCount=version.files
        )
    }
    if rows is not None and len(read.emails) == 1:
        metrics = data_quality_metrics_input_dataset
        email = metrics.ColumnMetrics(count=segment.usable, nullCount=segment.missing)
        counts["dataQualityMetrics"] = metrics.DataQualityMetricsInputDatasetFacet(
            rowCount=rows, columnMetrics={read.emails[0]: email}
        )
    return InputDataset(name.namespace, name.name, facets=facets, inputFacets=counts)


def _output(segment: SegmentLineage) -> OutputDataset:
    namespace, name = audience_dataset(segment.audience_uri)
    metrics = data_quality_metrics_dataset
    facets: dict[str, Any] = {
        "schema": _schema({_MEMBER: _TYPE}),
        "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(
            fields={_MEMBER: column_lineage_dataset.Fields(inputFields=list(_origins(segment)))}
        ),
        "dataQualityMetrics": metrics.DataQualityMetricsDatasetFacet(
            rowCount=segment.members,
            columnMetrics={_MEMBER: metrics.ColumnMetrics(distinctCount=segment.members)},
        ),
    }
    sent = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=segment.sent)
    return OutputDataset(namespace, name, facets=facets, outputFacets={"outputStatistics": sent})


def _schema(columns: dict[str, str]) -> schema_dataset.SchemaDatasetFacet:
    return schema_dataset.SchemaDatasetFacet(
        fields=[schema_dataset.SchemaDatasetFacetFields(name, kind) for name, kind in columns.items()]
    )


def _origins(segment: SegmentLineage) -> Iterator[column_lineage_dataset.InputField]:
    """The columns that members come from, and those that decide which rows count."""
    of = column_lineage_dataset.Transformation
    hashed = of("DIRECT", "TRANSFORMATION", "normalised address, SHA-256", masking=True)
    decides, joins = of("INDIRECT", "FILTER", masking=True), of("INDIRECT", "JOIN", masking=True)
    for version, read in segment.tables:
        table = table_dataset(version.location, read.account)
        for columns, transformation in (
            (read.emails, hashed),
            (read.filters, decides),
            (read.keys, joins),
        ):
            for column in columns:
                yield column_lineage_dataset.InputField(table.namespace, table.name, column, [transformation])
