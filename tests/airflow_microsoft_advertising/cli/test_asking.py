"""Questions: a refusal ends with 1, the end of the input says which option to use, Ctrl-C stays Ctrl-C."""

from __future__ import annotations

import pytest
import typer

from airflow_microsoft_advertising.cli.asking import confirm, prompt
from customer_match.errors import ConfigurationError


def test_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "prompt", lambda *_, default, **__: default or "typed")
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: True)
    assert prompt("Name", option="NAME") == "typed"
    assert prompt("Name", option="NAME", default="autumn") == "autumn"
    confirm("Sure?")
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    with pytest.raises(typer.Abort):
        confirm("Sure?")


@pytest.mark.parametrize("error", [EOFError, KeyboardInterrupt])
def test_the_end_of_the_input_is_not_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    def end(*_: object, **__: object) -> None:
        try:
            raise error
        except error:
            raise typer.Abort from None  # as typer does

    monkeypatch.setattr(typer, "prompt", end)
    monkeypatch.setattr(typer, "confirm", end)
    is_end = error is EOFError
    with pytest.raises(ConfigurationError if is_end else typer.Abort) as asked:
        prompt("Client id", option="--client-id")
    with pytest.raises(ConfigurationError if is_end else typer.Abort) as confirmed:
        confirm("Sure?")
    if is_end:
        assert str(asked.value) == "Client id is needed, but nobody can be asked. Use --client-id."
        assert str(confirmed.value).endswith("To confirm, add --yes.")
