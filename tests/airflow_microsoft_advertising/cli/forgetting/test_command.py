"""`customer-match forget` as people use it, against two simulators: exact audiences, evidence that names nobody."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from airflow_microsoft_advertising.cli.main import app
from customer_match.addresses.definition import Policy, judge
from customer_match.erasure.register import KEY_NAME
from customer_match.errors import TransientError
from customer_match.ledger.lease import LEASE_DURATION, Lease
from customer_match.ledger.lookup import Ledgers
from customer_match_demo.stack import account_connection
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

PERSON = "Eve.Canary+News@Canary-Mail.example"
STAYING = [f"person.{number}@stay.example" for number in range(6)]
FORMS = {PERSON, PERSON.lower(), "evecanary@canary-mail.example"}
SEGMENTS = [  # export, segment, policy, which simulator, route, people
    ("one", "Gold", "basic", 0, "bulk", [PERSON, *STAYING[:4]]),
    ("one", "Silver", "basic", 0, "bulk", STAYING[2:]),
    ("two", "Bronze", "both", 0, "apply", [*STAYING[1:3], PERSON.lower()]),
    ("three", "Iron", "enhanced", 1, "auto", [STAYING[0], f"  {PERSON.upper()} "]),
]


@pytest.fixture(scope="module")
def second_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulator with another account."""
    folder = tmp_path_factory.mktemp("second-simulator")
    Simulator(folder).end()
    [database] = folder.glob("*.db*") if [*folder.glob("*.db")] else folder.glob("*.sqlite*")
    with sqlite3.connect(database) as raw:
        [(value,)] = raw.execute("SELECT value FROM state WHERE key = 'account'").fetchall()
        ids = {"customer_id": "190000002", "account_id": "180000002"}
        raw.execute("UPDATE state SET value = ? WHERE key = 'account'", [json.dumps(json.loads(value) | ids)])
    raw.close()
    simulator = Simulator(folder)
    simulator.api.control("settings", {"queue_seconds": 0, "processing_seconds": 0})
    yield simulator
    simulator.end()


