"""How fast the simulator takes a file, from the first byte posted to the end of processing, and in what memory."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import numpy as np

from customer_match.project import PROJECT

__all__ = ["Measured", "measure_simulator", "simulate"]

WANTED_ROWS_PER_SECOND = 300_000
MODES = ("ErrorsOnly", "ErrorsAndResults")  # with the latter the result file holds all rows
_BLOCK = 100_000


@dataclass(frozen=True)
class Measured:
    """One file, by a simulator of its own: wall time of the file, CPU time and memory of the whole process."""

    seconds: float
    cpu_seconds: float
    peak_rss_mb: float


def simulate(size: int, rounds: int) -> list[dict[str, Any]]:
    """One entry of the results for each mode: the median round; its baseline is the speed that is wanted.

    Args:
        size: Rows of the file: one list, and new members of it.
        rounds: How often each mode is measured.
    """
    return [_simulate(size, rounds, mode) for mode in MODES]


def _simulate(size: int, rounds: int, mode: str) -> dict[str, Any]:
    measured = sorted((measure_simulator(size, mode) for _ in range(rounds)), key=lambda one: one.seconds)
    median = measured[rounds // 2]
    wanted = size / WANTED_ROWS_PER_SECOND
    return {
        "case": f"simulator: a file posted and processed ({mode})",
        "n": size,
        **{name: round(value, 3) for name, value in asdict(median).items()},
        "baseline": f"{WANTED_ROWS_PER_SECOND:,} rows a second",
        "baseline_seconds": round(wanted, 3),
        "ratio": round(wanted / median.seconds, 3),
        "ratio_of": "seconds",
        "rounds": rounds,
    }


def measure_simulator(size: int, mode: str) -> Measured:
    """One round; what became of the file is checked."""
    with tempfile.TemporaryDirectory() as folder:
        return _measured(size, mode, Path(folder))


def _measured(size: int, mode: str, folder: Path) -> Measured:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "microsoft_advertising_simulator",
            "--port",
            "0",
            "--data",
            str(folder / "data"),
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = (process.stdout or io.StringIO()).readline()
        with _Client(json.loads(line)) as client:
            file = folder / "upload.zip"
            _write_file(file, client.create_list(), size - 1)
            seconds = client.upload(file, mode)
            client.check(size - 1)
    finally:
        process.terminate()
        _, _, usage = os.wait4(process.pid, 0)
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class _Client:
    """The few calls that are needed, without the project's own client."""

    def __init__(self, ready: dict[str, str]) -> None:
        self._ready = ready
        self._http = httpx.Client(base_url=ready["base_url"], timeout=600, trust_env=False)
        form = {key: ready[key] for key in ("client_id", "client_secret", "refresh_token")}
        answer = self._http.post("/common/oauth2/v2.0/token", data=form | {"grant_type": "refresh_token"})
        self._headers = {
            "Authorization": f"Bearer {answer.json()['access_token']}",
            "DeveloperToken": ready["developer_token"],
            "CustomerId": ready["customer_id"],
            "CustomerAccountId": ready["account_id"],
        }
        # A file of 4 million rows is larger than the 100 MB that the service takes.
        settings = {"queue_seconds": 0, "processing_seconds": 0, "max_file_bytes": 10**9}
        self._http.post("/simulator/settings", json=settings).raise_for_status()

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create_list(self) -> str:
        audience = {
            "Type": "CustomerList", "Name": "Measured", "Scope": "Customer",
            "ParentId": self._ready["customer_id"], "MembershipDuration": -1,
        }  # fmt: skip
        answer = self._call("/CampaignManagement/v13/Audiences", {"Audiences": [audience]})
        return str(answer["AudienceIds"][0])

    def upload(self, file: Path, mode: str) -> float:
        """Seconds from the beginning of the post to the end of processing."""
        wanted = {"ResponseMode": mode, "AccountId": self._ready["account_id"]}
        url = self._call("/Bulk/v13/BulkUploadUrl/Query", wanted)
        began = time.perf_counter()
        with file.open("rb") as stream:
            posted = self._http.post(
                url["UploadUrl"], files={"file": ("upload.zip", stream)}, headers=self._headers
            )
        posted.raise_for_status()
        while True:
            status = self._call("/Bulk/v13/BulkUploadStatus/Query", {"RequestId": url["RequestId"]})
            if status["RequestStatus"] not in ("FileUploaded", "InProgress"):
                break
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        if status["RequestStatus"] != "Completed":
            raise RuntimeError(f"the upload ended as {status['RequestStatus']}")
        return seconds

    def check(self, size: int) -> None:
        [shown] = self._http.get("/simulator/audiences").json()
        if shown["members"] != size:
            raise RuntimeError(f"{shown['members']} members instead of {size}")

    def _call(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(path, json=body, headers=self._headers)
        answer.raise_for_status()
        return answer.json()


def _write_file(path: Path, audience: str, size: int) -> None:
    """A zip as a careful client makes it."""
    head = (
        "\ufeffType,Id,Parent Id,Client Id,Name,Action Type,Sub Type,Text\r\n"
        f"Format Version,,,,6.0,,,\r\nCustomer List,{audience},,,,Add,,\r\n"
    )
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("upload.csv", "w", force_zip64=True) as member,
    ):
        member.write(head.encode())
        _write_items(member, audience, size)


def _write_items(member: IO[bytes], audience: str, size: int) -> None:
    for first, digits in _hashes(size):
        lines = (
            f"Customer List Item,,{audience},{first + index},,,Email,{digits[64 * index : 64 * index + 64]}\r\n"
            for index in range(len(digits) // 64)
        )
        member.write("".join(lines).encode())


def _hashes(size: int) -> Iterator[tuple[int, str]]:
    """(Index of the first, hex digits) of made-up hashes, block by block."""
    chance = np.random.default_rng(7)
    for first in range(0, size, _BLOCK):
        count = min(_BLOCK, size - first)
        yield first, chance.integers(0, 256, (count, 32), dtype=np.uint8).tobytes().hex()
