"""Many uploads in flight in one event loop, as in a triggerer: how late it is, and what it costs."""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.measuring import Measured, compared, peak_rss_mb
from customer_match.project import PROJECT
from customer_match_demo.stack import account_connection
from microsoft_advertising.polling import PollSchedule

__all__ = ["Polled", "measure", "poll_uploads"]

SECONDS = 40.0
"""How long the uploads are polled."""

_AGE = 60.0
"""Seconds since the files were sent, when the triggers start all at once, as after a restart of the triggerer. By the
operators' schedule, each upload is then polled every 15 seconds and, by and by, less often."""

SCHEDULE = {"first": 5.0}  # of the operators
_CONNECTION = "microsoft_advertising_default"
_EVERY = 0.01


_FURTHER = (
    "polls", "busy_p99_ms", "lag_p50_ms", "lag_p99_ms", "lag_max_ms", "late_p50_ms", "late_p99_ms", "late_max_ms",
)  # fmt: skip


@dataclass(frozen=True)
class Polled(Measured):
    """One event loop in a process of its own; its seconds are those until every upload had been polled once.

    Attributes:
        polls: Number of polls.
        busy_p99_ms: CPU time of the event loop between two timers, 99th percentile: what the lag would be at most if no
            other program used the processor.
        lag_p50_ms: How late timers of the event loop were, likewise the two below.
        late_p50_ms: How late polls were sent, by the schedule, after the first one; likewise the two below.
    """

    polls: int
    busy_p99_ms: float
    lag_p50_ms: float
    lag_p99_ms: float
    lag_max_ms: float
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float


