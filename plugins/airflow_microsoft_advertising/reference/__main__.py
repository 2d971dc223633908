"""Write the pages to `docs/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from airflow_microsoft_advertising.reference import commands, connection, operator
from customer_match.project import PROJECT

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands.page,
    "connection-fields.md": connection.page,
    "operator.md": operator.page,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (PROJECT / "docs" / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
