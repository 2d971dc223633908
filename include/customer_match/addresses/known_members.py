"""Data about the members of a batch that suppression lists are compared with."""

from __future__ import annotations

from dataclasses import dataclass

from customer_match.members.digests import Digests

__all__ = ["Compare", "Known"]


@dataclass(frozen=True)
class Compare:
    """What suppression needs beside the members of a batch.

    Attributes:
        aliases: Whether to return all other digests of its addresses.
        listed: Whether the batch is part of a suppression list; its members then cover every spelling of a domain.
    """

    aliases: bool
    listed: bool = False


@dataclass(frozen=True)
class Known:
    """Members of a batch by origin. All arrays have the shape (n, 32), unordered, with duplicates.

    Attributes:
        made: Members made from plain addresses.
        given: Members that the table holds as digests; how their addresses were normalised is unknown.
        aliases: Other digests of the plain addresses, if requested.
        of: For each alias, the member that it is another digest of.
    """

    made: Digests
    given: Digests
    aliases: Digests
    of: Digests
