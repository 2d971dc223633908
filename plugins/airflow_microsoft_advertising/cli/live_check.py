"""`make live-check`: check a real or sandbox account against the simulator's table. See docs/live-checklist.md.

Exit status: 0 the check ran and all its lists are deleted, 1 it could not run or left a list, 2 --yes is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from airflow_microsoft_advertising.cli.output import writes_to
from customer_match.errors import ConfigurationError, CustomerMatchError
from customer_match.project import PROJECT
from microsoft_advertising.account import Account
from microsoft_advertising.environment import Environment
from microsoft_advertising_live_check.check import PLAN, run
from microsoft_advertising_live_check.probes import Verdict
from microsoft_advertising_live_check.report import write

__all__ = ["main"]

PREFIX = "MICROSOFT_ADVERTISING_"
NEEDED = ("CLIENT_ID", "REFRESH_TOKEN", "DEVELOPER_TOKEN", "CUSTOMER_ID", "ACCOUNT_ID", "ENVIRONMENT")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check if the user confirms it with `--yes`."""
    options = _parser().parse_args(arguments)
    if not options.yes:
        sys.stderr.write(
            f"{PLAN}\nNothing was done. To run the check, add --yes and name the account (see --help).\n"
        )
        return 2
    try:
        account, environment = (
            _from_connection(options.connection) if options.connection else from_environment(os.environ)
        )
        with writes_to(options.output):  # before the service is asked: otherwise its answers would be lost
            options.output.mkdir(parents=True, exist_ok=True)
        record = run(account, environment, slow=options.slow, tell=_say)
    except CustomerMatchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    counts = ", ".join(f"{record.count(verdict)} {verdict.value}" for verdict in Verdict)
    paths = write(record, options.output)
    _say(f"{counts}; see {paths[1]} and {paths[0]}")
    return 1 if record.left else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make live-check ARGS='…'",
        description=PLAN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--yes", action="store_true", help="confirm that you have read the above and want to run it"
    )
    parser.add_argument(
        "--connection", metavar="ID",
        help=f"Airflow connection; default: the variables {PREFIX}{', '.join(NEEDED)} (and CLIENT_SECRET)",
    )  # fmt: skip
    parser.add_argument(
        "--slow", action="store_true", help="also check how long result URLs work (5 minutes)"
    )
    parser.add_argument(
        "--output", type=Path, default=PROJECT / ".live-check", help="folder for the record of the check"
    )
    return parser


def from_environment(variables: Mapping[str, str]) -> tuple[Account, Environment]:
    """Read account and environment from variables. The environment is required, so that none is used by accident.

    Raises:
        ConfigurationError: Some variables are missing or not valid.
    """
    missing = [f"{PREFIX}{name}" for name in NEEDED if not variables.get(f"{PREFIX}{name}")]
    if missing:
        raise ConfigurationError(f"Name an Airflow connection (--connection), or set {', '.join(missing)}.")
    named = variables[f"{PREFIX}ENVIRONMENT"]
    values = {name.lower(): variables[f"{PREFIX}{name}"] for name in NEEDED if name != "ENVIRONMENT"}
    try:
        account = Account(**values, client_secret=variables.get(f"{PREFIX}CLIENT_SECRET"))
    except ValidationError as error:
        fields = ", ".join(
            f"{PREFIX}{fault['loc'][0]}".upper() for fault in error.errors(include_input=False)
        )
        raise ConfigurationError(f"The value of {fields} is not valid. Correct it.") from None
    environment = Environment.at(named) if "://" in named else Environment.named(named)
    return account, environment


def _from_connection(connection: str) -> tuple[Account, Environment]:
    from airflow_microsoft_advertising.hook import MicrosoftAdvertisingHook  # noqa: PLC0415 (importing Airflow is slow)

    hook = MicrosoftAdvertisingHook(connection)
    return hook.account(), hook.environment()


if __name__ == "__main__":
    sys.exit(main())
