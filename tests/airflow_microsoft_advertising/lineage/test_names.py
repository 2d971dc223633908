"""Names of datasets, as the specification of OpenLineage has them."""

from __future__ import annotations

import pytest
from openlineage.client.naming import dataset as spec

from airflow_microsoft_advertising.assets.outlets import audience_uri
from airflow_microsoft_advertising.lineage.names import audience_dataset, table_dataset


@pytest.mark.parametrize(
    ("location", "account", "wanted"),
    [
        ("/lake/Gold", None, spec.LocalFileSystem("/lake/Gold")),
        ("abfs://lake/segments/Gold", "contoso", spec.ABFSS("lake", "contoso", "segments/Gold")),
        (
            "abfss://lake@contoso.dfs.core.windows.net/segments/Gold",
            None,
            spec.ABFSS("lake", "contoso", "segments/Gold"),
        ),
        (
            "https://contoso.blob.core.windows.net/lake/segments/Gold",
            "ignored",
            spec.ABFSS("lake", "contoso", "segments/Gold"),
        ),
        ("s3://bucket/segments/Gold", None, spec.S3("bucket", "segments/Gold")),
        ("s3a://bucket/segments/Gold", None, spec.S3("bucket", "segments/Gold")),
        ("gs://bucket/segments/Gold", None, spec.GCS("bucket", "segments/Gold")),
    ],
)
def test_a_table(location: str, account: str | None, wanted: spec.DatasetNaming) -> None:
    assert table_dataset(location, account) == (wanted.get_namespace(), wanted.get_name())


def test_a_container_alone_and_one_of_another_cloud() -> None:
    assert table_dataset("abfs://lake", None) == ("abfss://lake", "/")
    china = "abfss://lake@contoso.dfs.core.chinacloudapi.cn"
    assert table_dataset(f"{china}/Gold", None) == (china, "Gold")


def test_a_table_in_onelake() -> None:
    in_onelake = "https://westus-onelake.blob.fabric.microsoft.com/Sales%20EU/Crm.Lakehouse/Tables/Gold"
    namespace = "abfss://Sales%20EU@westus-onelake.dfs.fabric.microsoft.com"
    assert table_dataset(in_onelake, None) == (namespace, "Crm.Lakehouse/Tables/Gold")


def test_an_audience_has_the_name_of_its_asset() -> None:
    uri = audience_uri("180000001", "Gold / customers")
    found = audience_dataset(uri)
    assert found.namespace == "x-microsoft-advertising://180000001"
    assert f"{found.namespace}/{found.name}" == uri
