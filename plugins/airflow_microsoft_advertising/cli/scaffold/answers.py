"""Gets the values of a new export file: from options, otherwise from questions, each checked at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import typer

from airflow_microsoft_advertising.cli.asking import prompt
from airflow_microsoft_advertising.cli.output import say
from customer_match.errors import ConfigurationError
from customer_match.redaction import without_addresses

__all__ = ["Answers", "fault_of"]

_TRIES: Final = 3
_VALID: Final[Mapping[str, object]] = {
    "name": "new",
    "cid": 1,
    "aid": 1,
    "source": "lake",
    "segments": "all",
    "email": "Email",
}


@dataclass(frozen=True)
class Answers:
    """Where values come from.

    Attributes:
        asks: Whether there is somebody to ask.
    """

    asks: bool

    @classmethod
    def available(cls, *, no_input: bool) -> Answers:
        """Ask only on a terminal."""
        return cls(asks=not no_input and sys.stdin.isatty())

    def value(
        self,
        key: str,
        option: str,
        given: Any,
        question: str,
        *,
        default: str | None = None,
        parse: Callable[[str], Any] = str,
        wrong: Callable[[Any], str] = lambda _: "",
    ) -> Any:
        """Return a value of the file.

        Args:
            key: The key of the export file.
            option: The command's option for it, for messages.
            given: The value of the option; None: it was not given.
            question: What to ask.
            default: What Enter means, and what counts if nobody can be asked; None: there is no default.
            parse: Converts an answer to the value.
            wrong: What else is wrong with a value; an empty text if nothing is.

        Raises:
            typer.BadParameter: The value of the option is not valid.
            ConfigurationError: There is no value, or no valid answer.
        """
        if given is not None:
            if fault := fault_of(key, given) or wrong(given):
                raise typer.BadParameter(without_addresses(fault), param_hint=option)
            return given
        if not self.asks:
            if default is None:
                raise ConfigurationError(f"{option} is missing, and there is no terminal to ask. Add it.")
            return parse(default)
        for left in reversed(range(_TRIES)):
            value = parse(prompt(question, option=option, default=default).strip())
            fault = fault_of(key, value) or wrong(value)
            if not fault:
                return value
            if not left:
                raise ConfigurationError(f"{key}: {fault}")
            say(f"  {fault}", err=True)
        raise AssertionError  # the last try returns or raises


def fault_of(key: str, value: object) -> str:
    """What is wrong with the value of a key; empty if nothing is."""
    from customer_match.export.loading import InvalidExport, export_of_task  # noqa: PLC0415 - keeps --help quick

    try:
        export_of_task({**_VALID, key: value}, "")
    except InvalidExport as error:
        fault = " ".join(f"{problem.message}." for problem in error.problems)
        return f"{value!r} is not a valid name: it {fault}" if key == "name" else fault
    return ""
