"""The table of errors as a page for people.

`python -m microsoft_advertising.error_page > docs/errors.md` writes it; a test holds it fresh.
"""

from __future__ import annotations

import sys

from microsoft_advertising.error_table import ERRORS, ErrorEntry, Reaction

__all__ = ["page"]

_DOES = {
    Reaction.RETRY: "tries again",
    Reaction.WAIT: "waits, then goes on",
    Reaction.REAUTHENTICATE: "gets a new token; fails if that does not help",
    Reaction.REJECT_ROW: "counts the member as refused, goes on with the others",
    Reaction.CONFIGURATION: "fails at once",
    Reaction.STOP: "fails at once",
}


def page() -> str:
    """The table as a page for people, in Markdown."""
    rows = [
        f"| {entry.code} | {entry.name} | {entry.meaning} | {_done(entry)} | {entry.advice or 'nothing'} |"
        for entry in sorted(ERRORS.values(), key=lambda entry: entry.code)
    ]
    return "\n".join([_HEAD, *rows, ""])


def _done(entry: ErrorEntry) -> str:
    special = _SPECIAL.get(entry.code, _DOES[entry.reaction])
    return special if entry.wait is None else f"{special} ({entry.wait:.0f} s)"


_CREATES_ANEW = (
    "creates the audience anew in the next try; fails at once if the export file gives its `audience_id`"
)

_SPECIAL = {
    204: "sends members by Bulk if the `route` is `auto`, and fails at once otherwise",
    3220: "asks for another URL",
    3224: "takes the file as sent and asks for its status",
    3226: "asks for another URL",
    4201: "sends the part again, if it was an upload's",
    4835: _CREATES_ANEW,
    4853: "looks whether the audience is its own; if not, fails at once",
    8000: _CREATES_ANEW,
}
"""What `files`, `bulk`, `delivery` and `audience_keeping` do with a code beyond what the table calls for."""

_HEAD = """# Errors of Microsoft Advertising

Every documented code of the service that can reach this program (the page of 10 August 2026): what it means, what
the program does about it, and what is left for you to do. Made from `include/microsoft_advertising/error_table.py` by
`python -m microsoft_advertising.error_page > docs/errors.md`.

A code that is not in the table may be a passing trouble. The call is made again a few times within a minute, then the
task by its `retries`; after the last one it fails under the service's own name for the code. If the results of a file
give such a code for a member, the part is sent again in the same way: nobody knows what became of the member, so it
counts neither as taken nor as refused. The messages of tasks name code, account or audience, and the service's
tracking id, which its support asks for.

Where the program waits for minutes, the task waits in the triggerer, up to eight times in a row, before its `retries`
begin.

| code | name | means | the program | you |
|---|---|---|---|---|"""


if __name__ == "__main__":
    sys.stdout.write(page())
