"""Each problem of an export file is reported once, with its line, its key and a remedy, and without secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_match.export.loading import BrokenExport, InvalidExport, load_export, load_files
from customer_match.export.model import Export
from tests.customer_match.export.samples import file_text, refusal, save

LONG = "x" * 141


DIGEST = "0123456789abcdef" * 4


CASES: list[tuple[dict[str, str | None], str]] = [
    # Keys
    ({"email": None}, "autumn.yaml, email: missing. Name of the column that holds the e-mail address"),
    ({"cid": None}, "autumn.yaml, cid: missing. Customer id at Microsoft Advertising"),
    ({"source": "{format: csv}"}, "autumn.yaml, line 3, source.root: missing."),
    ({"schedul": "none"}, "autumn.yaml, line 6, schedul: unknown key. Did you mean `schedule`?"),
    ({"vanished": "drop"}, "line 6, vanished: must be one of keep, empty, delete, but is the text 'drop'."),
    ({"guards": "{max_vanished: 2}"}, "line 6, guards.max_vanished: must be at most 1, but is the number 2."),
    ({"normalization": "basic"}, "line 6, normalization: unknown key. Did you mean `normalisation`?"),
    ({"customer_id": "1"}, "line 6, customer_id: unknown key. Did you mean `cid`?"),
    (
        {"max_removed": "0.1"},
        "line 6, max_removed: this key belongs to another section. Move it to `guards`.",
    ),
    ({"guards": "{retries: 1}"}, "line 6, guards.retries: this key belongs to the top level. Move it there."),
    ({"zzz": "1"}, "line 6, zzz: unknown key. Remove it, or use one of: name, title"),
    ({"source": "{root: lake, Format: csv}"}, "line 3, source.Format: unknown key. Did you mean `format`?"),
    ({"filter": "a"}, "line 6, filter: unknown key. Did you mean `where`?"),
    ({"key": "Id"}, "line 6, key: unknown key. Did you mean `row_key`?"),
    ({"email": "{columns: A, column: B}"}, "line 5, email.column: unknown key. Did you mean `columns`?"),
    ({"email": "{take: all}"}, "line 5, email.columns: missing. Name of one or more columns"),
    ({"consent": "{column: A}"}, "line 6, consent.allow: missing. Values that mean consent"),
    # Types
    ({"title": "[a]"}, "line 6, title: must be text, but is a list. Write, for example, `title: Autumn"),
    ({"name": "2024"}, "line 6, name: must be text, but is the number 2024. Put it in quotes."),
    ({"owner": "true"}, "line 6, owner: must be text, but is true. Put it in quotes."),
    ({"retries": "many"}, "line 6, retries: must be a whole number, but is the text 'many'. Write, for"),
    ({"retries": "true"}, "line 6, retries: must be a whole number, but is true."),
    ({"retries": "1.5"}, "line 6, retries: must be a whole number, but is the number 1.5."),
    (
        {"retries": ""},
        "line 6, retries: has no value. Write, for example, `retries: 3`, or remove the key (defau",
    ),
    ({"email": ""}, "line 5, email: has no value. Write, for example, `email: Email`."),
    ({"email": "[A, B, A]"}, "line 5, email[2]: is listed twice. Remove one of them."),
    (
        {"email": "[A, ann@contoso.com]"},
        "line 5, email[1]: is an e-mail address. Write the name of a column",
    ),
    ({"email": "{columns: []}"}, "line 5, email.columns: is an empty list. Write at least one item."),
    (
        {"email": "{columns: A, take: first}"},
        "line 5, email.take: must be one of coalesce, all, but is the text",
    ),
    (
        {"email": "{columns: A, separator: ''}"},
        "line 5, email.separator: must be one to eight characters that do not",
    ),
    (
        {"email": "{columns: A, separator: '.'}"},
        "line 5, email.separator: must be one to eight characters that do not",
    ),
    (
        {"email": "{columns: A, separator: ' or '}"},
        "line 5, email.separator: must be one to eight characters that do not",
    ),
    ({"where": "''"}, "line 6, where: is empty. Write a condition, or remove the key."),
    ({"where": '"a = 1\\0"'}, "line 6, where: contains a control character."),
    ({"where": f"a = '{'x' * 4000}'"}, "line 6, where: is longer than 4000 characters (4006)."),
    ({"where": "Email <> 'ann@contoso.com'"}, "line 6, where: contains an address or a digest"),
    ({"where": "Email LIKE 'ann@%'"}, "line 6, where: contains an address or a digest"),
    ({"where": f"Hash = '{DIGEST}'"}, "line 6, where: contains an address or a digest"),
    ({"where": "[a]"}, "line 6, where: must be text, but is a list."),
    ({"consent": "yes"}, "line 6, consent: must be a mapping, but is the text 'yes'."),
    ({"consent": "{column: A, allow: []}"}, "line 6, consent.allow: is an empty list."),
    (
        {"consent": "{column: A, allow: [x, null]}"},
        "line 6, consent.allow[1]: must be text, a number, true or fal",
    ),
    (
        {"consent": "{column: A, allow: [' ']}"},
        "line 6, consent.allow[0]: must be text, a number, true or false.",
    ),
    ({"consent": "{column: a@b.co, allow: x}"}, "line 6, consent.column: is an e-mail address."),
    ({"suppress": "7"}, "line 6, suppress: must be a list"),
    (
        {"profiles": "{key: Id}"},
        "line 6, profiles: must have either `table` or `path`, and only one of them.",
    ),
    ({"profiles": "{table: A, path: b}"}, "line 6, profiles: must have either `table` or `path`"),
    ({"profiles": "{table: A, kye: b}"}, "line 6, profiles.kye: unknown key. Did you mean `key`?"),
    ({"customers": "A"}, "line 6, customers: unknown key. Did you mean `profiles`?"),
    ({"memberships": "A"}, "line 6, memberships: unknown key. Did you mean `membership`?"),
    ({"membership": "M"}, "line 6, membership: needs `profiles`. Name the table that holds the addresses."),
    (
        {"profiles": "A", "membership": "{segments: S}"},
        "line 7, membership.segments: applies only to one table of all segments. Name that table as `table`.",
    ),
    (
        {"profiles": "A", "membership": "{table: M, path: m}"},
        "line 7, membership.path: cannot be combined with `table`. Remove one of them.",
    ),
    (
        {"segments": "[{table: G, path: g}]", "profiles": "A", "membership": "M"},
        "line 4, segments[0].path: is only for a segment with its own table, but",
    ),
    (
        {"segments": "[A, B]", "profiles": "B"},
        "line 4, segments[1]: is the table of all `profiles`.",
    ),
    (
        {"suppress": "[7]"},
        "line 6, suppress[0]: must be the name or path of a suppression list, or a mapping.",
    ),
    (
        {"suppress": "{email: A}"},
        "line 6, suppress: must have either `table` or `path`, and only one of them.",
    ),
    (
        {"suppress": "{table: A, path: a}"},
        "line 6, suppress: must have either `table` or `path`, and only one of them.",
    ),
    ({"suppress": "{table: A, email: a@b.co}"}, "line 6, suppress.email: is an e-mail address."),
    (
        {"suppress": "{table: A, email: {columns: [B, B]}}"},
        "line 6, suppress.email.columns[1]: is listed twice.",
    ),
    ({"suppress": "{path: ../a}"}, "line 6, suppress.path: points outside the source's root."),
    ({"suppress": "[A, {path: '../a'}]"}, "line 6, suppress[1].path: points outside the source's root."),
    ({"segments": "[A, B]", "suppress": "B"}, "line 4, segments[1]: is also a suppression list, which"),
    (
        {"suppress": "{path: a, source: 'abfs://lake/x'}"},
        "line 6, suppress.source: the connection is missing.",
    ),
    ({"row_key": "email"}, "line 6, row_key: is an e-mail column, and addresses must not be listed."),
    ({"row_key": "a@b.co"}, "line 6, row_key: is an e-mail address."),
    ({"source": "[lake]"}, "line 3, source: must be a mapping, but is a list."),
    ({"source": ""}, "line 3, source: has no value."),
    ({"guards": "off"}, "line 6, guards: must be a mapping, but is the text 'off'."),
    (
        {"guards": "{allow_empty: yes}"},
        "line 6, guards.allow_empty: must be true or false, but is the text 'yes'.",
    ),
    ({"guards": "{max_removed: '0,5'}"}, "guards.max_removed: must be a number, but is the text '0,5'."),
    ({"segments": "{table: A}"}, "line 4, segments: must be a list, but is a mapping."),
    ({"segments": "[2024]"}, "line 4, segments[0]: must be a mapping or the name of a table"),
    ({"segments": "[[A]]"}, "line 4, segments[0]: must be a mapping or the name of a table"),
    ({"tags": "[1]"}, "line 6, tags[0]: must be text, but is the number 1. Put it in quotes."),
    # Bounds
    ({"guards": "{max_removed: 50}"}, "line 6, guards.max_removed: must be at most 1, but is the number 50."),
    ({"guards": "{max_rejected: -0.1}"}, "guards.max_rejected: must be at least 0, but is the number -0.1."),
    (
        {"guards": "{max_removed_members: 0.5}"},
        "line 6, guards.max_removed_members: must be a whole number, but is the number 0.5.",
    ),
    (
        {"guards": "{max_removed_members: -1}"},
        "line 6, guards.max_removed_members: must be at least 0, but is the number -1.",
    ),
    (
        {"guards": "{max_refused: 1.1}"},
        "line 6, guards.max_refused: must be at most 1, but is the number 1.1.",
    ),
    (
        {"guards": "{max_emails_lost: much}"},
        "line 6, guards.max_emails_lost: must be a number, but is the text",
    ),
    (
        {"guards": "{max_profile_lost: 0.1}"},
        "guards.max_profile_lost: unknown key. Did you mean `max_profiles_l",
    ),
    ({"guards": "{max_age_hours: 0}"}, "guards.max_age_hours: must be more than 0, but is the number 0."),
    ({"route": "Apply"}, "line 6, route: must be"),
    ({"profiles_per_part": "0"}, "line 6, profiles_per_part: must be at least 1, but is the number 0."),
    ({"profiles_per_part": "4000001"}, "must be at most 4000000, but is the number 4000001."),
    ({"profiles_per_part": "9" * 300}, "but is a very long number."),
    ({"run_timeout_hours": "1e400"}, "line 6, run_timeout_hours: must be at most 87600"),
    ({"run_timeout_hours": "'6'"}, "line 6, run_timeout_hours: must be a number, but is the text '6'."),
    ({"membership_duration": "0"}, "line 6, membership_duration: must be between 1 and 390 days, or -1"),
    ({"membership_duration": "391"}, "must be between 1 and 390 days"),
    ({"membership_duration": "-2"}, "must be between 1 and 390 days"),
    # Choices
    (
        {"scope": "customer"},
        "scope: must be one of Customer, Account, but is the text 'customer'. Write `scope: Cu",
    ),
    ({"scope": ""}, "line 6, scope: has no value. Write, for example, `scope: Customer`, or remove the key"),
    (
        {"normalisation": "enhnced"},
        "must be one of basic, enhanced, both, but is the text 'enhnced'. Write `norma",
    ),
    ({"source": "{root: lake, format: Delta}"}, "source.format: must be one of auto, parquet, csv"),
    # Names and ids
    ({"name": "my export"}, "line 6, name: may contain only letters A to Z and a to z, digits"),
    ({"name": "ärger"}, "line 6, name: may contain only letters A to Z and a to z"),
    (
        {"name": "x" * 251},
        "line 6, name: is longer than the 250 characters that Airflow allows (251). Shorten it.",
    ),
    ({"name": "''"}, "line 6, name: is empty. Write a value"),
    ({"title": '"two\\nlines"'}, "line 6, title: contains a line break or another control character."),
    ({"title": '"\\ud800"'}, "line 6, title: contains half a character"),
    (
        {"tags": f"[{LONG}]"},
        "line 6, tags[0]: is longer than the 100 characters that Airflow allows (141). Shorten it.",
    ),
    ({"tags": "[a, b, a]"}, "line 6, tags[2]: is listed twice."),
    ({"cid": "012"}, "line 1, cid: must be a positive number in digits, without leading zeros."),
    ({"cid": "12 34"}, "line 1, cid: must be a positive number in digits"),
    ({"cid": "-5"}, "line 1, cid: must be a positive number in digits"),
    ({"cid": "true"}, "line 1, cid: must be a positive number in digits"),
    ({"aid": "9223372036854775808"}, "line 2, aid: must be a positive number in digits"),
    ({"aid": "F12345"}, "line 2, aid: must be a positive number in digits"),
    ({"aid": "١٢"}, "line 2, aid: must be a positive number in digits"),
    ({"connection": "'with space'"}, "line 6, connection: is not the id of an Airflow connection."),
    ({"connection": "https://x.y"}, "line 6, connection: is not the id of an Airflow connection."),
    # Schedules and dates
    ({"schedule": "'61 5 * * *'"}, "line 6, schedule: is not a schedule. Write five cron fields in quotes"),
    ({"schedule": "'0 5 * *'"}, "line 6, schedule: is not a schedule."),
    ({"schedule": "'0 0 5 * * *'"}, "line 6, schedule: is not a schedule."),
    ({"schedule": "'R 5 * * *'"}, "line 6, schedule: is not a schedule."),
    ({"schedule": "'0 0 31 2 *'"}, "line 6, schedule: is not a schedule."),
    ({"schedule": "'@fortnightly'"}, "line 6, schedule: is not a schedule."),
    ({"schedule": "daily"}, "line 6, schedule: is not a schedule."),
    ({"schedule": "''"}, "line 6, schedule: is not a schedule."),
    ({"schedule": "5"}, "line 6, schedule: must be text, but is the number 5."),
    ({"start_date": "2026"}, "line 6, start_date: is not a date of this century. Write"),
    ({"start_date": "01.02.2026"}, "line 6, start_date: is not a date of this century. Write year"),
    ({"start_date": "2026-02-30"}, "line 6, start_date: is not a date"),
    ({"start_date": "0001-01-01"}, "line 6, start_date: is not a date"),
    ({"start_date": "'1767225600'"}, "line 6, start_date: is not a date"),
    ({"start_date": ""}, "line 6, start_date: is not a date"),
    ({"timezone": "Berlin"}, "line 6, timezone: is not a known time zone."),
    ({"timezone": "../../etc/passwd"}, "line 6, timezone: is not a known time zone."),
    ({"timezone": "Europe"}, "line 6, timezone: is not a known time zone."),
    # Places
    ({"source": "abfs://lake/x"}, "line 3, source: the connection is missing. Write the id of the Airflow"),
    ({"source": "{root: 'abfs://lake/x'}"}, "line 3, source.connection: the connection is missing."),
    (
        {"source": "{root: lake, connection: lake}"},
        "source.connection: is set, but the root is a local folder.",
    ),
    (
        {"source": "{root: 'abfs://Lake/x', connection: c}"},
        "source.root: is not a valid location: container names have 3 to 63",
    ),
    (
        {"source": "{root: 'abfs:///x', connection: c}"},
        "source.root: is not a valid location: container names have 3 to 63",
    ),
    ({"source": "https://acme.blob.core.windows.net/lake"}, "line 3, source: the connection is missing."),
    ({"source": "https://acme.example/x"}, "line 3, source: is a web address, but not one of Azure storage."),
    ({"source": "memory://bucket/x"}, "line 3, source: is the memory of one process"),
    ({"source": "'s3://bucket/x?versionId=7'"}, "line 3, source: contains a `?` or `#`"),
    (
        {
            "workspace": "{connection: lake, "
            "root: 'abfss://Sales@onelake.dfs.fabric.microsoft.com/Crm.Lakehouse/Files/x'}"
        },
        "line 6, workspace: must be in an Azure storage account or",
    ),
    (
        {"source": "{root: 'abfss://Sales EU@onelake.dfs.fabric.microsoft.com/Crm', connection: c}"},
        "source.root: is not a valid location in OneLake: the item has no type",
    ),
    ({"workspace": "s3://bucket/x"}, "line 6, workspace: must be in an Azure storage account or"),
    (
        {"source": "s3://bucket/x", "segments": "[{table: A, path: 'gs://bucket/x'}]"},
        "segments[0].path: is not in the same storage as the source.",
    ),
    (
        {"segments": "[{table: A, path: 's3://bucket/x'}]"},
        "segments[0].path: is not in the same storage as the source.",
    ),
    ({"source": "file://relative"}, "line 3, source: is not a valid location."),
    ({"source": "${LAKE}/x"}, "line 3, source: contains a variable"),
    (
        {"source": "'lake/{{ var.value.lake }}'"},
        "line 3, source: uses the name `var`, which is not available in paths. Available: ds, ds_nodash, ts,",
    ),
    (
        {"source": "'lake/{{ ds_nodahs }}'"},
        "line 3, source: uses the name `ds_nodahs`, which is not available in paths. Did",
    ),
    ({"source": "'{{ ds }}/lake'"}, "line 3, source: starts with a template"),
    ({"source": "'lake/{{ ds }'"}, "line 3, source: is not a valid template"),
    (
        {"source": "'lake/{% if ds %}x{% endif %}'"},
        "line 3, source: uses template syntax that is not allowed",
    ),
    ({"source": "'lake/{{ ds | upper }}'"}, "line 3, source: uses the filter `upper`"),
    ({"source": "'lake/{{ ds.__class__ }}'"}, "line 3, source: uses the attribute `__class__`"),
    ({"source": "'lake/{{ macros.ds_add(ds) }}'"}, "line 3, source: is a template that cannot be rendered"),
    ({"workspace": "'work/{{ ds }}'"}, "workspace: contains a variable, and variables are not replaced here"),
    ({"source": "~/lake"}, "line 3, source: contains a variable"),
    ({"workspace": "lake/workspace"}, "line 6, workspace: is inside the source, where a pattern"),
    ({"workspace": "./lake"}, "line 6, workspace: is inside the source, where a pattern"),
    (
        {"segments": "[{table: Gold, path: in/Gold}]", "workspace": "lake/in/Gold/ws"},
        "line 6, workspace: is inside the table 'Gold'",
    ),
    # Segments
    ({"segments": "[]"}, "line 4, segments: is an empty list. Write at least one item."),
    ({"segments": "[all]"}, "line 4, segments[0]: cannot be an item of a list. Write `segments: all`"),
    ({"segments": "[A, '']"}, "line 4, segments[1]: is empty."),
    ({"segments": "[A, {audience: x}]"}, "line 4, segments[1].table: missing."),
    ({"segments": "[A, a]"}, "segments[1]: has the same audience as segments[0], 'a'"),
    (
        {"segments": "[A, {table: B, audience: ａ}]"},
        "segments[1].audience: has the same audience as segments[0]",
    ),
    (
        {"segments": f"[{LONG}]"},
        "line 4, segments[0]: is longer than the 128 characters that Microsoft",
    ),
    (
        {"segments": f"\n- A\n- table: B\n  audience: {LONG}"},
        "line 7, segments[1].audience: is longer than the 128 characters that Microsoft Advertising allows (141).",
    ),
    (
        {"segments": f"[{'😀' * 65}]"},
        "line 4, segments[0]: is longer than the 128 characters that Microsoft Advertising allows (130).",
    ),
    (
        {"segments": "[{table: 'G*', audience: x}]"},
        "segments[0].audience: applies to one table, but the pattern",
    ),
    ({"segments": "[{table: 'G*', audience_id: 7}]"}, "segments[0].audience_id: applies to one table, but"),
    (
        {"segments": "[{table: A, audience_id: x}]"},
        "segments[0].audience_id: must be a positive number in digits",
    ),
    ({"segments": "[{table: A, audience_id: 07}]"}, "Copy it from the output of `customer-match audiences`"),
    (
        {"segments": "[{table: A, audience_id: 7}, B, {table: C, audience_id: '7'}]"},
        "segments[2].audience_id: is also the id of segments[0]. Give each segment its own audience.",
    ),
    ({"segments": "[{table: 'G*', path: x}]"}, "segments[0].path: applies to one table, but the pattern"),
    ({"segments": "[{table: A, path: ../x}]"}, "segments[0].path: points outside the source's root."),
    (
        {"segments": "[{table: A, path: 'abfs://lake/x'}]"},
        "segments[0].path: is not in the same storage as the source.",
    ),
    (
        {"segments": "[A, {table: B, audience: Ann ann@contoso.com}]"},
        "line 4, segments[1].audience: contains an e-mail address, but the names of audiences are shown at Microsoft",
    ),
    (
        {"segments": "[A, p=ann@contoso.com]"},
        "line 4, segments[1]: contains an e-mail address, but the names of",
    ),
    # What Airflow keeps
    (
        {"name": "ann_x0040_contoso.com"},
        "line 6, name: contains an e-mail address, and Airflow stores and shows",
    ),
    ({"title": "Of ann@contoso.com"}, "line 6, title: contains an e-mail address"),
    ({"description": "Ask ann@contoso.com."}, "line 6, description: contains an e-mail address"),
    ({"owner": "ann@contoso.com"}, "line 6, owner: contains an e-mail address"),
    ({"tags": "[a, ann@contoso.com]"}, "line 6, tags[1]: contains an e-mail address"),
    ({"connection": "ann_x0040_contoso.com"}, "line 6, connection: contains an e-mail address"),
    ({"consent": "{column: A, allow: [x, ann@contoso.com]}"}, "line 6, consent.allow[1]: contains an e-mail"),
    ({"where": "Email <> 'ann%40contoso.com'"}, "line 6, where: contains an address or a digest"),
    ({"email": "ann%40contoso.com"}, "line 5, email: is an e-mail address."),
    # E-mail
    ({"email": "[]"}, "line 5, email: is an empty list. Write at least one item."),
    ({"email": "[Email, Email]"}, "line 5, email[1]: is listed twice."),
    ({"email": "jane@example.com"}, "line 5, email: is an e-mail address. Write the name of a column"),
    ({"email": "[Email, jane@example.com]"}, "line 5, email[1]: is an e-mail address."),
    # YAML
    ({"title": "@x"}, "autumn.yaml, line 6: not YAML: the value of `title` starts with a character that"),
    (
        {"cid": "1\ncid: 2"},
        "autumn.yaml, line 2, cid: is a duplicate of the key in line 1. Remove one of them.",
    ),
    ({"title": "!secret x"}, "autumn.yaml, line 6, title: has a YAML tag"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("keys", "message"), CASES)
def test_a_mistake_is_reported_once_with_line_key_and_remedy(
    tmp_path: Path, keys: dict[str, str | None], message: str
) -> None:
    error = refusal(tmp_path, file_text(**keys))
    assert message in str(error)
    assert len(error.problems) == 1, str(error)


@pytest.mark.parametrize(
    "keys",
    [
        {"segments": "[{table: p=ann@contoso.com, audience: Ann}]"},
        {"segments": "[{table: A, path: p=ann%40contoso.com}]"},
        {"source": "lake/ann@contoso.com"},
        {"title": "Sales @ work"},
        {"segments": "[{table: A, audience: Team@Home}]"},
        {
            "description": "From abfs://lake@account.dfs.core.windows.net and https://x.example/@team/page.html."
        },
        {"where": "Email NOT LIKE '%@contoso.com' AND Score LIKE '%40%'"},
        {"where": "Score=40 OR Score=40.55"},
    ],
)
def test_tables_and_paths_may_contain_addresses_and_an_at_sign_alone_is_none(
    tmp_path: Path, keys: dict[str, str]
) -> None:
    load_export(save(tmp_path, file_text(**keys)))


CONDITIONS = [
    (
        "Country = 'DE",
        "cannot be parsed at line 1, column 11: the closing ' is missing for what begins there. It may compare",
    ),
    (
        "Country =",
        "cannot be parsed at line 1, column 9: something is missing after it. It may compare",
    ),
    ("SOUNDEX(Name) = 'A500'", "is not supported: the function SOUNDEX. It may compare"),
    (
        "Id IN (SELECT Id FROM other)",
        "is not supported: it reads another table, and sub-queries are not allowed. It may compare",
    ),
    ("Score = MAX(Score)", "uses something that cannot be evaluated row by row"),
    ("1 = 1", "names no column, so it would keep all rows or none."),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("condition", "message"), CONDITIONS)
def test_an_invalid_condition_is_reported_with_its_line(tmp_path: Path, condition: str, message: str) -> None:
    path = save(tmp_path, file_text(where=json.dumps(condition)))
    [result] = load_files([path], parse_conditions=True)
    assert isinstance(result, BrokenExport)
    [problem] = result.error.problems
    assert (problem.line, problem.key) == (6, "where")
    assert message in result.error_message
    assert "export file" not in result.error_message
    assert result.error_message.endswith(".")
    assert not result.error_message.endswith("..")


@pytest.mark.bad_input
def test_an_invalid_condition_is_reported_with_other_mistakes(tmp_path: Path) -> None:
    path = save(tmp_path, file_text(where="a =", retries="-1", scope="customer"))
    [result] = load_files([path], parse_conditions=True)
    assert isinstance(result, BrokenExport)
    assert [problem.key for problem in result.error.problems] == ["where", "retries", "scope"]


@pytest.mark.bad_input
def test_all_mistakes_are_reported_at_once_in_the_files_order(tmp_path: Path) -> None:
    error = refusal(
        tmp_path,
        file_text(cid="x", email=None, guards="{max_removed: 2, typo: 1}", title="a\ntitle: b", retries="-1"),
    )
    assert [(problem.line, problem.key) for problem in error.problems] == [
        (None, "email"),
        (1, "cid"),
        (5, "guards.max_removed"),
        (5, "guards.typo"),
        (7, "title"),
        (8, "retries"),
    ]
    assert str(error).count("\n") == 5


@pytest.mark.bad_input
def test_a_file_name_that_can_be_no_dag_id_asks_for_a_name(tmp_path: Path) -> None:
    path = save(tmp_path, file_text(), "my export.yaml")
    with pytest.raises(InvalidExport, match="name: missing, and the file's name cannot replace it"):
        load_export(path)
    assert load_export(save(tmp_path, file_text(name="mine"), "my export.yaml")).name == "mine"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "keys",
    [
        {"connection": "SECRETabc~123456789/+=="},
        {"connection": "'my SECRETabc'"},
        {"source": "'abfs://lake/x?sv=2024&sig=SECRETabc'"},
        {"source": "'DefaultEndpointsProtocol=https;AccountKey=SECRETabc;'"},
        {"source": "'https://user:SECRETabc@host/x'"},
        {"source": "{root: 'abfs://user:SECRETabc@host/x', connection: c}"},
        {"password": "SECRETabc"},
        {"retries": "SECRETabc~1234567890123456"},
        {"retries": "SECRETabc1234567890123456"},
        {"cid": "SECRETabc"},
        {"scope": "SECRETabc~1234567890123456"},
        {"timezone": "SECRETabc"},
        {"schedule": "SECRETabc"},
        {"email": "SECRETabc@example.com"},
        {"SECRETabc@example.com": "1"},
        {"title": "SECRETabc@example.com"},
        {"segments": "[SECRETabc@example.com]"},
        {"segments": "[{table: A, audience: SECRETabc%40example.com}]"},
        {"title": "'SECRETabc"},
    ],
)
def test_what_may_be_a_secret_or_an_address_is_not_repeated(tmp_path: Path, keys: dict[str, str]) -> None:
    error = refusal(tmp_path, file_text(**keys))
    assert "SECRETabc" not in str(error)
    assert "SECRETabc" not in repr(error)
    assert error.__cause__ is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


KEYS = st.sampled_from([*Export.model_fields, "other"])


JARGON = ("Input should", "validation error", "pydantic", "type=", "Value error", "dict", "str_", "NoneType")


@pytest.mark.slow
@pytest.mark.bad_input
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, JSON, min_size=1, max_size=3))
def test_no_message_contains_jargon(tmp_path: Path, keys: dict[str, Any]) -> None:
    content = file_text(**{key: json.dumps(value) for key, value in keys.items()})
    (result,) = load_files([save(tmp_path, content)])
    if isinstance(result, BrokenExport):
        messages = [problem.message for problem in result.error.problems]
        assert messages
        assert not any(word in message for message in messages for word in JARGON), messages
        assert not any(message.startswith("is not valid") for message in messages), messages
