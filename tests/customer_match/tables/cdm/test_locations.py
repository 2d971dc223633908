from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.customer_match.tables.cdm.locations import relative_to_model, shown

LAKE = "lake/CustomerInsights_1/LakeExport"
FILE = "Gold/2026/11/22/0215/Gold_1.csv"


@pytest.mark.parametrize(
    ("location", "folder"),
    [
        (f"https://acme.dfs.core.windows.net/{LAKE}/{FILE}", LAKE),
        (f"https://acme.blob.core.windows.net/{LAKE}/{FILE}?sv=2024&sig=secret", LAKE),
        (f"abfss://lake@acme.dfs.core.windows.net/CustomerInsights_1/LakeExport/{FILE}", LAKE),
        (f"wasbs://lake@acme.blob.core.windows.net/CustomerInsights_1/LakeExport/{FILE}", LAKE),
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
    assert relative_to_model(location, folder, "Gold") == FILE


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
        "",
    ],
)
def test_files_outside_of_the_models_folder_are_not(location: str) -> None:
    assert relative_to_model(location, LAKE, "Gold") is None


@given(st.text(alphabet="ab./\\%2eGold:?#é \0", max_size=30))
def test_nothing_ever_leads_upwards(location: str) -> None:
    found = relative_to_model(location, LAKE, "Gold")
    assert found is None or not {"", ".", ".."} & set(found.split("/"))


def test_a_signature_is_not_shown() -> None:
    assert shown("https://acme/x.csv?sig=secret") == "https://acme/x.csv"
