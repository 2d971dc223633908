"""Dates in paths: names have Airflow's values, and no other template syntax is allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.date_templates import (
    RunDates,
    check_template,
    is_template,
    parse_latest,
    render,
    sample,
)
from customer_match.errors import ConfigurationError

DATES = RunDates(
    start=datetime(2026, 4, 30, 22, tzinfo=UTC),
    end=datetime(2026, 5, 1, 22, tzinfo=UTC),
    logical=datetime(2026, 4, 30, 22, tzinfo=UTC),
    timezone="Europe/Berlin",
)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("plain/50%", "plain/50%"),
        ("{{ ds }}", "2026-04-30"),
        ("a/{{ds_nodash}}/b", "a/20260430/b"),
        ("{{ ts }}", "2026-04-30T22:00:00+00:00"),
        ("{{ ts_nodash }}", "20260430T220000"),
        ("{{ logical_date | ds }}", "2026-04-30"),
        ("{{ data_interval_start.strftime('%Y/%m/%d') }}", "2026/04/30"),
        ("{{ data_interval_end | strftime('%Y/%m/%d/%H%M') }}", "2026/05/01/2200"),
        ("{{ data_interval_end | local | ds }}", "2026-05-02"),
        ("{{ logical_date | local | ts_nodash }}", "20260501T000000"),
        ("{{ data_interval_end | ds_nodash }}", "20260501"),
        ("{{ macros.ds_add(ds, 1) }}", "2026-05-01"),
        ("{{ macros.ds_add(ds, -30) }}", "2026-03-31"),
        ("{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}", "30.04.26"),
        ("{{ (data_interval_end - macros.timedelta(days=1)) | ds }}", "2026-04-30"),
        ("y={{ logical_date.year }}/m={{ logical_date.month }}", "y=2026/m=4"),
    ],
)
def test_names_mean_what_they_mean_in_airflow(template: str, path: str) -> None:
    if is_template(template):
        assert check_template(template) == template
    assert render(template, DATES) == path


def test_airflow_renders_the_same() -> None:
    """The names and filters that both have, rendered by Airflow's own environment."""
    from airflow.sdk.definitions._internal.templater import SandboxedEnvironment
    from airflow.sdk.execution_time import macros

    environment = SandboxedEnvironment()
    logical = DATES.logical
    values = {
        "ds": "2026-04-30",
        "logical_date": logical,
        "data_interval_end": DATES.end,
        "macros": macros,
    }
    for template in (
        "{{ macros.ds_add(ds, 5) }}",
        "{{ macros.ds_format(ds, '%Y-%m-%d', '%m-%d-%y') }}",
        "{{ logical_date | ds_nodash }}",
        "{{ logical_date | ts_nodash }}",
        "{{ data_interval_end | ds }}",
        "{{ data_interval_end | ts }}",
        "{{ (data_interval_end + macros.timedelta(days=3)).strftime('%j') }}",
    ):
        assert render(template, DATES) == environment.from_string(template).render(values), template


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{{ d }}", "the name `d`"),
        ("{{ dss }}", "Did you mean `ds`"),
        ("{{ ds | upper }}", "the filter `upper`"),
        ("{{ ds.__class__ }}", "the attribute `__class__`"),
        ("{{ ds[0] }}", "syntax that is not allowed"),
        ("{{ 'x' * 10 ** 10 }}", "syntax that is not allowed"),
        ("{% for x in ds %}{% endfor %}", "syntax that is not allowed"),
        ("{{ ds", "not a valid template"),
        ("{{ ds.year }}", "cannot be rendered"),
        ("{{ macros.timedelta(days=9) + ds }}", "cannot be rendered"),
        ("{{ logical_date + macros.timedelta(days=99999999) }}", "cannot be rendered"),
        ("{{ latest }}/{{ latest }}", "`latest` twice"),
        ("{{ latest('%d') }}", "with %Y"),
        ("{{ latest('%Y-%d') }}", "without a gap"),
        ("{{ latest('%d/%m/%Y') }}", "in that order"),
        ("{{ latest('%Y/%Y') }}", "once each"),
        ("{{ latest('%Y-%B') }}", "with %Y"),
        ("{{ latest('../%Y') }}", "plain folder names"),
    ],
)
def test_other_template_syntax_is_rejected(template: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault.replace("(", r"\(")):
        check_template(template)


def test_a_path_that_fails_for_one_run_only_is_reported() -> None:
    early = RunDates.at(datetime(1, 1, 2, tzinfo=UTC))
    with pytest.raises(ConfigurationError, match=r"ds_add.*cannot be rendered"):
        render("x/{{ macros.ds_add('0001-01-01', -5) }}", early)


@pytest.mark.parametrize(
    ("template", "folder", "pattern", "rest"),
    [
        ("{{ latest }}", "", "%Y-%m-%d", ""),
        ("a/b/{{ latest }}", "a/b/", "%Y-%m-%d", ""),
        ("a/dt={{ latest('%Y%m%d') }}.d/Gold/x", "a/", "dt=%Y%m%d.d", "Gold/x"),
        ("{{ ds }}/{{ latest('%Y/%m/%d') }}/Gold", "2026-04-30/", "%Y/%m/%d", "Gold"),
        ("50%/100%-{{ latest }}", "50%/", "100%%-%Y-%m-%d", ""),
    ],
)
def test_latest_leaves_a_placeholder(template: str, folder: str, pattern: str, rest: str) -> None:
    latest = parse_latest(render(check_template(template), DATES))
    assert latest is not None
    assert (latest.folder, latest.pattern, latest.rest, latest.local) == (folder, pattern, rest, False)


def test_latest_may_use_the_exports_time_zone() -> None:
    latest = parse_latest(render("{{ latest(local=true) }}", DATES))
    assert latest is not None
    assert latest.local


def test_a_sample_has_no_placeholders() -> None:
    assert sample("a/{{ latest('%Y/%m') }}/{{ ds }}") == "a/2026/01/2026-01-31"


def test_an_interval_does_not_hold_its_end_unless_it_is_a_moment() -> None:
    assert DATES.holds(DATES.end - timedelta(seconds=1))
    assert not DATES.holds(DATES.end)
    assert RunDates.at(DATES.end).holds(DATES.end)
    assert not RunDates.at(DATES.end).holds(DATES.end + timedelta(seconds=1))


@given(st.integers(0, 7_000_000_000), st.integers(-300, 300))
def test_shifted_runs_have_shifted_days(seconds: int, days: int) -> None:
    dates = RunDates.at(datetime(1971, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
    assert render("{{ ds }}", dates.shifted(days)) == render(f"{{{{ macros.ds_add(ds, {days}) }}}}", dates)
