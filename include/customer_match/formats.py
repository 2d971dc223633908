"""Formats of the files in a workspace: what a newer release has written is refused, and never taken for damaged.

Ledgers, the register of erased members and the workspace as a whole have a format number, and name the release that
wrote them. Releases add keys to other files, and older releases ignore these. A release that changes the meaning of
such a file has to raise the number of the workspace. Formats are whole numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from customer_match.errors import TerminalError
from customer_match.release import release

__all__ = ["NewerFormat", "refuse_newer"]

_RELEASE: Final = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,40}")


class NewerFormat(TerminalError):
    """A file was written by a newer release of this project."""


def refuse_newer(what: str, header: Mapping[str, Any], known: int) -> None:
    """Refuse a file whose format is newer than this release knows.

    Args:
        what: What the file is, and where, for the message.
        header: Its values `format` and `release`; either may be missing.
        known: The newest format that this release reads.

    Raises:
        NewerFormat: The format is newer.
    """
    found, by = header.get("format"), header.get("release")
    if not isinstance(found, int) or found <= known:
        return
    writer = f"release {by}" if isinstance(by, str) and _RELEASE.fullmatch(by) else "a newer release"
    raise NewerFormat(
        f"{what} was written by {writer} of this project in format {found}, but this release ({release()}) reads "
        f"formats up to {known}. Nothing was changed. Update this project here, as on the other workers, or go back to "
        "this release as docs/operations.md describes (Upgrade and downgrade)."
    )
