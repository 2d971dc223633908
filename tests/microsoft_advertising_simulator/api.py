"""A simulator in its own process, and a plain HTTP client written from the API reference."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

HEADER = [
    "Type", "Status", "Id", "Parent Id", "Client Id", "Name", "Scope", "Audience", "Description",
    "Action Type", "Accept Customer Match Term", "Membership Duration", "Sub Type", "Text",
]  # fmt: skip
ROOT = Path(__file__).parents[2]


def digest_hex(number: int) -> str:
    """An invented hash: tests of the simulator need no real ones."""
    return hashlib.sha256(f"member {number}".encode()).hexdigest()


def bulk_csv(*rows: dict[str, str], version: str = "6.0", bom: bool = True, end: str = "\r\n") -> bytes:
    """A Bulk file with the columns of HEADER."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADER, lineterminator=end)
    writer.writeheader()
    if version:
        writer.writerow({"Type": "Format Version", "Name": version})
    writer.writerows(rows)
    return (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()


def list_row(**values: str) -> dict[str, str]:
    """A `Customer List` row; keys with underscores for spaces."""
    return {"Type": "Customer List", **{key.replace("_", " "): value for key, value in values.items()}}


def item_row(parent: str, text: str, **values: str) -> dict[str, str]:
    """A `Customer List Item` row."""
    return {
        "Type": "Customer List Item",
        "Parent Id": parent,
        "Sub Type": "Email",
        "Text": text,
        **{key.replace("_", " "): value for key, value in values.items()},
    }


def zipped(content: bytes, name: str = "some/folder/upload.csv") -> bytes:
    """A zip with one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


class Api:
    """A correct client without any of the project's client code."""

    def __init__(self, ready: dict[str, str]) -> None:
        self.ready = ready
        self.http = httpx.Client(base_url=ready["base_url"], timeout=60, trust_env=False)
        self.token = self.sign_in()["access_token"]

    def token_request(self, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "refresh_token",
            "client_id": self.ready["client_id"],
            "client_secret": self.ready["client_secret"],
            "refresh_token": self.ready["refresh_token"],
            "scope": "https://ads.microsoft.com/msads.manage offline_access",
        }
        return self.http.post("/common/oauth2/v2.0/token", data=form | changes)

    def sign_in(self, **changes: str) -> dict[str, Any]:
        answer = self.token_request(**changes)
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def headers(self, **changes: str | None) -> dict[str, str]:
        headers: dict[str, str | None] = {
            "Authorization": f"Bearer {self.token}",
            "DeveloperToken": self.ready["developer_token"],
            "CustomerId": self.ready["customer_id"],
            "CustomerAccountId": self.ready["account_id"],
        }
        return {key: value for key, value in (headers | changes).items() if value is not None}

    def call(
        self, path: str, body: Any, method: str = "POST", headers: Mapping[str, str | None] | None = None
    ) -> httpx.Response:
        return self.http.request(method, path, json=body, headers=self.headers(**(headers or {})))

    def campaign(self, path: str, body: Any, method: str = "POST") -> httpx.Response:
        return self.call(f"/CampaignManagement/v13/{path}", body, method)

    def audience(self, name: str, **changes: Any) -> dict[str, Any]:
        return {
            "Type": "CustomerList",
            "Name": name,
            "Scope": "Customer",
            "ParentId": self.ready["customer_id"],
            "MembershipDuration": -1,
            **changes,
        }

    def create(self, name: str, **changes: Any) -> str:
        answer = self.campaign("Audiences", {"Audiences": [self.audience(name, **changes)]})
        assert answer.status_code == 200, answer.text
        assert answer.json()["PartialErrors"] == []
        return str(answer.json()["AudienceIds"][0])

    def apply(self, audience_id: str, action: str, items: list[Any], **changes: Any) -> httpx.Response:
        data = {
            "AudienceId": audience_id,
            "ActionType": action,
            "CustomerListItemSubType": "Email",
            "CustomerListItems": items,
        }
        return self.campaign("CustomerListUserData/Apply", {"CustomerListUserData": data | changes})

    def request_url(self, mode: str = "ErrorsOnly") -> tuple[str, str]:
        answer = self.call(
            "/Bulk/v13/BulkUploadUrl/Query", {"ResponseMode": mode, "AccountId": self.ready["account_id"]}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["RequestId"], answer.json()["UploadUrl"]

    def post_file(
        self,
        url: str,
        content: bytes,
        name: str = "upload.csv",
        headers: Mapping[str, str | None] | None = None,
    ) -> httpx.Response:
        own: dict[str, str | None] = {
            "Authorization": None,
            "CustomerAccountId": None,
            "AuthenticationToken": self.token,
            "AccountId": self.ready["account_id"],
        }
        return self.http.post(
            url, files={"file": (name, content)}, headers=self.headers(**(own | dict(headers or {})))
        )

    def status(self, request_id: str) -> dict[str, Any]:
        answer = self.call("/Bulk/v13/BulkUploadStatus/Query", {"RequestId": request_id})
        assert answer.status_code == 200, answer.text
        status: dict[str, Any] = answer.json()
        return status

    def finished(self, request_id: str, timeout: float = 60) -> dict[str, Any]:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            status = self.status(request_id)
            if status["RequestStatus"] not in ("PendingFileUpload", "FileUploaded", "InProgress"):
                return status
            time.sleep(0.02)
        raise AssertionError(f"upload did not end: {status}")

    def upload(
        self, content: bytes, name: str = "upload.csv", mode: str = "ErrorsAndResults"
    ) -> dict[str, Any]:
        request_id, url = self.request_url(mode)
        answer = self.post_file(url, content, name)
        assert answer.status_code == 200, answer.text
        assert answer.json()["RequestId"] == request_id
        return self.finished(request_id)

    def results(self, status: dict[str, Any]) -> list[dict[str, str]]:
        """Rows of the result file after the Format Version row, without empty columns."""
        answer = self.http.get(status["ResultFileUrl"])
        assert answer.status_code == 200, answer.text
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
        rows = [{k: v for k, v in row.items() if v} for row in csv.DictReader(io.StringIO(text, newline=""))]
        assert rows[0] == {"Type": "Format Version", "Name": "6.0"}
        return rows[1:]

    def control(self, path: str, body: Any = None, method: str | None = None) -> Any:
        verb = method or ("GET" if body is None else "POST")
        answer = self.http.request(verb, f"/simulator/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def members(self, audience_id: str) -> list[str]:
        answer = self.http.get(f"/simulator/audiences/{audience_id}/members")
        assert answer.status_code == 200, answer.text
        return answer.text.split()

    def fault(self, operation: str, kind: str, **values: Any) -> None:
        self.control("faults", {"operation": operation, "kind": kind, **values})


class Simulator:
    """A simulator process on a free port."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "microsoft_advertising_simulator",
                "--port",
                "0",
                "--data",
                str(data),
                *options,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read())
        self.ready: dict[str, str] = json.loads(line)
        self.api = Api(self.ready)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal and wait; returns exit status, the rest of stdout, and stderr."""
        self.api.http.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


def numbers(answer: httpx.Response) -> list[int]:
    """Error codes of a REST fault."""
    body = answer.json()
    return [error["Code"] for error in body.get("Errors") or body.get("OperationErrors")]


def partial(answer: httpx.Response) -> list[tuple[int, int]]:
    """(index, code) of PartialErrors."""
    assert answer.status_code == 200, answer.text
    return [(error["Index"], error["Code"]) for error in answer.json()["PartialErrors"]]


def hexes(values: Iterable[int]) -> list[str]:
    """Sorted invented hashes."""
    return sorted(digest_hex(value) for value in values)
