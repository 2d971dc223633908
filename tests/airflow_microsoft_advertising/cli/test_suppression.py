"""`customer-match run --dry-run` with suppression lists: each row of the documented table, as people run it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from airflow_microsoft_advertising.cli.main import app
from customer_match.addresses.definition import Policy
from customer_match.project import PROJECT

EXPORT = {
    "cid": 190000001,
    "aid": 180000001,
    "segments": ["Gold"],
    "email": "Email",
    "suppress": "DoNotContact",
}
LISTED = ("anna.smith@x.example", "carla+news@x.example", "josé@x.example", "bob@x.example")
STAYS = ("eva@x.example", "plain@x.example")
CELLS = re.findall(
    r"^\| (addresses|digests|mixed) \| (addresses|digests|mixed)" + 3 * r" \| (exact|stops).*" + r" \|$",
    (PROJECT / "docs" / "normalisation.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def sha256(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def written(people: tuple[str, ...], how: str) -> list[str]:
    """Addresses, digests as programs make them that trim and lower-case, or the one and the other by turns."""
    mixed = [one if n % 2 else sha256(one) for n, one in enumerate(people)]
    return {"addresses": list(people), "digests": [sha256(one) for one in people], "mixed": mixed}[how]


def dry_run(folder: Path, people: list[str], never: list[str], policy: str, **keys: Any) -> dict[str, Any]:
    """What the report has of the only segment."""
    for table, rows in (("Gold", people), ("DoNotContact", never)):
        (folder / "lake" / table).mkdir(parents=True, exist_ok=True)
        text = "".join(f"{n},{value}\n" for n, value in enumerate(rows))
        (folder / "lake" / table / "a.csv").write_text(f"Id,Email\n{text}", encoding="utf-8")
    places = {"source": {"root": str(folder / "lake")}, "workspace": {"root": str(folder / "ws")}}
    (folder / "kept.yaml").write_text(yaml.safe_dump(EXPORT | places | {"normalisation": str(policy)} | keys))
    result = CliRunner().invoke(app, ["run", "kept", "--dry-run", "--json"])
    [segment] = json.loads(result.stdout)["segments"]
    assert (result.exit_code == 0) == (segment["outcome"] == "dry run"), result.output
    assert "@x.example" not in result.output
    return dict(segment)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("row", CELLS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_the_documented_table_as_people_run_it(folder: Path, row: tuple[str, ...], policy: Policy) -> None:
    segment, listed, *outcomes = row
    people = written((*LISTED, *STAYS), segment)
    told = dry_run(folder, people, written(LISTED, listed), policy)
    if outcomes[list(Policy).index(policy)] == "stops":
        assert told["outcome"] == "failed"
        assert re.search(
            rf"'DoNotContact': the segment.*normalisation: {policy}.*normalisation: basic", told["message"]
        )
        assert told["members"] is None
        return
    assert (told["outcome"], told["members"]) == ("dry run", len(STAYS)), told["message"]
    assert told["suppression_lists"] == [{"name": "DoNotContact", "rows": len(LISTED), "rejected": {}}]


@pytest.mark.slow
@pytest.mark.bad_input
def test_a_list_that_is_half_of_nothing_stops_the_run(folder: Path) -> None:
    never = [sha256("bob@x.example"), sha256("anna.smith@x.example"), sha256(""), "0" * 64, "n/a"]
    told = dry_run(folder, [*LISTED], never, "enhanced")
    assert told["outcome"] == "failed"
    assert (
        "3 of 5 rows of the suppression list 'DoNotContact' cannot be used (missing 2, not an"
        in told["message"]
    )
    told = dry_run(folder, [*LISTED], never, "enhanced", guards={"max_suppress_unusable": 0.6})
    assert (told["outcome"], told["members"], told["suppressed"]) == ("dry run", 2, 2)
    assert told["suppression_lists"][0]["rejected"] == {"missing": 2, "not_an_address": 1}


@pytest.mark.slow
@pytest.mark.bad_input
@pytest.mark.parametrize("never", [[], [sha256(""), sha256("null"), "0" * 64]])
def test_a_list_without_anybody_stops_the_run(folder: Path, never: list[str]) -> None:
    told = dry_run(folder, [*LISTED], never, "basic")
    assert told["outcome"] == "failed"
    assert (
        f"'DoNotContact' holds no e-mail address and no SHA-256 hash ({len(never)} rows)" in told["message"]
    )
