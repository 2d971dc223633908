"""First lines of CSV files that are neither a header nor a row.

Three kinds are recognised: `sep=;`, which gives Excel the delimiter and which some writers put into quotation marks;
`#TYPE …`, which Windows PowerShell's Export-Csv writes without `-NoTypeInformation`; and, before a header, comments
that start with `#`. A title cannot be distinguished from a header; if a column is not found, the message shows it.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Final

from customer_match.errors import ConfigurationError

__all__ = ["Preamble", "preamble_of"]

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")
_CONTENT: Final = re.compile(r"[^\r\n]+")
_SEP: Final = re.compile(r'"?sep=(?P<delimiter>[^"]?)(?P<rest>.*?)"?\s*', re.IGNORECASE | re.DOTALL)
_TYPE: Final = re.compile(r'"?#TYPE\s', re.IGNORECASE)
_LONGEST_SHOWN: Final = 20


@dataclass(frozen=True)
class Preamble:
    """Lines before the first row.

    Attributes:
        text: The lines, with their line ends.
        delimiter: The delimiter that they name for the whole file; None if they name none.
    """

    text: str = ""
    delimiter: str | None = None

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(_LINE.findall(self.text))


def preamble_of(text: str, delimiters: str, where: str, *, comments: bool) -> Preamble:
    """Find the lines at the start of a file that are not rows.

    Args:
        text: The start of the file, without byte order marks.
        delimiters: The possible delimiters.
        where: The file, for messages.
        comments: Whether lines that start with `#` may be comments, because a header follows them.

    Raises:
        ConfigurationError: A line names a delimiter that cannot be one.
    """
    place, found = 0, None
    while line := _LINE.match(text, place):
        content = line[0].strip("\r\n")
        if sep := _SEP.fullmatch(content) if found is None else None:
            found = _delimiter(sep, where)
        elif not (
            _is_nothing(content)
            or (comments and _is_comment(content, text[line.end() :], found or delimiters))
        ):
            break
        place = line.end()
    return Preamble(text[:place], found)


def _delimiter(line: re.Match[str], where: str) -> str:
    """Not documented, observed with Excel: one character, followed only by delimiters up to the table's width."""
    named, rest = line["delimiter"], line["rest"]
    if not named.isascii() or not named or rest.strip(named):
        shown = f"sep={named}{rest}"[:_LONGEST_SHOWN]
        raise ConfigurationError(
            f"{where}: its first line is {shown!r}, which does not name a delimiter of one ASCII character. Have the "
            "file written without this line, and set `csv.delimiter` of the source in the export file."
        )
    return named


def _is_nothing(line: str) -> bool:
    return not line or _TYPE.match(line) is not None


def _is_comment(line: str, after: str, delimiters: str) -> bool:
    """Whether a line that starts with `#` is not a header: `#Id,Email` and `# Id,Email` (numpy) may be headers."""
    if not line.startswith("#"):
        return False
    following = next((other[0] for other in _CONTENT.finditer(after) if other[0].strip()), "")
    if not following:
        return False
    is_data = "@" in following
    if following.startswith("#") and not is_data:
        return True
    widths = [(_width(line, one), _width(following, one)) for one in delimiters]
    is_as_wide = all(both == (1, 1) for both in widths) or any(own == other > 1 for own, other in widths)
    return not is_as_wide or (line[1:2].isspace() and not is_data)


def _width(line: str, delimiter: str) -> int:
    return len(next(csv.reader([line], delimiter=delimiter), ()))
