"""Paths in an export file: folders, with and without dates, and tables below them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from customer_match.date_templates import check_template, is_template, sample
from customer_match.export.values import Text
from customer_match.storage.location import Location

__all__ = ["DatedRoot", "Root", "TablePath"]


_SECRET = re.compile(r"[?&;](?:sig|se|sv|sp)=|AccountKey=|SharedAccess|://[^/@]*:[^/@]*@", re.IGNORECASE)


def _root(value: str) -> str:
    _reject_secrets_and_variables(value)
    return _url(value) if "://" in value else value.rstrip("/") or "/"


def _dated_root(value: str) -> str:
    if not is_template(value):
        return _root(value)
    _root(sample(check_template(value)))
    whole_url = "://" in value
    if "/" not in (value.split("://", 1)[1] if whole_url else value).split("{", 1)[0]:
        raise ValueError("starts with a template. Write the container or the first folder as plain text")
    return value.rstrip("/")


def _table_path(value: str) -> str:
    form = sample(check_template(value)) if is_template(value) else value
    if "://" not in form and ".." in form.split("/"):
        raise ValueError("points outside the source's root. Write a path below the root, or a full URL")
    if "://" in value:
        return _dated_root(value)
    whole = _root(form)
    return value.rstrip("/") if is_template(value) else whole


def _reject_secrets_and_variables(value: str) -> None:
    if _SECRET.search(value):
        raise ValueError("contains a secret. Remove it from this file and keep it in the Airflow connection")
    if value.startswith("~") or re.search(r"\$\{|\$[A-Za-z]|\{\{", value):
        raise ValueError("contains a variable, and variables are not replaced here. Write the actual folder")


def _url(value: str) -> str:
    location = Location.of(value)
    if not location.is_local and ("?" in value or "#" in value):
        raise ValueError("contains a `?` or `#`, which a folder must not. Write only the folder")
    as_written = location.is_local or (value.startswith(("abfs://", "abfss://")) and not location.is_onelake)
    return value.rstrip("/") if as_written else location.url


Root = Annotated[Text, AfterValidator(_root)]
DatedRoot = Annotated[Text, AfterValidator(_dated_root)]
TablePath = Annotated[Text, AfterValidator(_table_path)]
