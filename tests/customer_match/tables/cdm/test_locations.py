from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.tables.cdm.locations import relative_to_model, shown

LAKE = "lake/CustomerInsights_1/LakeExport"
FILE = "Gold/2026/11/22/0215/Gold_1.csv"


@pytest.mark.parametrize(
    ("location", "folder"),
    [
        (f"https://acme.dfs.core.windows.net/{LAKE}/{FILE}", LAKE),
        (f"https://acme.blob.core.windows.net/{LAKE}/{FILE}?sv=2024&sig=secret", LAKE),
        (f"abfss://lake@acme.dfs.core.windows.net/CustomerInsights_1/LakeExport/{FILE}", LAKE),
        (f"wasbs://lake@acme.blob.core.windows.net/CustomerInsights_1/LakeExport/{FILE}", LAKE),
        (
            f"abfss://Sales%20EU@onelake.dfs.fabric.microsoft.com/Crm.Lakehouse/{FILE}",
            "Sales EU/Crm.Lakehouse",
        ),
        (f"http://127.0.0.1:10000/devstoreaccount1/{LAKE}/{FILE}", LAKE),
        (f"https://acme.dfs.core.windows.net/{LAKE}/{FILE}", "/data/copies/LakeExport"),
        (f"https://acme.dfs.core.windows.net/{LAKE}/{FILE}", "other/LakeExport"),
        (f"https://acme.dfs.core.windows.net/{LAKE}/{FILE}", "/tmp/renamed"),
        (f"https://acme.dfs.core.windows.net/lake/a/C#/{FILE}", "lake/a/C#"),
        (f"https://acme.dfs.core.windows.net/lake/a/C%23/{FILE}", "lake/a/C#"),
        (f"https://acme.dfs.core.windows.net/lake/a/Lake%20Export/{FILE}", "/tmp/Lake Export"),
        (f"file:///data/LakeExport/{FILE}", "/data/LakeExport"),
        (f"C:\\data\\LakeExport\\{FILE.replace('/', chr(92))}", "/tmp/LakeExport"),
        (f"/data/LakeExport/{FILE}", "/mnt/LakeExport"),
        (f"local:/{FILE}", "/anywhere"),
        (FILE, "/anywhere"),
        (f"./{FILE}", LAKE),
        (FILE.replace("2026", "2026%2F").replace("%2F/", "%2f"), LAKE),
    ],
)
def test_files_are_found_from_where_the_model_lies(location: str, folder: str) -> None:
    for in_azure in (True, False):
        assert relative_to_model(location, folder, "Gold", in_azure=in_azure) == FILE


@pytest.mark.parametrize(
    "address",
    [
        "https://acme.dfs.core.windows.net/lake",
        "HTTPS://acme.z12.blob.storage.azure.net/lake",
        "https://onelake.dfs.fabric.microsoft.com/workspace/lake",
        "abfss://lake@acme.dfs.core.windows.net",
        "wasb://lake@acme.blob.core.windows.net",
    ],
)
def test_a_bucket_is_no_container_of_the_same_name(address: str) -> None:
    """Elsewhere than in Azure it is a copy, however folder and bucket are called."""
    location = f"{address}/CustomerInsights_1/LakeExport/{FILE}"
    assert relative_to_model(location, "lake/renamed", "Gold", in_azure=False) == FILE
    assert relative_to_model(location, "lake/renamed", "Gold", in_azure=True) is None


@pytest.mark.parametrize(
    "location",
    [f"http://127.0.0.1:9000/lake/Other/{FILE}", f"/lake/Other/{FILE}", f"file:///lake/Other/{FILE}"],
)
def test_what_may_lie_beside_the_model_is_no_copy_of_it(location: str) -> None:
    assert relative_to_model(location, LAKE, "Gold", in_azure=False) is None


@pytest.mark.parametrize(
    "location",
    [
        f"https://acme.dfs.core.windows.net/lake/CustomerInsights_1/OtherExport/{FILE}",
        f"https://acme.dfs.core.windows.net/lake/{FILE}",
        "https://acme.dfs.core.windows.net/elsewhere/x.csv",
        f"https://acme.dfs.core.windows.net/{LAKE}/../{FILE}",
        f"https://acme.dfs.core.windows.net/{LAKE}/%2e%2e/{FILE}",
        f"https://acme.dfs.core.windows.net/{LAKE}",
        "../Gold/x.csv",
        "Gold/..\\..\\x.csv",
        "Gold/%2E%2E/x.csv",
        "/etc/passwd",
        "file:///etc/passwd",
        f"https://[acme/{LAKE}/{FILE}",
        "",
    ],
)
def test_files_outside_of_the_models_folder_are_not(location: str) -> None:
    assert relative_to_model(location, LAKE, "Gold", in_azure=True) is None


@given(st.text(alphabet="ab./\\%2eGold:?#é \0", max_size=30), st.booleans())
def test_nothing_ever_leads_upwards(location: str, in_azure: bool) -> None:
    found = relative_to_model(location, LAKE, "Gold", in_azure=in_azure)
    assert found is None or not {"", ".", ".."} & set(found.split("/"))


def test_a_signature_is_not_shown() -> None:
    assert shown("https://acme/x.csv?sig=secret") == "https://acme/x.csv"
