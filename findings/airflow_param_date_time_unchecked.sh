#!/usr/bin/env bash
# A parameter with format "date-time" or "uri" accepts any text.
#
# apache-airflow-core 3.3.2, apache-airflow-task-sdk 1.3.2, jsonschema 4.26.0, Python 3.11. `Param` checks formats with
# jsonschema, which needs rfc3339-validator for "date-time" and rfc3987 or rfc3986-validator for "uri", and accepts
# everything where these are missing. Airflow brings isoduration for "duration", but none of these, so that "date",
# "time", "email" and "duration" are checked and the two others are not. A run that somebody triggers with a mistyped
# time starts, and fails, or selects other rows, where the time is used. With rfc3339-validator installed it is refused,
# so that a check on another machine may say that all is well.
# Seen on 2026-11-30: date-time 'rubbish' and '2026-13-45T99:00:00Z', and uri 'x y', accepted; date '2026-02-30',
#   time '25:00', email 'x', duration 'soon': ParamValidationError; with rfc3339-validator also both date-times.
#
# Installs about 130 packages (300 MB), which apache-airflow-core needs. No database and no Airflow is started.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2 jsonschema==4.26.0
cat >"$folder/accepted.py" <<'PYTHON'
import sys

from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

values = (
    ("date-time", "rubbish"),
    ("date-time", "2026-13-45T99:00:00Z"),
    ("uri", "x y"),
    ("date", "2026-02-30"),
    ("time", "25:00"),
    ("email", "x"),
    ("duration", "soon"),
)


def accepts(format, value):
    try:
        return Param(value, type="string", format=format).resolve() == value
    except ParamValidationError:
        return False


seen = [value for format, value in values if accepts(format, value)]
print("accepted:", seen)
assert seen == sys.argv[1:], seen
PYTHON
export AIRFLOW_HOME=$folder/airflow
"$folder/venv/bin/python" "$folder/accepted.py" rubbish 2026-13-45T99:00:00Z "x y"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rfc3339-validator==0.1.4
"$folder/venv/bin/python" "$folder/accepted.py" "x y"
