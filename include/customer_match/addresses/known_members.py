"""What is known of the members of a batch, so that they can be compared with suppression lists."""

from __future__ import annotations

from dataclasses import dataclass

from customer_match.members.digests import Digests

__all__ = ["Compare", "Known"]


@dataclass(frozen=True)
class Compare:
    """What is asked of a batch beside its members.

    Attributes:
        aliases: Whether all other digests of its addresses are wanted.
        listed: Whether it is of a suppression list, so that members are wanted in every spelling of a domain.
    """

    aliases: bool
    listed: bool = False


@dataclass(frozen=True)
class Known:
    """What is known of the members of a batch. All of shape (n, 32), in no order, with duplicates.

    Attributes:
        made: Members that were made of addresses in clear.
        given: Members that stood in the table as digests: nobody knows how their addresses were normalised.
        aliases: Other digests of the addresses in clear, if they were asked for.
        of: The member that each of them is another digest of.
    """

    made: Digests
    given: Digests
    aliases: Digests
    of: Digests
