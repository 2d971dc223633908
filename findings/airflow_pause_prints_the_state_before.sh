#!/usr/bin/env bash
# `airflow dags pause` and `airflow dags unpause` print the state that the DAG had before.
#
# apache-airflow-core 3.3.2, apache-airflow-task-sdk 1.3.2, SQLite, Python 3.11. `unpause` changes the DAG, exits 0, and
# reports `is_paused` "True"; `pause` reports "False". `airflow dags details` tells the new state. With `--output json`
# the values are texts, of which both count as true in Python and JavaScript. So a script that reads the answer to make
# sure concludes that nothing has changed, and may change it back.
# Seen on 2026-11-30: unpause: True, then details: False; pause: False, then details: True.
#
# Installs about 130 packages (300 MB), which apache-airflow-core needs. No server is started.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2
mkdir "$folder/dags"
printf '%s\n' 'from airflow.sdk import DAG' 'mine = DAG("mine", schedule=None)' >"$folder/dags/mine.py"
export AIRFLOW_HOME=$folder/airflow AIRFLOW__CORE__DAGS_FOLDER=$folder/dags AIRFLOW__CORE__LOAD_EXAMPLES=False
airflow() { "$folder/venv/bin/airflow" "$@" 2>>"$folder/errors"; }
airflow db migrate >/dev/null
airflow dags reserialize >/dev/null
is_paused() {
  airflow dags "$1" mine --output json | tail -n 1 |
    "$folder/venv/bin/python" -c 'import json, sys; print(json.load(sys.stdin)[0]["is_paused"])'
}
seen="$(is_paused details) | $(is_paused unpause) $(is_paused details) | $(is_paused pause) $(is_paused details)"
echo "details | unpause, details | pause, details: $seen"
[ "$seen" = "True | True False | False True" ]