def poll_uploads(uploads: int, rounds: int, *, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """One entry of the results; the baseline is a client for each trigger, as in version 0.1.0.

    Args:
        uploads: Number of triggers, each with one upload.
        rounds: How often each way is measured, in turns.
        seconds: How long they poll.
    """
    pairs = [[measure(way, uploads, seconds) for way in WAYS] for _ in range(rounds)]
    ours, baseline = (_median([pair[side] for pair in pairs]) for side in (0, 1))
    further = {
        **{name: getattr(ours, name) for name in _FURTHER},
        **{f"baseline_{name}": getattr(baseline, name) for name in _FURTHER},
    }
    return [
        compared(
            "triggerer: uploads in flight in one event loop",
            uploads,
            ours,
            "a client for each trigger",
            baseline,
            rounds=rounds,
            **{name: round(value, 1) for name, value in further.items()},
        )
    ]


def measure(way: str, uploads: int, seconds: float, schedule: dict[str, float] | None = None) -> Polled:
    """Poll uploads that never end, of a simulator of its own, in a fresh process.

    Args:
        way: `shared` or `own`: the clients of the triggers.
        uploads: Number of triggers, each with one upload.
        seconds: How long they poll.
        schedule: When they poll; default: as the operators do.
    """
    with tempfile.TemporaryDirectory() as folder, _simulator(Path(folder)) as account:
        request_ids = _request_uploads(account, uploads)
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        task = _Task(way, account, request_ids, seconds, schedule or SCHEDULE, folder)
        process = context.Process(target=_work, args=(task, sender))
        process.start()
        sender.close()
        try:
            measured: Polled = receiver.recv()
        except EOFError:
            raise RuntimeError("the process failed; its traceback is above") from None
        finally:
            process.join()
    return measured


@contextmanager
def _simulator(folder: Path) -> Iterator[dict[str, str]]:
    """A simulator process; yields its account."""
    command = [sys.executable, "-m", "microsoft_advertising_simulator", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--data", str(folder / "data")],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it reports the clients that leave at the end
        text=True,
    )
    try:
        assert process.stdout
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def _request_uploads(account: Mapping[str, str], uploads: int) -> list[str]:
    """Request ids of uploads whose files are never sent."""
    with httpx.Client(base_url=account["base_url"], timeout=60, trust_env=False) as http:
        limits = {"upload_urls_per_15_minutes": uploads + 1, "calls_per_minute": 10**6}
        http.post("/simulator/settings", json=limits).raise_for_status()
        form = {key: account[key] for key in ("client_id", "client_secret", "refresh_token")}
        token = http.post("/common/oauth2/v2.0/token", data=form | {"grant_type": "refresh_token"}).json()
        headers = {
            "Authorization": f"Bearer {token['access_token']}",
            "DeveloperToken": account["developer_token"],
            "CustomerId": account["customer_id"],
            "CustomerAccountId": account["account_id"],
        }
        wanted = {"ResponseMode": "ErrorsOnly", "AccountId": account["account_id"]}
        answers = [
            http.post("/Bulk/v13/BulkUploadUrl/Query", json=wanted, headers=headers) for _ in range(uploads)
        ]
    return [str(answer.json()["RequestId"]) for answer in answers]


@dataclass(frozen=True)
class _Task:
    """What the measured process does; see `measure`."""

    way: str
    account: dict[str, str]
    request_ids: list[str]
    seconds: float
    schedule: dict[str, float]
    folder: str


def _work(task: _Task, sender: multiprocessing.connection.Connection) -> None:
    os.environ |= {
        "AIRFLOW_HOME": task.folder,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{task.folder}/airflow.db",
        f"AIRFLOW_CONN_{_CONNECTION.upper()}": json.dumps(account_connection(task.account)),
    }
    import airflow.jobs.triggerer_job_runner  # noqa: F401 (what a triggerer imports counts as memory)

    import airflow_microsoft_advertising.trigger  # noqa: F401 (imported before the time begins)
    from airflow_microsoft_advertising import hook
    from microsoft_advertising.auth.refresh_tokens import InMemoryTokenStore

    # A triggerer keeps renewed tokens in Airflow's database, which is not what is measured.
    hook.token_store = lambda *_: InMemoryTokenStore()  # type: ignore[assignment,attr-defined]
    sender.send(asyncio.run(_polled(task)))


async def _polled(measured: _Task) -> Polled:
    cpu, began = time.process_time(), time.time()
    log = _log_polls()
    lags: list[float] = []
    busy: list[float] = []
    meter = asyncio.create_task(_note_lags(lags, busy))
    run = WAYS[measured.way]
    triggers = [
        asyncio.create_task(run(request_id, began - _AGE, measured.schedule))
        for request_id in measured.request_ids
    ]
    await asyncio.sleep(measured.seconds)
    for task in (meter, *triggers):
        task.cancel()
    ended = await asyncio.gather(*triggers, return_exceptions=True)
    wrong = [error for error in ended if not isinstance(error, asyncio.CancelledError)]
    if wrong or len(log) < len(triggers):
        raise RuntimeError(f"{len(wrong)} triggers ended, {len(log)} uploads were polled: {wrong[:1]}")
    lag, late = _spread(lags), _spread(list(_lateness(log, began - _AGE, PollSchedule(**measured.schedule))))
    return Polled(
        max(polls[0][0] for polls in log.values()) - began,
        time.process_time() - cpu,
        peak_rss_mb(),
        sum(len(polls) for polls in log.values()),
        _spread(busy)[1],
        *lag,
        *late,
    )


Log = dict[str, list[tuple[float, float]]]
"""When each poll of a request was sent and answered, in seconds since 1970."""


def _log_polls() -> Log:
    """Note all polls of this process from now on, at the client, below all waiting."""
    from microsoft_advertising.async_client import AsyncClient

    log: Log = {}
    original = AsyncClient.upload_status

    async def noted(self: AsyncClient, request_id: str) -> Any:
        sent = time.time()
        status = await original(self, request_id)
        log.setdefault(request_id, []).append((sent, time.time()))
        return status

    AsyncClient.upload_status = noted  # type: ignore[method-assign]
    return log


async def _note_lags(lags: list[float], busy: list[float]) -> None:
    while True:
        began, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(_EVERY)
        lags.append(time.perf_counter() - began - _EVERY)
        busy.append(time.thread_time() - cpu)


def _lateness(log: Log, since: float, schedule: PollSchedule) -> Iterator[float]:
    """Seconds by which each poll but the first was sent later than the schedule says."""
    for polls in log.values():
        for (_, answered), (sent, _) in itertools.pairwise(polls):
            yield sent - answered - schedule.next_wait(answered - since)


def _spread(seconds: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum, in milliseconds."""
    percentiles = statistics.quantiles(seconds, n=100, method="inclusive")
    return percentiles[49] * 1000, percentiles[98] * 1000, max(seconds) * 1000


def _shared(request_id: str, since: float, schedule: dict[str, float]) -> Coroutine[Any, Any, None]:
    """A trigger, run as a triggerer runs it."""
    from airflow_microsoft_advertising.trigger import BulkUploadTrigger

    trigger = BulkUploadTrigger(
        microsoft_advertising_conn_id=_CONNECTION,
        customer_id=None,
        account_id=None,
        request_id=request_id,
        since=since,
        started=since,
        schedule=schedule,
    )

    async def run() -> None:
        async for _ in trigger.run():
            pass

    return run()


async def _own(request_id: str, since: float, schedule: dict[str, float]) -> None:
    """A trigger with a client of its own, as in version 0.1.0."""
    from asgiref.sync import sync_to_async

    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook

    intervals = PollSchedule(**schedule)
    async with await sync_to_async(MicrosoftAdvertisingHook(_CONNECTION).get_async_conn)() as client:
        while True:
            await asyncio.sleep(intervals.next_wait(time.time() - since))
            if (await client.upload_status(request_id)).state.final:
                return


WAYS = {"shared": _shared, "own": _own}


def _median(runs: list[Polled]) -> Polled:
    """The median of each figure."""
    return Polled(
        **{name: statistics.median([asdict(run)[name] for run in runs]) for name in asdict(runs[0])}
    )