class Company:
    """Three exports of two accounts in one workspace."""

    def __init__(self, folder: Path, simulators: list[Simulator]) -> None:
        self.folder, self.apis = folder, [simulator.api for simulator in simulators]
        self.unique = uuid.uuid4().hex[:8]  # the simulators are the session's
        self.files = {name: folder / f"{name}-{self.unique}.yaml" for name in ("one", "two", "three")}
        for export, segment, policy, where, route, people in SEGMENTS:
            self.write_table(segment, people)
            self.write_export(export, policy=policy, where=where, route=route)

    def write_table(self, segment: str, people: Collection[str]) -> None:
        table = self.folder / "lake" / segment
        table.mkdir(parents=True, exist_ok=True)
        rows = "".join(f"{number},{email}\n" for number, email in enumerate(people))
        (table / "a.csv").write_text(f"Id,Email\n{rows}", encoding="utf-8")

    def write_export(self, name: str, *, policy: str, where: int, route: str) -> None:
        keys = {
            "cid": 190000001 + where,
            "aid": 180000001 + where,
            "connection": f"ads_{where}",
            "source": str(self.folder / "lake"),
            "workspace": str(self.folder / "workspace"),
            "email": "Email",
            "normalisation": policy,
            "route": route,
            "segments": [
                {"table": segment, "audience": self.audience(segment)}
                for export, segment, *_ in SEGMENTS
                if export == name
            ],
        }
        self.files[name].write_text(yaml.safe_dump(keys))

    def audience(self, segment: str) -> str:
        return f"{segment} {self.unique}"

    def run(self) -> None:
        for file in self.files.values():
            result = invoke("run", file.stem)
            assert result.exit_code == 0, result.output

    def members(self, segment: str, where: int) -> list[str]:
        audiences = self.apis[where].control("audiences")
        [found] = [a for a in audiences if a["name"] == self.audience(segment) and not a["deleted"]]
        return self.apis[where].members(found["id"])

    def check(self, *gone: str) -> None:
        """Each audience has exactly its segment's members, without those who are gone."""
        removed = {digest for one in gone for policy in Policy for digest in judge(one, policy).digests}
        for _, segment, policy, where, _, people in SEGMENTS:
            digests = {digest for one in people for digest in judge(one, Policy(policy)).digests}
            assert self.members(segment, where) == sorted(one.hex() for one in digests - removed), segment

    @property
    def evidence(self) -> list[dict[str, Any]]:
        files = sorted((self.folder / "workspace" / "erasure" / "requests").glob("*.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]

    def audited(self, export: str) -> list[tuple[Any, ...]]:
        """The erasures in the audit trail of an export, which is sound."""
        name = self.files[export].stem
        assert invoke("audit", "verify", name).exit_code == 0
        entries = map(json.loads, invoke("audit", "show", name, "-n", "100", "--json").stdout.splitlines())
        names = ("request", "audience", "outcome", "removed", "requests")
        return [
            tuple(entry.get(field, []) for field in names)
            for entry in entries
            if entry["event"] == "members erased"
        ]

    def files_of_the_workspace(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (self.folder / "workspace").rglob("*") if path.is_file()}

    def files_that_name(self, digests: Collection[str]) -> list[str]:
        """All files of the workspace that hold one of the digests, as bytes or as text."""
        wanted = [one.encode() for one in digests] + [bytes.fromhex(one) for one in digests]
        paths = [path for path in (self.folder / "workspace").rglob("*") if path.is_file()]
        return [str(path) for path in paths if any(one in path.read_bytes() for one in wanted)]


def invoke(*arguments: str, given: str | None = None) -> Result:
    result = CliRunner().invoke(app, list(arguments), input=given)
    assert_nobody_is_named(result.output)
    return result


def looked_up(person: str) -> tuple[dict[str, str], bool]:
    """What `customer-match lookup` says of each audience, and whether the person was erased before."""
    result = invoke("lookup", "--json", given=f"{person}\n")
    assert result.exit_code == 0, result.output
    [found] = json.loads(result.stdout)
    assert (found["complete"], found["staged"]) == (True, [])
    return {one["audience"].split()[0]: one["presence"] for one in found["audiences"]}, found["is_erased"]


def digests_of_the_person() -> list[str]:
    return [hashlib.sha256(form.encode()).hexdigest() for form in FORMS]


def assert_nobody_is_named(text: str) -> None:
    """Neither the person's address nor a digest of it, in any spelling."""
    forbidden = {"canary-mail", *digests_of_the_person()}
    assert not [one for one in forbidden if one in text.lower()]


@pytest.fixture
def company(
    tmp_path: Path,
    simulator: Simulator,
    second_simulator: Simulator,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> Company:
    monkeypatch.setenv("CUSTOMER_MATCH_EXPORTS", str(tmp_path))
    monkeypatch.setenv(f"AIRFLOW_VAR_{KEY_NAME.upper()}", "5e" * 32)
    connect("ads_0", **account_connection(simulator.ready))
    soap = account_connection(second_simulator.ready)
    connect("ads_1", **(soap | {"extra": soap["extra"] | {"transport": "soap"}}))
    company = Company(tmp_path, [simulator, second_simulator])
    company.run()
    company.check()
    return company


def test_a_person_leaves_three_exports_and_two_accounts(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    """The issue's own case: exact audiences, evidence, nothing that names the person, and never again."""
    before = company.files_of_the_workspace()
    assert looked_up(PERSON) == (
        {"Gold": "certain", "Silver": "not a member", "Bronze": "certain", "Iron": "certain"}, False,
    )  # fmt: skip
    assert company.files_of_the_workspace() == before, "nothing of the question is kept"
    result = invoke("forget", "--yes", given=f"{PERSON}\n")
    assert result.exit_code == 0, result.output
    company.check(PERSON)
    [evidence] = company.evidence
    outcomes = {one["audience"].split()[0]: one for one in evidence["audiences"]}
    assert {name: (one["outcome"], one["removed"]) for name, one in outcomes.items()} == {
        "Gold": ("removed", 1), "Silver": ("not a member", 0), "Bronze": ("removed", 2), "Iron": ("removed", 1),
    }  # fmt: skip
    assert {one["account"] for one in outcomes.values()} == {"180000001", "180000002"}
    assert len(outcomes["Gold"]["uploads"]) == 1
    assert (outcomes["Bronze"]["calls"], outcomes["Iron"]["calls"]) == (1, 1)
    assert (evidence["people"], evidence["unreached"], evidence["runs_not_ended"]) == (1, [], [])
    assert evidence["staged_deleted"] == 0, "a run deletes what it has staged and sent"
    assert company.files_that_name(digests_of_the_person()) == []
    assert_nobody_is_named(json.dumps(evidence) + caplog.text)
    assert company.audited("one") == [
        (evidence["request"], company.audience("Gold"), "removed", 1, outcomes["Gold"]["uploads"])
    ]
    assert [entry[1:] for entry in company.audited("two")] == [(company.audience("Bronze"), "removed", 2, [])]

    company.run()  # the segments still have the person
    company.check(PERSON)
    absent = dict.fromkeys(("Gold", "Silver", "Bronze", "Iron"), "not a member")
    assert looked_up(PERSON) == (absent, True)
    assert company.files_that_name(digests_of_the_person()) == []
    report = json.loads(invoke("run", company.files["one"].stem, "--json").stdout)
    assert [one["erased"] for one in report["segments"]] == [1, 0]


def test_a_second_request_changes_nothing(company: Company, tmp_path: Path) -> None:
    file = tmp_path / "people.txt"
    file.write_text(
        f"\ufeff{STAYING[1]}\r\n\r\n{hashlib.sha256(STAYING[2].encode()).hexdigest().upper()}\r\n"
    )
    first = invoke("forget", "--file", str(file), "--yes", "--json")
    assert first.exit_code == 0, first.output
    [told] = json.loads(first.stdout)
    assert (told["complete"], told["people"], told["hashes"]) == (True, 2, 1)
    gone = STAYING[1], hashlib.sha256(STAYING[2].encode()).hexdigest()
    company.check(*gone)
    second = invoke("forget", "--file", str(file), "--yes", "--json")
    [again] = json.loads(second.stdout)
    assert {one["outcome"] for one in again["audiences"]} == {"not a member"}
    assert again["ids"] == told["ids"]
    company.check(*gone)
    assert "No request is pending." in invoke("forget", "--pending").stdout


def test_a_run_holds_an_audience(company: Company) -> None:
    """The request stays pending, and a later call completes it without the address."""
    name = company.audience("Gold")
    workspace = Ledgers(_workspace(company), "180000001").of(name)
    lease = Lease(_workspace(company), workspace.folder, audience=name, holder="the run of somebody else")
    lease.take(LEASE_DURATION)
    result = invoke("forget", "--yes", "--wait", "0", given=f"{PERSON}\n")
    assert result.exit_code == 1
    assert "The run the run of somebody else is writing" in result.stdout
    assert "customer-match forget --pending" in result.stdout
    [evidence] = company.evidence
    outcomes = {one["audience"].split()[0]: one["outcome"] for one in evidence["audiences"]}
    assert outcomes == {
        "Gold": "pending", "Silver": "not a member", "Bronze": "removed", "Iron": "removed",
    }  # fmt: skip
    lease.release()
    later = invoke("forget", "--pending")
    assert later.exit_code == 0, later.output
    company.check(PERSON)
    assert company.files_that_name(digests_of_the_person()) == []
    assert [one["outcome"] for one in company.evidence[0]["audiences"] if one["audience"] == name] == [
        "removed"
    ]


def _workspace(company: Company) -> Any:
    import fsspec

    from customer_match.workspace.workspace import Workspace

    return Workspace(fsspec.filesystem("file"), str(company.folder / "workspace"))


def test_what_the_service_refuses_or_cannot_do_now_stays_pending(company: Company) -> None:
    company.apis[0].fault("ApplyCustomerListUserData", "fault", code=106)
    result = invoke("forget", "--yes", "--wait", "0", given=f"{PERSON}\n")
    assert result.exit_code == 1, result.output
    company.apis[0].control("faults", method="DELETE")
    assert invoke("forget", "--pending").exit_code == 0
    company.check(PERSON)


def test_an_export_file_that_is_not_valid_and_an_account_without_one(company: Company) -> None:
    """Their audiences cannot be looked at: the request is not complete, and says why."""
    broken = company.files["three"]
    good = broken.read_text()
    broken.write_text("cid: nonsense\n")
    result = invoke("forget", "--yes", given=f"{PERSON}\n")
    assert result.exit_code == 1
    assert f"{broken.name} is not valid" in result.stdout
    assert "ledgers of the account 180000002, which no export file names" in result.stdout
    asked = invoke("lookup", given=f"{PERSON}\n")
    assert asked.exit_code == 1
    assert (
        f"{company.audience('Gold')} (account 180000001, export {company.files['one'].stem}): not a"
        in asked.stdout
    )
    assert f"{broken.name} is not valid" in asked.stdout
    assert "--pending" not in asked.stdout
    broken.write_text(good)
    assert invoke("forget", "--pending").exit_code == 0
    company.check(PERSON)


def test_one_connection_of_an_account_that_works_is_enough(company: Company) -> None:
    """Two exports use one account, each with its own connection; the first one is refused."""
    keys = yaml.safe_load(company.files["one"].read_text())
    company.files["one"].write_text(yaml.safe_dump(keys | {"connection": "missing"}))
    result = invoke("forget", "--yes", given=f"{PERSON}\n")
    assert result.exit_code == 0, result.output
    company.check(PERSON)


def test_an_audit_trail_that_cannot_be_written_is_told(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TransientError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("customer_match.audit.trail.Trail.append", fail)
        result = invoke("forget", "--yes", given=f"{PERSON}\n")
    assert result.exit_code == 1
    name = company.files["one"].stem
    assert f"the removal is not in the audit trail of {name}. the disk is full" in result.stdout
    company.check(PERSON)


def test_the_ledger_under_an_earlier_name_names_nobody(company: Company) -> None:
    """After a rename, the old ledger stays, with the members that it had."""
    keys = yaml.safe_load(company.files["two"].read_text())
    keys["segments"][0]["audience"] = f"Renamed {company.unique}"
    company.files["two"].write_text(yaml.safe_dump(keys))
    assert invoke("run", company.files["two"].stem).exit_code == 0
    assert [path for path in company.files_that_name(digests_of_the_person()) if "/bronze-" in path]
    result = invoke("forget", "--yes", given=f"{PERSON}\n")
    assert result.exit_code == 0, result.output
    assert company.files_that_name(digests_of_the_person()) == []
    audiences = [one["audience"] for one in company.evidence[0]["audiences"] if one["outcome"] == "removed"]
    assert f"Renamed {company.unique}" in audiences
    assert company.audience("Bronze") not in audiences


def test_a_damaged_ledger_and_a_lost_one(company: Company) -> None:
    ledgers = company.folder / "workspace" / "ledgers" / "180000001"
    for file in ledgers.glob("gold-*/bounds/*/*.parquet"):
        file.write_bytes(b"damaged")
    for file in ledgers.glob("bronze-*/states/*.json"):
        file.unlink()
    result = invoke("forget", "--yes", given=f"{PERSON}\n")
    assert result.exit_code == 0, result.output
    company.check(PERSON)
    company.run()
    company.check(PERSON)
