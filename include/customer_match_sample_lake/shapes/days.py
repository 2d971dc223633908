"""One table for each day, in folders named by date or by run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from customer_match_sample_lake.csv_text import Csv
from customer_match_sample_lake.expected import Expected, Tally
from customer_match_sample_lake.lake import DAYS, Lake, customers
from customer_match_sample_lake.shape import Sample, State, shape


@shape("days", "a folder for each day; a run reads the folder of its own day, `{{ ds }}`")
def days(lake: Lake) -> Sample:
    """Write folders for some days; a run of any other day, also today, fails and names the nearest ones."""
    found = _each_day(lake, lambda day: f"HighValue/{day:%Y-%m-%d}/part-0.parquet")
    states = [State({"HighValue": found[day]}, day) for day in reversed(DAYS)]
    return Sample(_export(lake, "HighValue/{{ ds }}"), states)


@shape(
    "days-latest",
    "a folder for each day: a run reads the newest one up to its own, `{{ latest('%Y/%m/%d') }}`",
)
def days_latest(lake: Lake) -> Sample:
    """Write folders of which a run reads the newest, as runs of today do."""
    found = _each_day(lake, lambda day: f"HighValue/{day:%Y/%m/%d}/part-0.parquet")
    return Sample(_export(lake, "HighValue/{{ latest('%Y/%m/%d') }}"), _up_to_each_day(found))


@shape("runs", "folders <table>/<yyyy>/<MM>/<dd>/<HHmm> of an export's runs, read without a model")
def runs(lake: Lake) -> Sample:
    """Write runs, of which the newest up to the end of the data interval counts."""
    found = _each_day(lake, lambda day: f"HighValue/{day:%Y/%m/%d/%H%M}/HighValue_1.csv")
    export = {"source": {"format": "csv"}, "segments": lake.segments("HighValue"), "email": "Email"}
    return Sample(export, _up_to_each_day(found))


def _each_day(lake: Lake, path: Callable[[datetime], str]) -> dict[datetime, Expected]:
    """Write the table of each day; from day to day a fifth of the profiles changes."""
    found, people = {}, lake.people()
    for day in DAYS:
        tally, place = Tally(), path(day)
        rows = tally.of(customers(people))
        if place.endswith(".csv"):
            lake.csv(place, rows, Csv(header=True))
        else:
            lake.parquet(place, rows)
        found[day] = tally.expected()
        people = people.churn(0.2)
    return found


def _up_to_each_day(found: dict[datetime, Expected]) -> list[State]:
    """Return the states of all days; today has the state of the last day."""
    states = [State({"HighValue": expected}, day) for day, expected in found.items()]
    return [State(states[-1].segments), *states]


def _export(lake: Lake, path: str) -> dict[str, object]:
    [segment] = lake.segments("HighValue")
    return {"segments": [segment | {"path": path}], "email": "Email"}
