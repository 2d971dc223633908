"""Cuts the text of a CSV file into blocks of complete rows, in one buffer that is used again and again."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from customer_match.tables.csv.quotes import QuoteCheck
from customer_match.tables.csv.sniffing import row_too_long
from customer_match.tables.csv.streams import BLOCK_BYTES

__all__ = ["buffer_of", "complete_rows"]


def complete_rows(text: QuoteCheck, where: str) -> Iterator[pa.Buffer]:
    """Complete rows, about one block at a time; without rows after a mark that is never closed.

    Each block is valid until the next one is requested.

    Args:
        text: The text, at the start of a row.
        where: The file, for messages.

    Raises:
        ConfigurationError: A row is longer than a block.
        MisplacedQuoteError: A quotation mark is misplaced.
    """
    memory = pa.allocate_buffer(2 * BLOCK_BYTES)
    view = memoryview(memory).cast("B")
    held = 0  # bytes of a row that is not complete
    while size := text.readinto(view[held : held + BLOCK_BYTES]):
        if text.row_end:
            end, filled = held + text.row_end, held + size
            yield memory.slice(0, end)
            held = filled - end
            view[:held] = view[end:filled]
        elif held and held + size > BLOCK_BYTES:
            raise row_too_long(where)
        else:
            held += size
    if held and not text.is_open:
        yield memory.slice(0, held)


def buffer_of(text: bytes) -> pa.Buffer:
    """Text in pyarrow's own memory."""
    memory = pa.allocate_buffer(len(text))
    memoryview(memory).cast("B")[:] = text
    return memory
