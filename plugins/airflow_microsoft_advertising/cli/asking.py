"""Asks the user on standard error, and says which option answers where nobody can."""

from __future__ import annotations

import typer

from customer_match.errors import ConfigurationError

__all__ = ["confirm", "prompt"]


def prompt(question: str, *, option: str, default: str | None = None, hidden: bool = False) -> str:
    """Ask for a value.

    Args:
        question: What to ask.
        option: What gives the value instead, for messages.
        default: What Enter means.
        hidden: Do not show what is typed.

    Raises:
        ConfigurationError: There is no more input.
    """
    try:
        answer: str = typer.prompt(question, default=default, hide_input=hidden, err=True)
    except typer.Abort as abort:
        raise _explain(abort, f"{question} is needed, but nobody can be asked. Use {option}.") from None
    return answer


def confirm(question: str) -> None:
    """Ask for confirmation; a refusal ends the command with status 1.

    Raises:
        ConfigurationError: There is no more input.
    """
    try:
        confirmed = typer.confirm(question, err=True)
    except typer.Abort as abort:
        advice = "Confirmation is needed, but nobody can be asked. To confirm, add --yes."
        raise _explain(abort, advice) from None
    if not confirmed:
        raise typer.Abort


def _explain(abort: typer.Abort, message: str) -> Exception:
    """Tell the end of the input from Ctrl-C, which ends the command as usual."""
    if isinstance(abort.__context__, KeyboardInterrupt):
        return abort
    typer.echo(err=True)  # the cursor is still behind the question
    return ConfigurationError(message)
