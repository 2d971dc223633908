"""What every parsing of the DAGs pays for: Airflow itself, and none of the libraries that do the work."""

from __future__ import annotations

import json

import pytest

from tests.airflow_microsoft_advertising.fresh_process import lines_of

HEAVY = {
    "adlfs", "bingads", "fsspec", "isal", "lxml", "msal", "numpy", "pandas", "polars", "pyarrow", "stringzilla",
    "suds", "zeep",
}  # fmt: skip
CLIENT = "microsoft_advertising"

PROGRAM = """
import json, sys
sys.path[:0] = ["plugins", "dags"]
import airflow.plugins_manager, airflow.sdk
before = set(sys.modules)
{what}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def imported_by(what: str) -> set[str]:
    """Modules that come on top of Airflow's own."""
    return set(json.loads(lines_of(PROGRAM.format(what=what))[-1]))


@pytest.mark.system
@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("import airflow_microsoft_advertising.plugin", "airflow_microsoft_advertising.links"),
        ("import segment_exports", "airflow_microsoft_advertising.operator"),
        ("import customer_match_forget", "airflow_microsoft_advertising.erasure.dag"),
        ("import airflow_microsoft_advertising.customer_match", "airflow_microsoft_advertising.waiting"),
    ],
)
def test_reading_the_dags_imports_nothing_that_does_the_work(what: str, expected: str) -> None:
    found = imported_by(what)
    assert expected in found, "a check of the check"
    assert {name.partition(".")[0] for name in found} & HEAVY == set()
    client = {f"{CLIENT}.client", f"{CLIENT}.transport", f"{CLIENT}.operations"}
    assert found & client == set(), "the client is for tasks and triggers"
    assert "airflow_microsoft_advertising.hook" not in found
    assert "customer_match.storage.files" not in found, (
        "storages are for tasks (Airflow has loaded fsspec itself)"
    )


@pytest.mark.system
def test_the_trigger_imports_no_sdk() -> None:
    """The triggerer imports it in its event loop; the client comes along, the SDK never does."""
    found = imported_by("import airflow_microsoft_advertising.trigger")
    assert f"{CLIENT}.transport.soap" in found
    assert {name.partition(".")[0] for name in found} & {"bingads", "suds", "zeep"} == set()
