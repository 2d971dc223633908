#!/usr/bin/env bash
# On the days when clocks change, croniter names other moments than Airflow, which uses croniter.
#
# apache-airflow-core 3.3.2, croniter 7.0.0, Python 3.11. For "30 2 * * *" in Berlin, croniter with a time zone gives
# 02:30 twice on the night of 2026-10-25, and 03:00 on 2027-03-28, which has no 02:30. Airflow asks croniter without a
# zone and adds the zone afterwards: it runs once in October, at the second 02:30, and at 03:30 in March. Who asks
# croniter when Airflow will run next, say for a deadline or an alert for a missed run, is told a moment that is an
# hour too early on one day of the year and half an hour on another, and counts a run too many in October.
# Seen on 2026-11-30:
#   croniter  10-25T02:30+02:00  10-25T02:30+01:00     03-28T03:00+02:00  03-29T02:30+02:00
#   Airflow   10-25T02:30+01:00  10-26T02:30+01:00     03-28T03:30+02:00  03-29T02:30+02:00
#
# Installs about 130 packages (300 MB), which apache-airflow-core needs. No database and no Airflow is started.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  apache-airflow-core==3.3.2 croniter==7.0.0 pendulum==3.3.0
AIRFLOW_HOME=$folder/airflow "$folder/venv/bin/python" - <<'PYTHON'
import datetime as dt
from zoneinfo import ZoneInfo

import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from croniter import croniter

cron, zone = "30 2 * * *", "Europe/Berlin"


def text(moment):
    return moment.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def bare(*start):
    runs = croniter(cron, dt.datetime(*start, tzinfo=ZoneInfo(zone)))
    return [text(runs.get_next(dt.datetime)) for _ in range(2)]


def airflow(*start):
    timetable = CronTriggerTimetable(cron, timezone=zone)
    within = TimeRestriction(earliest=pendulum.datetime(*start, tz=zone), latest=None, catchup=True)
    first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=within)
    second = timetable.next_dagrun_info(last_automated_data_interval=first.data_interval, restriction=within)
    return [text(first.run_after), text(second.run_after)]


october, march = (2026, 10, 24, 12), (2027, 3, 27, 12)
seen = {"croniter": bare(*october) + bare(*march), "Airflow": airflow(*october) + airflow(*march)}
print(*seen.items(), sep="\n")
assert seen["croniter"][:2] == ["2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"], seen
assert seen["Airflow"][:2] == ["2026-10-25T02:30+01:00", "2026-10-26T02:30+01:00"], seen
assert seen["croniter"][2:] == ["2027-03-28T03:00+02:00", "2027-03-29T02:30+02:00"], seen
assert seen["Airflow"][2:] == ["2027-03-28T03:30+02:00", "2027-03-29T02:30+02:00"], seen
PYTHON
