"""Servers on this machine that get metrics: StatsD over UDP, and an OpenTelemetry collector over HTTP."""

from __future__ import annotations

import gzip
import re
import socket
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

__all__ = ["Collector", "Received", "Series", "StatsdServer", "collector", "statsd_server"]

Series = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a metric, and its tags in alphabetical order."""

_LINE = re.compile(r"(?P<name>[^:]+):(?P<value>[^|]+)\|(?P<type>c|g|ms)")
_END, _CLOSE = b"end", b"close"


@dataclass
class Received:
    """What has arrived, by series: sums of counters, last values of gauges, all values of timers (milliseconds)."""

    counters: Counter[Series] = field(default_factory=Counter)
    gauges: dict[Series, float] = field(default_factory=dict)
    timers: dict[Series, list[float]] = field(default_factory=lambda: defaultdict(list))

    def ours(self, kind: str) -> dict[Series, Any]:
        """Our own series of a kind, without Airflow's."""
        found: dict[Series, Any] = getattr(self, kind)
        return {series: value for series, value in found.items() if "customer_match" in series[0]}

    @property
    def names(self) -> set[str]:
        """The names of our metrics."""
        return {name for kind in ("counters", "gauges", "timers") for name, _ in self.ours(kind)}


class StatsdServer:
    """A real StatsD server, as far as Airflow's lines go."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.lines: list[str] = []
        self._arrived = Event()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        """Read all the time: the system drops what does not fit into the socket's buffer."""
        while (data := self.socket.recv(65_536)) != _CLOSE:
            if data == _END:
                self._arrived.set()
            else:
                self.lines += data.decode().splitlines()

    def _send(self, data: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(data, ("127.0.0.1", self.port))

    def close(self) -> None:
        self._send(_CLOSE)
        self._reader.join()
        self.socket.close()

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    def settings(self, *, tags: bool) -> dict[str, str]:
        """Airflow's settings that send metrics here."""
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(self.port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": str(tags),
        }

    def received(self) -> Received:
        """What was sent before this call: datagrams on one machine keep their order."""
        self._arrived.clear()
        self._send(_END)
        assert self._arrived.wait(30)
        found = Received()
        for line in list(self.lines):
            parts = _LINE.match(line)
            assert parts, line
            name, *tags = parts["name"].split(",")
            series = name, tuple(sorted((tag.split("=")[0], tag.split("=")[1]) for tag in tags))
            if parts["type"] == "c":
                found.counters[series] += int(parts["value"])
            elif parts["type"] == "g":
                found.gauges[series] = float(parts["value"])
            else:
                found.timers[series].append(float(parts["value"]))
        return found


@contextmanager
def statsd_server() -> Iterator[StatsdServer]:
    server = StatsdServer()
    try:
        yield server
    finally:
        server.close()


@dataclass
class Collector:
    """A server that takes OTLP over HTTP."""

    port: int
    requests: list[ExportMetricsServiceRequest] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """Settings that send metrics here, as docs/metrics.md gives them."""
        return {
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        }

    def received(self) -> Received:
        found = Received()
        for request in self.requests:
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        _add(found, metric)
        return found


def _add(found: Received, metric: Any) -> None:
    data = getattr(metric, metric.WhichOneof("data"))
    for point in data.data_points:
        tags = tuple(sorted((one.key, one.value.string_value) for one in point.attributes))
        series = metric.name, tags
        if metric.HasField("sum"):
            found.counters[series] += int(point.as_int or point.as_double)
        elif metric.HasField("gauge"):
            found.gauges[series] = point.as_double or point.as_int
        else:
            found.timers[series] += [point.sum / point.count] * point.count


@contextmanager
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/metrics":
                here.requests.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        here = Collector(server.server_port)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield here
        server.shutdown()
        thread.join()
