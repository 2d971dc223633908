"""Messages for what pydantic finds wrong in an export: where, what, and what to write instead.

Messages repeat a wrong value only if it is short and plain: a longer one may be a secret, and one with an `@` an
address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from customer_match.export.base import Faults, KeyPath
from customer_match.export.reference_page import FIELDS, Keys, children, default_text, example_text
from customer_match.export.yaml_document import Document, Problem, key_text

__all__ = ["path_in_file", "problems_of"]

_TITLE_OF_A_WRONG_NAME: Final = "default_factory_not_called"


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """Every problem of a document that is not a valid Export, in the order of the file, including those of its YAML."""
    problems = list(document.problems)
    reported = {problem.key for problem in problems}
    for path, message in _faults(error):
        written = path_in_file(path, document.values)
        if key_text(written) not in reported:  # a problem of the YAML needs no second message
            problems.append(
                Problem(document.line(written), key_text(written), _about_name(path, message, document))
            )
    return sorted(problems, key=lambda problem: problem.line or 0)


def _faults(error: ValidationError) -> Iterator[tuple[KeyPath, str]]:
    for details in error.errors(include_url=False):
        cause = details.get("ctx", {}).get("error")
        if isinstance(cause, Faults):
            yield from (((*details["loc"], *path), message) for path, message in cause.faults)
        elif cause is not None:
            yield details["loc"], str(cause)
        elif details["type"] != _TITLE_OF_A_WRONG_NAME:
            yield details["loc"], _describe(details)


def path_in_file(path: KeyPath, values: object) -> KeyPath:
    """The part of a path that the file has: `email` if it is a single column instead of a mapping with a list."""
    written: list[str | int] = []
    for step in path:
        if not isinstance(values, dict | list):
            break
        if isinstance(values, list) != isinstance(step, int):
            continue  # short form: a list instead of its mapping, or one item instead of a list
        values = values.get(step) if isinstance(values, dict) else values[int(step)]
        written.append(step)
    return tuple(written)


def _about_name(path: KeyPath, message: str, document: Document) -> str:
    if path == ("name",) and "name" not in (document.values or {}):
        return f"missing, and the file's name cannot replace it: it {message}"
    return message


# --- One message for each kind of error --------------------------------------------------------------------

_TYPES: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a mapping",
}

_BOUNDS: Final = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}

_SYNONYMS: Final = {
    "account": "aid",
    "account_id": "aid",
    "columns": "email",
    "cron": "schedule",
    "customer": "cid",
    "customer_id": "cid",
    "customers": "profiles",
    "filter": "where",
    "from": "sender",
    "join": "profiles",
    "key": "row_key",
    "mapping": "email",
    "members": "membership",
    "notifications": "alerts",
    "notify": "alerts",
    "recipients": "to",
    "start": "start_date",
    "suppression": "suppress",
    "tables": "segments",
}
"""Words that users may write for a key and that are not similar to it."""


def _describe(error: ErrorDetails) -> str:
    keys = tuple(step for step in error["loc"] if isinstance(step, str))
    kind = error["type"]
    if kind in _MESSAGES:
        return _MESSAGES[kind](error, keys)
    if error["input"] is None:
        return _no_value(keys)
    if kind in _TYPES:
        return _wrong_type(error, keys)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"must be {words} {error['ctx'][name]:.10g}, but {_describe_value(error['input'])}. {_example(keys)}"
    return f"is not valid: {_describe_value(error['input'])}. {_example(keys)}"


def _missing(_: ErrorDetails, keys: Keys) -> str:
    return f"missing. {FIELDS[keys].description} {_example(keys)}"


def _unknown(_: ErrorDetails, keys: Keys) -> str:
    key, known = keys[-1], children(keys[:-1])
    close = get_close_matches(key.lower(), known, n=1) or [_SYNONYMS.get(key.lower(), "")]
    sections = [".".join(section[:-1]) for section in FIELDS if section[-1] == key]
    if close[0] in known:
        return f"unknown key. Did you mean `{close[0]}`?"
    if sections:
        return (
            f"this key belongs to another section. Move it to `{sections[0]}`"
            if sections[0]
            else "this key belongs to the top level. Move it there"
        )
    return f"unknown key. Remove it, or use one of: {', '.join(known)}"


def _no_value(keys: Keys) -> str:
    default = default_text(FIELDS[keys])
    return f"has no value. {_example(keys)}" + (
        f", or remove the key (default: {default})" if default else ""
    )


def _wrong_type(error: ErrorDetails, keys: Keys) -> str:
    wanted, value = _TYPES[error["type"]], error["input"]
    if wanted == "text" and isinstance(value, int | float):
        return f"must be text, but {_describe_value(value)}. Put it in quotes"
    return f"must be {wanted}, but {_describe_value(value)}. {_example(keys)}"


def _not_among(error: ErrorDetails, keys: Keys) -> str:
    value = error["input"]
    if value is None:
        return _no_value(keys)
    choices = re.findall("'([^']+)'", error["ctx"]["expected"])
    close = get_close_matches(str(value).lower(), [choice.lower() for choice in choices], n=1)
    meant = next((choice for choice in choices if [choice.lower()] == close), choices[0])
    return f"must be one of {', '.join(choices)}, but {_describe_value(value)}. Write `{keys[-1]}: {meant}`"


def _no_unicode(_: ErrorDetails, __: Keys) -> str:
    return "contains half a character (a lone surrogate). Type the text again"


_MESSAGES: Final[Mapping[str, Callable[[ErrorDetails, Keys], str]]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "literal_error": _not_among,
    "enum": _not_among,
    "string_unicode": _no_unicode,
}


def _example(keys: Keys) -> str:
    return f"Write, for example, `{keys[-1]}: {example_text(FIELDS[keys])}`"


def _describe_value(value: object) -> str:
    match value:
        case bool():
            return f"is {str(value).lower()}"
        case int() if abs(value) >= 10**18:
            return "is a very long number"
        case int() | float():
            return f"is the number {value}"
        case str():
            return f"is the text '{value}'" if re.fullmatch(r"[\w .:/*?,-]{1,24}", value) else "is other text"
        case list():
            return "is a list"
    return "is a mapping"
