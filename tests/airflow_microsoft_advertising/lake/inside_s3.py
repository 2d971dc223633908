"""Sources in S3: every shape of table, and errors. `test_s3.py` runs it where the Amazon provider is installed."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
import yaml
from airflow.sdk.exceptions import AirflowFailException
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from airflow_microsoft_advertising.lake.filesystem import filesystem
from airflow_microsoft_advertising.run.export_run import ExportRun
from airflow_microsoft_advertising.run.normalise import normalise_segment
from airflow_microsoft_advertising.run.select import select_segments
from airflow_microsoft_advertising.run.validate import validate_segment
from customer_match.errors import ConfigurationError, CustomerMatchError, TransientError
from customer_match.export.loading import load_export
from customer_match.export.model import Export
from customer_match.project import PROJECT
from customer_match.storage.read_ahead import ReadAhead
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from customer_match_sample_lake.registry import SHAPES
from customer_match_sample_lake.samples import Samples
from customer_match_sample_lake.shape import Sample
from tests.airflow_microsoft_advertising.conftest import Connect
from tests.airflow_microsoft_advertising.run.test_sample_lakes import compare

SECRET = "hidden-secret-key"
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "any", "aws_secret_access_key": "any"}
DAY = datetime(2026, 5, 1, tzinfo=UTC)

Define = Callable[..., None]


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """A server of S3's protocol on this machine."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def define(endpoint: str, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Define:
    """Define the connection `aws`; the machine's own AWS settings are hidden."""
    connect()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def defined(login: str | None = "AKIAEXAMPLE", password: str | None = SECRET, **extra: Any) -> None:
        whole = {"endpoint_url": endpoint, "region_name": "us-east-1"} | extra
        fields = {"conn_type": "aws", "login": login, "password": password, "extra": whole}
        monkeypatch.setenv("AIRFLOW_CONN_AWS", json.dumps(fields))

    defined()
    return defined


@pytest.fixture
def bucket(define: Define, endpoint: str) -> Any:
    """The file system, with an empty bucket `lake`."""
    requests.post(f"{endpoint}/moto-api/reset", timeout=10)
    found, _ = filesystem("aws", "s3://lake")
    found.mkdir("lake")
    return found


@dataclass(frozen=True)
class Lake:
    bucket: Any
    folder: Path

    def put(self, path: str, emails: list[str]) -> None:
        lines = "".join(f"{number},{email}\n" for number, email in enumerate(emails))
        self.bucket.pipe_file(f"lake/segments/{path}", f"Id,Email\n{lines}".encode())

    def run(self, day: datetime = DAY, source: str = "s3://lake/segments", **keys: Any) -> ExportRun:
        keys = {
            "name": "autumn",
            "title": "Autumn campaign",
            "cid": 190000001,
            "aid": 180000001,
            "source": {"connection": "aws", "root": source},
            "segments": "all",
            "email": "Email",
            "workspace": str(self.folder / "workspace"),
        } | keys
        return ExportRun(Export.model_validate(keys), f"run-{day:%Y-%m-%d}", day, dry_run=True)


@pytest.fixture
def lake(bucket: Any, tmp_path: Path) -> Lake:
    lake = Lake(bucket, tmp_path)
    lake.put("Gold/part-0.csv", [f"gold{number}@example.com" for number in range(20)])
    lake.put("Silver.csv", ["silver@example.com"])
    return lake


def told(call: Callable[[], Any], family: type[CustomerMatchError], *words: str) -> None:
    with pytest.raises(CustomerMatchError) as raised:
        call()
    assert isinstance(raised.value, family), raised.value
    for word in words:
        assert word in str(raised.value)
    assert SECRET not in str(raised.value)


def found_tables(url: str = "s3://lake/segments") -> dict[str, str]:
    return discover(*filesystem("aws", url))


# --- Every shape ---------------------------------------------------------------------------------------------


def test_every_shape_of_the_sample_lake_is_read_from_s3(bucket: Any, tmp_path: Path) -> None:
    samples: dict[str, Sample] = {}
    place = Samples(bucket, "lake/samples", "s3://lake/samples", "aws", profiles=50)
    place.write(SHAPES.values(), lambda shape, sample: samples.update({shape.name: sample}))
    assert samples.keys() == SHAPES.keys()
    for name, sample in samples.items():
        keys = yaml.safe_load(bucket.cat_file(f"lake/samples/exports/{name}.yaml"))
        keys["workspace"] = str(tmp_path / "workspace")  # no workspace may be there
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(keys))
        compare(load_export(file), sample)


