"""When to ask again: soon at first, then more and more slowly.

The documented advice (first wait one minute per 10,000 rows, then every minute) would turn an upload of
500,000 rows into an hour. A status call is cheap, so we begin with seconds and let the wait grow with the
time that has passed: nobody waits much longer than the upload itself took, and long uploads are asked every
minute.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PollSchedule"]


@dataclass(frozen=True)
class PollSchedule:
    """Waits between status calls, as a function of the time since the upload alone.

    Nothing is counted, so a poller that was restarted in the middle goes on where it was.

    Attributes:
        first: Shortest wait, in seconds.
        longest: Longest wait, in seconds (documented: "every minute").
        share: The wait as a share of the time that has passed: the longest that a finished upload goes
            unnoticed, relative to its own duration.
    """

    first: float = 2.0
    longest: float = 60.0
    share: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.longest:
            raise ValueError(
                f"0 < first <= longest must hold, not first={self.first}, longest={self.longest}"
            )
        if self.share < 0:
            raise ValueError(f"share must not be negative, not {self.share}")

    def next_wait(self, elapsed: float) -> float:
        """Seconds to wait before the next status call.

        Args:
            elapsed: Seconds since the file was sent; a clock that went backwards counts as zero.
        """
        return min(self.longest, max(self.first, self.share * elapsed))
