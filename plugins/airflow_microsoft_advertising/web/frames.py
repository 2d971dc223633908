"""What all pages need of a request, as a dependency of their routes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from airflow.api_fastapi.app import API_ROOT_PATH
from fastapi import Depends, Header, Query

from airflow_microsoft_advertising.web.languages import chosen_language, language_of
from airflow_microsoft_advertising.web.templates import Frame

__all__ = ["FrameDep"]


def frame_of(
    lang: Annotated[str | None, Query(max_length=20)] = None,
    accept_language: Annotated[str, Header(max_length=1_000)] = "",
) -> Frame:
    """Read what all pages need from a request."""
    return Frame(language_of(chosen_language(lang, accept_language)), API_ROOT_PATH, datetime.now(UTC))


FrameDep = Annotated[Frame, Depends(frame_of)]
