"""Renders the error table as a page for users.

`python -m microsoft_advertising.error_page > docs/errors.md` writes it; a test checks that it is up to date.
"""

from __future__ import annotations

import sys

from microsoft_advertising.error_codes import ERRORS, ErrorEntry, Reaction

__all__ = ["page"]

_DOES = {
    Reaction.RETRY: "tries again",
    Reaction.WAIT: "waits, then continues",
    Reaction.REAUTHENTICATE: "gets a new token; fails if that does not help",
    Reaction.REJECT_ROW: "counts the member as refused, continues with the others",
    Reaction.CONFIGURATION: "fails at once",
    Reaction.STOP: "fails at once",
}


def page() -> str:
    """The error table as a Markdown page for users."""
    rows = [
        f"| {entry.code} | {entry.name} | {entry.meaning} | {_response(entry)} | {entry.advice or 'nothing'} |"
        for entry in sorted(ERRORS.values(), key=lambda entry: entry.code)
    ]
    return "\n".join([_HEAD, *rows, ""])


def _response(entry: ErrorEntry) -> str:
    special = _SPECIAL.get(entry.code, _DOES[entry.reaction])
    return special if entry.wait is None else f"{special} ({entry.wait:.0f} s)"


_RECREATES = (
    "creates the audience again in the next try; fails at once if the export file gives its `audience_id`"
)

_SPECIAL = {
    204: "sends members by Bulk if the `route` is `auto`, and fails at once otherwise",
    3220: "requests another URL",
    3224: "treats the file as sent and requests its status",
    3226: "requests another URL",
    4201: "sends the part again, if it was an upload's",
    4835: _RECREATES,
    4853: "checks whether the audience is its own; if not, fails at once",
    8000: _RECREATES,
}
"""Codes with a response of their own, beyond the reaction in the table."""

_HEAD = """# Errors of Microsoft Advertising

Every documented code of the service that can reach this program (the page of 10 August 2026): what it means, what
the program does, and what you need to do. Generated from `include/microsoft_advertising/error_codes.py` by
`python -m microsoft_advertising.error_page > docs/errors.md`.

A code that is not in the table may be a temporary problem. The program repeats the call a few times within a minute,
then the task by its `retries`. After the last retry the task fails with the service's own name for the code. If the
results of a file give such a code for a member, the part is sent again in the same way: the member's state is unknown,
so it counts neither as accepted nor as refused. The messages of tasks name the code, the account or audience, and the
service's tracking id, which Microsoft's support asks for.

If the program has to wait for minutes, the task waits in the triggerer, up to eight times in a row, before its
`retries` start.

| code | name | means | the program | you |
|---|---|---|---|---|"""


if __name__ == "__main__":
    sys.stdout.write(page())
