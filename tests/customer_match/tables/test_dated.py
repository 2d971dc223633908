"""The newest dated folder of a run, and the nearest days where one has none."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_match.date_templates import RunDates, parse_latest, render
from customer_match.tables.dated import nearest_days, newest_dated
from customer_match.tables.table import TableMissing

LOCAL = LocalFileSystem()
NOON = RunDates.at(datetime(2026, 5, 10, 12, tzinfo=UTC), timezone="Asia/Tokyo")


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).mkdir(parents=True)


def newest(root: Path, template: str, dates: RunDates = NOON) -> str:
    latest = parse_latest(render(template, dates))
    assert latest
    found = newest_dated(LOCAL, str(root / latest.folder), latest, dates, template)
    return str(Path(found).relative_to(root))


def test_the_newest_folder_up_to_the_runs_moment(tmp_path: Path) -> None:
    make(tmp_path, "2026-05-08", "2026-05-10", "2026-05-11", "latest", "2026-5-9", "2026-05-09.bak")
    assert newest(tmp_path, "{{ latest }}") == "2026-05-10"


def test_names_count_only_to_the_letter(tmp_path: Path) -> None:
    make(tmp_path, "2026-05-08", "2026-5-9", "2026-05-9")
    assert newest(tmp_path, "{{ latest }}") == "2026-05-08"


def test_over_several_folders_the_newest_that_is_there(tmp_path: Path) -> None:
    make(tmp_path, "t/2025/12/31/Gold", "t/2026/05/11/Gold", "t/2026/05/10", "t/2026/06/01", "t/2027/01/01")
    make(tmp_path, "t/2026/04/x")
    assert newest(tmp_path, "t/{{ latest('%Y/%m/%d') }}/Gold") == "t/2026/05/10/Gold"
    (tmp_path / "t/2026/05/10").rmdir()
    assert newest(tmp_path, "t/{{ latest('%Y/%m/%d') }}/Gold") == "t/2025/12/31/Gold"


def test_files_count_only_at_the_end(tmp_path: Path) -> None:
    make(tmp_path, "2026-05-01")
    (tmp_path / "2026-05-02").write_text("")
    assert newest(tmp_path, "{{ latest }}/Gold") == "2026-05-01/Gold"
    assert newest(tmp_path, "{{ latest }}") == "2026-05-02"


def test_a_format_whose_day_comes_first(tmp_path: Path) -> None:
    make(tmp_path, "dt=01.05.2026", "dt=30.04.2026")
    assert newest(tmp_path, "dt={{ latest('%d.%m.%Y') }}") == "dt=01.05.2026"


def test_an_interval_does_not_hold_the_folder_of_its_end(tmp_path: Path) -> None:
    make(tmp_path, "2026-05-09", "2026-05-10")
    end = datetime(2026, 5, 10, tzinfo=UTC)
    day = RunDates(end - timedelta(days=1), end, end - timedelta(days=1))
    assert newest(tmp_path, "{{ latest }}", day) == "2026-05-09"
    assert newest(tmp_path, "{{ latest }}", RunDates.at(end)) == "2026-05-10"


def test_local_dates_begin_by_the_exports_clock(tmp_path: Path) -> None:
    make(tmp_path, "2026-05-10", "2026-05-11")
    late = RunDates.at(datetime(2026, 5, 10, 16, tzinfo=UTC), timezone="Asia/Tokyo")  # the 11th there
    assert newest(tmp_path, "{{ latest }}", late) == "2026-05-10"
    assert newest(tmp_path, "{{ latest(local=true) }}", late) == "2026-05-11"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["2026-05-11", "2026-05-12"], "the first one is '2026-05-11'"),
        (["other"], "there is none at all"),
        ([], "there is none at all"),
    ],
)
def test_where_there_is_none_the_message_says_what_there_is(
    tmp_path: Path, paths: list[str], words: str
) -> None:
    make(tmp_path, *paths)
    with pytest.raises(TableMissing, match=f"2026-05-10 12:00 UTC, .*; {words}"):
        newest(tmp_path, "{{ latest }}")


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sets(st.dates(date(2026, 4, 1), date(2026, 6, 30)), max_size=6),
    st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y/%m-%d", "%d%m%Y"]),
)
def test_as_by_hand(tmp_path_factory: pytest.TempPathFactory, days: set, form: str) -> None:  # type: ignore[type-arg]
    root = tmp_path_factory.mktemp("lake")
    make(root, *(day.strftime(form) for day in days))
    wanted = max((day for day in days if day <= NOON.end.date()), default=None)
    template = f"{{{{ latest('{form}') }}}}"
    if wanted is None:
        with pytest.raises(TableMissing):
            newest(root, template)
    else:
        assert newest(root, template) == wanted.strftime(form)


def test_the_nearest_days(tmp_path: Path) -> None:
    make(tmp_path, "2026-05-01/Gold", "2026-05-08/Gold", "2026-05-09", "2026-05-12/Gold", "2026-05-20/Gold")

    def path_of(shift: int) -> str:
        return render(f"{tmp_path}/{{{{ ds }}}}/Gold", NOON.shifted(shift))

    earlier, later = nearest_days(LOCAL, path_of)
    assert earlier == f"{tmp_path}/2026-05-08/Gold"
    assert later == f"{tmp_path}/2026-05-12/Gold"
    assert nearest_days(LOCAL, path_of, days=1) == (None, None)


def test_a_path_that_is_the_same_for_days_looks_beyond_them(tmp_path: Path) -> None:
    make(tmp_path, "2026-03")

    def path_of(shift: int) -> str:
        return render(f"{tmp_path}/{{{{ logical_date.strftime('%Y-%m') }}}}", NOON.shifted(shift))

    assert nearest_days(LOCAL, path_of) == (f"{tmp_path}/2026-03", None)


def test_no_folder_at_all(tmp_path: Path) -> None:
    assert nearest_days(LOCAL, lambda shift: f"{tmp_path}/none/{shift}") == (None, None)
    assert not re.search("none", str(list(tmp_path.iterdir())))