# --- Locations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_segments_are_found_beside_folder_markers(lake: Lake, scheme: str) -> None:
    for marker in ("Gold/", "Gold_$folder$", "Empty/"):
        lake.bucket.pipe_file(f"lake/segments/{marker}", b"")
    assert list(found_tables(f"{scheme}://lake/segments")) == ["Gold", "Silver"]
    assert [segment.table for segment in select_segments(lake.run())] == ["Gold", "Silver"]


def test_tables_written_meanwhile_are_found(lake: Lake) -> None:
    filesystem_, root = filesystem("aws", "s3://lake/segments")
    assert list(discover(filesystem_, root)) == ["Gold", "Silver"]
    boto = boto3.client("s3", endpoint_url=lake.bucket.endpoint_url, **KEYS)
    boto.put_object(Bucket="lake", Key="segments/New.csv", Body=b"Email\na@example.com\n")
    boto.delete_object(Bucket="lake", Key="segments/Silver.csv")
    assert list(discover(filesystem_, root)) == ["Gold", "New"]


def test_a_day_without_a_table_is_reported_with_the_nearest_days(lake: Lake) -> None:
    for day in ("2026-04-29", "2026-05-03"):
        lake.put(f"Dated/{day}/part-0.csv", ["a@example.com"])
    run = lake.run(segments=[{"table": "Dated", "path": "Dated/{{ ds }}"}])
    (segment,) = select_segments(run)
    with pytest.raises(
        AirflowFailException, match=r"s3://lake/segments/Dated/2026-04-29 .*2026-05-03"
    ) as raised:
        validate_segment(run, segment)
    assert SECRET not in str(raised.value)


def test_a_parquet_file_is_read_ahead(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    emails = [f"e{number}@example.com" for number in range(50_000)]
    with lake.bucket.open("lake/segments/Wide/a.parquet", "wb") as file:
        pq.write_table(
            pa.table({"Photo": [os.urandom(200) for _ in emails], "Email": emails}),
            file,
            row_group_size=9_000,
        )
    served: list[int] = []
    read = ReadAhead.read
    monkeypatch.setattr(
        ReadAhead, "read", lambda own, *of: served.append(len(part := read(own, *of))) or part
    )
    found, path = filesystem("aws", "s3://lake/segments/Wide")
    table = open_table(found, path)
    assert [value for batch in table.batches(["Email"]) for value in batch.column(0).to_pylist()] == emails
    assert 0 < sum(served) < table.files[0].size_bytes / 3


def test_a_compressed_file_is_read_as_it_is_stored(lake: Lake) -> None:
    emails = [f"e{number}@example.com" for number in range(5_000)]
    content = gzip.compress("Email\n{}\n".format("\n".join(emails)).encode())
    boto = boto3.client("s3", endpoint_url=lake.bucket.endpoint_url, **KEYS)
    boto.put_object(Bucket="lake", Key="segments/Compressed.csv", Body=content, ContentEncoding="gzip")
    table = open_table(*filesystem("aws", "s3://lake/segments/Compressed.csv"))
    assert [value for batch in table.batches(["Email"]) for value in batch.column(0).to_pylist()] == emails


def test_a_dry_run_from_a_shell_reads_s3(lake: Lake, endpoint: str, tmp_path: Path) -> None:
    keys = {"cid": 190000001, "aid": 180000001, "segments": "all", "email": "Email"}
    place = {
        "source": {"connection": "aws", "root": "s3://lake/segments"},
        "workspace": str(tmp_path / "workspace"),
    }
    (tmp_path / "autumn.yaml").write_text(yaml.safe_dump(keys | place))
    program = "from airflow_microsoft_advertising.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "autumn", "--dry-run", "--json"],
        cwd=PROJECT,
        env=os.environ | {"CUSTOMER_MATCH_EXPORTS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    segments = json.loads(done.stdout)["segments"]
    assert {one["segment"]: one["members"] for one in segments} == {"Gold": 20, "Silver": 1}
    assert SECRET not in done.stdout + done.stderr


# --- Signing in ----------------------------------------------------------------------------------------------


@pytest.mark.faults
def test_wrong_keys_are_reported(lake: Lake, define: Define, endpoint: str) -> None:
    iam = boto3.client("iam", endpoint_url=endpoint, **KEYS)
    keys = {}
    for user in ("reader", "stranger"):
        iam.create_user(UserName=user)
        keys[user] = iam.create_access_key(UserName=user)["AccessKey"]
    rule = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=document)
    requests.post(f"{endpoint}/moto-api/reset-auth", data=b"0", timeout=10)  # from now on keys count
    try:
        define(keys["reader"]["AccessKeyId"], keys["reader"]["SecretAccessKey"])
        assert list(found_tables()) == ["Gold", "Silver"]
        for login, password in (
            (keys["reader"]["AccessKeyId"], SECRET),
            ("AKIAUNKNOWN", SECRET),
            (keys["stranger"]["AccessKeyId"], keys["stranger"]["SecretAccessKey"]),
        ):
            define(login, password)
            told(
                found_tables,
                ConfigurationError,
                "s3://lake/segments",
                "refuses access (HTTP 403)",
                "s3:ListBucket",
            )
    finally:
        requests.post(f"{endpoint}/moto-api/reset-auth", data=b"inf", timeout=10)


def test_keys_of_the_connection_take_precedence(
    lake: Lake, define: Define, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-machine")

    def key() -> str | None:
        found, _ = filesystem("aws", "s3://lake")
        taken = asyncio.run(found.session.get_credentials())
        return taken and str(taken.access_key)

    assert key() == "AKIAEXAMPLE"
    define(None, None)
    assert key() == "AKIAMACHINE"  # as documented: without a key the machine signs in
    define("AKIAEXAMPLE", None)
    told(found_tables, ConfigurationError, "Login and Password must both be filled in")


# --- Settings and network ------------------------------------------------------------------------------------


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"endpoint_url": "127.0.0.1:9000"}, "`endpoint_url` begins with https://"),
        ({"region_name": "the moon"}, "InvalidRegionError"),
        ({"profile_name": "no-such-profile"}, "ProfileNotFound"),
        ({"config_kwargs": {"no_such_setting": SECRET}}, "cannot be opened with the connection 'aws'"),
    ],
)
def test_unusable_settings_are_reported(define: Define, extra: dict[str, Any], words: str) -> None:
    define(**extra)
    told(found_tables, ConfigurationError, words)


