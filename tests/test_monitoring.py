"""deploy/monitoring: queries that Prometheus reads, metrics and labels that exist, files that fit together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal

import promql_parser as promql
import pytest
import yaml
from pydantic import BaseModel, ConfigDict

from airflow_microsoft_advertising.metrics.table import METRICS, Kind
from customer_match.project import PROJECT
from customer_match.runs.states import RunState

FOLDER = PROJECT / "deploy" / "monitoring"
DASHBOARD = json.loads((FOLDER / "grafana/dashboards/customer-match.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
DURATION = r"^([0-9]+[dhms])+$"
SUFFIXES = {Kind.COUNTER: ("",), Kind.GAUGE: ("",), Kind.TIMER: ("_bucket", "_sum", "_count")}
LABELS = {
    f"{metric.prometheus_name}{suffix}": {*metric.tags, *(["le"] if suffix == "_bucket" else [])}
    for metric in METRICS.values()
    for suffix in SUFFIXES[metric.kind]
}
"""The labels of each series in Prometheus, by its name."""


def read(path: str) -> Any:
    return yaml.safe_load((FOLDER / path).read_text())


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Alert(Strict):
    """An alert rule, as Prometheus documents it."""

    alert: str
    expr: str
    labels: dict[Literal["severity"], Literal["critical", "warning"]]
    annotations: dict[Literal["summary", "description"], str]

    model_config = ConfigDict(extra="allow")


class Group(Strict):
    name: str
    rules: list[Alert]


class Rules(Strict):
    groups: list[Group]


RULES = Rules.model_validate(read("prometheus/rules/customer-match.yml"))
ALERTS = [rule for group in RULES.groups for rule in group.rules]


def expression(text: str) -> str:
    """A panel's query with values for Grafana's variables."""
    return re.sub(r"\$__(?:rate_interval|range)", "5m", text)


QUERIES = {alert.alert: alert.expr for alert in ALERTS} | {
    f"{panel['title']} {target['refId']}": expression(target["expr"])
    for panel in PANELS
    for target in panel["targets"]
}


def nodes(tree: Any) -> Iterator[Any]:
    yield tree
    for name in ("lhs", "rhs", "expr", "args", "vector_selector"):
        child = getattr(tree, name, None)
        for one in child if isinstance(child, list) else [child]:
            if one is not None:
                yield from nodes(one)


def selectors(tree: Any) -> list[Any]:
    return [node for node in nodes(tree) if isinstance(node, promql.VectorSelector)]


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_a_query_names_metrics_and_labels_that_exist(query: str) -> None:
    tree = promql.parse(query)
    found = selectors(tree)
    assert found
    for selector in found:
        labels = LABELS[selector.name]
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels
    for node in nodes(tree):
        if isinstance(node, promql.AggregateExpr) and node.modifier:
            assert set(node.modifier.labels) <= set.intersection(
                *(LABELS[one.name] for one in selectors(node))
            )


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.alert)
def test_an_alert_says_where_with_labels_that_it_has(alert: Alert) -> None:
    assert set(alert.annotations) == {"summary", "description"}
    assert set(alert.model_extra or {}) <= {"for"}
    assert re.match(DURATION, (alert.model_extra or {}).get("for", "1m"))
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(alert.annotations.values())))
    assert named
    tree = promql.parse(alert.expr)
    kept = [set(node.modifier.labels) for node in nodes(tree) if isinstance(node, promql.AggregateExpr)]
    having = set.union(*kept) if kept else set.union(*(LABELS[one.name] for one in selectors(tree)))
    assert named <= having


def test_alerts_of_runs_are_about_states_that_exist() -> None:
    [expr] = [one.expr for one in ALERTS if one.alert == "CustomerMatchRunFailed"]
    [states] = set(re.findall(r'state=~"([^"]+)"', expr))
    bad = {RunState.FAILED, RunState.PARTIAL, RunState.TIMED_OUT, RunState.GUARD}
    assert set(states.split("|")) == {state.replace(" ", "_") for state in bad}


def test_each_metric_is_shown() -> None:
    shown = {one.name for text in QUERIES.values() for one in selectors(promql.parse(text))}
    missing = [
        m.name for m in METRICS.values() if not any(name.startswith(m.prometheus_name) for name in shown)
    ]
    assert missing == []


def test_the_dashboard_can_be_imported() -> None:
    assert DASHBOARD["uid"]
    assert "id" not in DASHBOARD, "Grafana gives it"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    for panel in PANELS:
        assert panel["description"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval", "__range"}
            assert used <= set(variables)
            labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert labels <= set.union(
                *(LABELS[one.name] for one in selectors(promql.parse(expression(target["expr"]))))
            )
    for name in ("export", "account"):
        [(metric, label)] = re.findall(r"label_values\((\w+), (\w+)\)", variables[name]["definition"])
        assert label == name
        assert label in LABELS[metric]


def test_panels_do_not_cover_each_other() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_the_files_fit_together() -> None:
    """As they are mounted: each names the others by service and path."""
    prometheus = read("prometheus/prometheus.yml")
    assert prometheus["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    [job] = prometheus["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["statsd-exporter:9102"]}]
    [source] = read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    [provider] = read("grafana/provisioning/dashboards/customer-match.yml")["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
    default = DASHBOARD["templating"]["list"][0]["current"]["value"]
    assert default == source["uid"]


def mapped(line: str) -> tuple[str, dict[str, str]] | None:
    """What the StatsD exporter makes of a name: the first rule that matches, `*` is one part of the name."""
    for rule in read("statsd-exporter/mapping.yaml")["mappings"]:
        pattern = re.escape(rule["match"]).replace(r"\*", r"([^.]*)")
        if match := re.fullmatch(pattern, line):
            values = {f"${number}": value for number, value in enumerate(match.groups(), start=1)}
            return rule["name"], {label: values[place] for label, place in rule.get("labels", {}).items()}
    return None


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_both_forms_become_the_same_series(metric: Any) -> None:
    values = {tag: f"value-{tag}" for tag in metric.tags}
    plain = ".".join((f"airflow.{metric.full_name}", *values.values()))
    assert mapped(plain) == (metric.prometheus_name, values)
    assert mapped(f"airflow.{metric.full_name}") == (metric.prometheus_name, {}), (
        "the tags are labels already"
    )
    assert mapped(f"{plain}.more") is None
