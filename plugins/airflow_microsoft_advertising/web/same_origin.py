"""Refuses changes that another site asks a user's browser for (cross-site request forgery).

Airflow signs browsers in with a cookie, which they send along however a request came about. Browsers say where a
request comes from: in `Sec-Fetch-Site` over HTTPS, and in `Origin` always (documented: Fetch Metadata Request Headers;
Fetch Standard). A program that signs in with a token in the header `Authorization` sends neither, and no other site can
make a browser send that header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from airflow.configuration import conf
from fastapi import HTTPException, Request, status

__all__ = ["is_own", "refuse_other_sites"]

_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSAL: Final = (
    "This change did not come from a page of Airflow itself. Use the pages, or send a token in the header "
    "`Authorization`. If Airflow is behind a proxy, set its public address ([api] base_url)."
)


def refuse_other_sites(request: Request) -> None:
    """Refuse a request that changes something and does not come from Airflow's own pages.

    Raises:
        HTTPException: 403.
    """
    if request.method in _HARMLESS or is_own(request.headers, conf.get("api", "base_url", fallback="")):
        return
    raise HTTPException(status.HTTP_403_FORBIDDEN, _REFUSAL)


def is_own(headers: Mapping[str, str], base_url: str) -> bool:
    """Whether a request comes from Airflow's own pages, or from a program with a token.

    Args:
        headers: The headers of the request, by names in lower case.
        base_url: Airflow's public address; empty if unknown.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    if origin is not None:
        return urlsplit(origin).netloc in {headers.get("host"), urlsplit(base_url).netloc} - {None, ""}
    return "authorization" in headers