@pytest.mark.bad_input
@pytest.mark.parametrize("url", ["s3://no-such-bucket", "s3://no-such-bucket/segments", "s3://lake/nowhere"])
def test_a_missing_location_is_reported(lake: Lake, url: str) -> None:
    told(lambda: found_tables(url), ConfigurationError, f"There is no folder {url}")
    found, path = filesystem("aws", f"{url}/Gold")
    told(lambda: open_table(found, path), ConfigurationError, f"no file or folder {url}/Gold")


@pytest.mark.faults
def test_an_unreachable_server_is_reported(define: Define) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # but does not listen
        define(
            endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}",
            config_kwargs={"retries": {"max_attempts": 0}},
        )
        told(
            found_tables,
            TransientError,
            "(EndpointConnectionError)",
            "the endpoint on the lake's Airflow connection",
        )


# --- Changes between steps
# -----------------------------------------------------------------------------------------------


@pytest.mark.faults
def test_a_table_deleted_between_two_steps_is_reported(lake: Lake) -> None:
    run = lake.run()
    gold = select_segments(run)[0]
    validate_segment(run, gold)
    lake.bucket.rm("lake/segments/Gold", recursive=True)
    with pytest.raises(AirflowFailException, match="There is no table 'Gold' in s3://lake/segments"):
        normalise_segment(run, gold)


@pytest.mark.faults
def test_a_table_changed_between_two_steps_is_read_in_its_new_state(lake: Lake) -> None:
    run = lake.run()
    gold = select_segments(run)[0]
    validate_segment(run, gold)
    lake.put("Gold/part-0.csv", [f"new{number}@example.com" for number in range(7)])
    assert normalise_segment(run, gold).staged.members.count == 7


@pytest.mark.faults
@pytest.mark.parametrize("rows", [3, 2_000], ids=["shorter", "of the same size"])
def test_a_parquet_file_changed_while_it_is_read_is_reported(lake: Lake, rows: int) -> None:
    path = "lake/segments/Wide/a.parquet"

    def write(rows: int, letter: str) -> int:
        emails = [f"{letter}{number:09}@example.com" for number in range(rows)]
        with lake.bucket.open(path, "wb") as file:
            pq.write_table(pa.table({"Email": emails}), file, compression="none")
        return int(lake.bucket.size(path))

    size = write(2_000, "a")
    found, folder = filesystem("aws", "s3://lake/segments/Wide")
    before_footer, after_footer = open_table(found, folder), open_table(found, folder)
    after_footer.columns()
    assert (write(rows, "b") == size) is (rows == 2_000)
    for table in (before_footer, after_footer):
        told(lambda table=table: list(table.batches(["Email"])), TransientError, path)
    lake.bucket.rm(path)
    told(lambda: list(after_footer.batches(["Email"])), TransientError, "disappeared")
