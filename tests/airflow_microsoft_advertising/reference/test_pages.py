"""Pages that are generated from the code are up to date and complete."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version

import pytest

from airflow_microsoft_advertising.customer_match import CustomerMatchUploadOperator
from airflow_microsoft_advertising.provider_info import get_provider_info
from airflow_microsoft_advertising.reference.__main__ import PAGES
from airflow_microsoft_advertising.reference.commands import commands
from airflow_microsoft_advertising.reference.markdown import table
from airflow_microsoft_advertising.reference.operator import arguments
from customer_match.project import PROJECT

LOCKED = re.findall(r"(?m)^typer==(\S+)", (PROJECT / "requirements.txt").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    if name == "commands.md" and version("typer") not in LOCKED:
        pytest.skip("other versions of typer write kinds of values differently")
    written = (PROJECT / "docs" / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run `python -m airflow_microsoft_advertising.reference`"


def test_every_command_is_listed_and_described() -> None:
    page = PAGES["commands.md"]()
    names = dict(commands())
    assert {"customer-match run", "customer-match ledger show", "customer-match audit verify"} <= names.keys()
    for name, command in names.items():
        assert f"## {name}\n\n{command.help.split('.')[0]}"[:60] in page
        for parameter in command.params:
            assert parameter.help or parameter.hidden, f"{name}: {parameter.name}"


def test_every_argument_of_the_operator_is_listed() -> None:
    taken = inspect.signature(CustomerMatchUploadOperator.__init__).parameters
    assert sorted(arguments()) == sorted(taken.keys() - {"self", "kwargs"})


def test_templated_arguments_are_those_of_the_operator() -> None:
    templated = {name for name, meaning in arguments().items() if "(templated)" in meaning}
    attributes = {"email": "email_columns", "dry_run": "without_sending"}
    assert {attributes.get(name, name) for name in templated} == set(
        CustomerMatchUploadOperator.template_fields
    )


def test_every_field_of_the_connection_has_a_meaning() -> None:
    (connection,) = get_provider_info()["connection-types"]
    page = PAGES["connection-fields.md"]()
    for name, field in connection["conn-fields"].items():
        assert field["description"], name
        assert f"| `{name}` | {field['label']} | {field['description']} |" in page


def test_cells_of_a_table_are_in_one_line() -> None:
    assert table(["a", "b"], [("x | y", "two\nlines")]) == "| a | b |\n| --- | --- |\n| x \\| y | two lines |"
