"""The fields of a form that a browser has sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import Depends, HTTPException, Request, status

__all__ = ["Posted", "PostedDep"]

_MAX_BYTES: Final = 1 << 20
_MAX_FIELDS: Final = 10_000


@dataclass(frozen=True)
class Posted:
    """The fields of a form.

    Attributes:
        values: The values of each field; lines end with a line feed.
    """

    values: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        """The value of a field, without surrounding spaces; empty if the form does not have it."""
        return self.values.get(name, [""])[0].strip()


async def posted(request: Request) -> Posted:
    """Read a form.

    Raises:
        HTTPException: 400, 413: It is no form, or is too large.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BYTES:
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, "The form is too large.")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "This is not a form.") from None
    return Posted(
        {name: [value.replace("\r\n", "\n") for value in values] for name, values in fields.items()}
    )


PostedDep = Annotated[Posted, Depends(posted)]
