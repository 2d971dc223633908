"""The polling schedule of uploads: short intervals first, then longer ones.

The documented advice (first wait one minute per 10,000 rows, then poll every minute) would turn an upload of
500,000 rows into an hour. A status call is cheap, so polling starts with seconds and the interval grows with the
elapsed time. The total wait is then little longer than the upload itself, and long uploads are polled every minute.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PollSchedule"]


@dataclass(frozen=True)
class PollSchedule:
    """Waits between status calls, as a function of the time since the upload only.

    There is no counter, so a restarted poller continues with the same intervals.

    Attributes:
        first: Shortest wait, in seconds.
        longest: Longest wait, in seconds (documented: "every minute").
        share: The wait as a share of the elapsed time: the longest delay until a finished upload is noticed,
            relative to its duration.
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
