import pytest

from customer_match.storage.location import Location

HOST = "acme.dfs.core.windows.net"
ONELAKE = "onelake.dfs.fabric.microsoft.com"
WORKSPACE_ID, ITEM_ID = "3c2d6a4f-0000-4000-8000-00000000000A", "3c2d6a4f-0000-4000-8000-000000000002"


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("lake", Location("file", "lake")),
        ("../lake/", Location("file", "../lake/")),
        ("file:///data/lake", Location("file", "/data/lake")),
        ("local:///data/lake", Location("file", "/data/lake")),
        ("abfs://lake", Location("abfs", "lake")),
        ("abfs://lake/a b/c#d?e/", Location("abfs", "lake/a b/c#d?e")),
        ("abfss://lake@acme.dfs.core.windows.net/x", Location("abfs", "lake/x", HOST)),
        ("az://lake/x", Location("abfs", "lake/x")),
        ("wasb://lake/x", Location("abfs", "lake/x")),
        (
            "wasbs://lake@acme.blob.core.windows.net/x",
            Location("abfs", "lake/x", "acme.blob.core.windows.net"),
        ),
        (
            "https://acme.blob.core.windows.net/lake/a%20b/",
            Location("abfs", "lake/a b", "acme.blob.core.windows.net"),
        ),
        ("https://acme.dfs.core.windows.net/lake", Location("abfs", "lake", HOST)),
        (
            "https://acme.blob.core.chinacloudapi.cn/lake",
            Location("abfs", "lake", "acme.blob.core.chinacloudapi.cn"),
        ),
        (
            "https://acme.z7.blob.storage.azure.net/lake",
            Location("abfs", "lake", "acme.z7.blob.storage.azure.net"),
        ),
        ("abfs://$web/x", Location("abfs", "$web/x")),
        (
            f"abfss://Sales EU@{ONELAKE}/Crm.Lakehouse/Tables/Gold/",
            Location("abfs", "Sales EU/Crm.Lakehouse/Tables/Gold", ONELAKE),
        ),
        (
            f"abfss://Sales%20EU@{ONELAKE}/Crm%20Data.Warehouse/Tables/dbo/p=a%20b",
            Location("abfs", "Sales EU/Crm Data.Warehouse/Tables/dbo/p=a%20b", ONELAKE),
        ),
        (
            f"abfs://100% Sales@Eu@{ONELAKE}/Crm.Lakehouse/Files",
            Location("abfs", "100% Sales@Eu/Crm.Lakehouse/Files", ONELAKE),
        ),
        (
            f"abfss://{WORKSPACE_ID}@{ONELAKE}/{ITEM_ID}/Tables/Gold",
            Location("abfs", f"{WORKSPACE_ID}/{ITEM_ID}/Tables/Gold", ONELAKE),
        ),
        (
            f"abfss://{WORKSPACE_ID}@{ONELAKE}/{ITEM_ID}.Lakehouse",
            Location("abfs", f"{WORKSPACE_ID}/{ITEM_ID}.Lakehouse", ONELAKE),
        ),
        (
            f"https://{ONELAKE}/Sales%20EU/Crm.Lakehouse/Files/a%20b",
            Location("abfs", "Sales EU/Crm.Lakehouse/Files/a b", ONELAKE),
        ),
        (
            "https://onelake.blob.fabric.microsoft.com/Sales/Crm.Lakehouse/Tables",
            Location("abfs", "Sales/Crm.Lakehouse/Tables", "onelake.blob.fabric.microsoft.com"),
        ),
        (
            "https://WestUS-onelake.dfs.fabric.microsoft.com/Sales/Crm.Lakehouse",
            Location("abfs", "Sales/Crm.Lakehouse", "westus-onelake.dfs.fabric.microsoft.com"),
        ),
        (
            f"https://3c2d6a4f00004000800000000000000a.z3c.dfs.fabric.microsoft.com/{WORKSPACE_ID}/{ITEM_ID}",
            Location(
                "abfs",
                f"{WORKSPACE_ID}/{ITEM_ID}",
                "3c2d6a4f00004000800000000000000a.z3c.dfs.fabric.microsoft.com",
            ),
        ),
        ("s3://My.bucket_1/a/b/", Location("s3", "My.bucket_1/a/b")),
        ("gs://bucket", Location("gs", "bucket")),
        ("sftp://files.acme.example:2222/out", Location("sftp", "files.acme.example:2222/out")),
    ],
)
def test_a_location_is_parsed(text: str, location: Location) -> None:
    assert Location.of(text) == location


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file://relative", "is not a valid location"),
        ("abfs:///x", "3 to 63 lower-case letters"),
        ("abfs://My_Lake/x", "3 to 63 lower-case letters"),
        ("abfs://la--ke/x", "3 to 63 lower-case letters"),
        ("abfs://Sales EU/Crm.Lakehouse", "For OneLake, write abfss://workspace@onelake"),
        (f"abfss://Sales@{ONELAKE}/", "it must name a workspace and an item"),
        (f"abfss://@{ONELAKE}/Crm.Lakehouse", "it must name a workspace and an item"),
        (f"https://{ONELAKE}/Sales", "it must name a workspace and an item"),
        (f"abfss://Sales@{ONELAKE}/Crm%2FX.Lakehouse", "it must name a workspace and an item"),
        (f"abfss://Sales@{ONELAKE}/Crm/Tables", "the item has no type"),
        (f"abfss://{WORKSPACE_ID}@{ONELAKE}/Crm.Lakehouse", "must both be ids, or both be names"),
        (f"abfss://Sales@{ONELAKE}/{ITEM_ID}/Tables", "must both be ids, or both be names"),
        (f"abfss://Sales@{ONELAKE}/../Crm.Lakehouse", "contains `..`"),
        (f"https://{ONELAKE}/Sales/%2e%2e/Tables", "the item has no type"),
        ("abfss://Sales@onelake.dfs.fabric.microsoft.com.evil.example/Crm.Lakehouse", "3 to 63 lower-case"),
        ("wasbs://lake@/x", "the storage account's host"),
        ("abfs://lake@lake/x", "the storage account's host"),
        ("https://acme.example/lake/x", "is a web address, but not one of Azure storage"),
        ("https://user:word@acme.blob.core.windows.net/lake", "is a web address, but not one of Azure"),
        ("https://acme.blob.core.windows.net/", "3 to 63 lower-case letters"),
        ("http://acme.blob.core.windows.net/lake", "without encryption"),
        ("adl://acme.azuredatalakestore.net/x", "Gen1, which Microsoft has retired"),
        ("memory://x", "is the memory of one process"),
        ("s3:///x", "is not a valid location"),
        ("s3://user:word@bucket/x", "is not a valid location"),
        ("s3://conn@bucket/x", "is not a valid location"),
        ("zip://a.zip::s3://bucket/x", "is not a valid location"),
        ("S3://bucket/x", "is not a valid location"),
        ("abfs://lake/a/../../other", "contains `..`"),
        ("s3://bucket/..", "contains `..`"),
        ("https://acme.blob.core.windows.net/lake/%2e%2e/other", "contains `..`"),
        ("https://acme.blob.core.windows.net/lake/a%2f..%2f..%2fother", "contains `..`"),
    ],
)
def test_invalid_locations_are_reported_with_a_remedy_and_without_the_text(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        Location.of(text)
    assert "Write" in str(raised.value)
    assert text not in str(raised.value)
    assert "word" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("/data", "/data"),
        ("file:///data", "/data"),
        ("wasbs://lake@acme.blob.core.windows.net/x/y", "abfs://lake@acme.blob.core.windows.net/x/y"),
        (
            "https://acme.dfs.core.windows.net/lake/a%2520b",
            "abfs://lake@acme.dfs.core.windows.net/a%20b",
        ),
        ("az://lake", "abfs://lake"),
        (
            f"abfss://100% Sales@Eu@{ONELAKE}/Crm%20Data.Warehouse/p=a%20b",
            f"abfs://100%25%20Sales%40Eu@{ONELAKE}/Crm%20Data.Warehouse/p=a%20b",
        ),
        ("s3://bucket/x/", "s3://bucket/x"),
    ],
)
def test_every_spelling_has_one_url(text: str, url: str) -> None:
    assert Location.of(text).url == url
    assert Location.of(Location.of(text).url) == Location.of(text)


@pytest.mark.parametrize(
    ("text", "local", "azure", "workspace"),
    [
        ("/data", True, False, True),
        ("wasb://lake", False, True, True),
        (f"abfss://Sales@{ONELAKE}/Crm.Lakehouse", False, True, False),
        ("s3://b", False, False, False),
    ],
)
def test_locations_know_their_kind(text: str, local: bool, azure: bool, workspace: bool) -> None:
    location = Location.of(text)
    assert (location.is_local, location.is_azure, location.can_be_workspace) == (local, azure, workspace)


def test_only_hosts_of_onelake_are_taken_for_it() -> None:
    assert Location.of(f"abfss://Sales@{ONELAKE}/Crm.Lakehouse").is_onelake
    for other in ("abfss://lake@onelake.dfs.core.windows.net/x", "abfs://lake", "s3://bucket"):
        assert not Location.of(other).is_onelake
