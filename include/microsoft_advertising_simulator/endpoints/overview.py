"""The page at `/`: shows the simulator's content in a browser, without scripts or external resources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, Template

from microsoft_advertising_simulator.clock import iso
from microsoft_advertising_simulator.codes import code
from microsoft_advertising_simulator.control.injection import FaultRule
from microsoft_advertising_simulator.model import ACCOUNT_NAME, Audience, Upload, UploadState
from microsoft_advertising_simulator.service import Service
from microsoft_advertising_simulator.settings import Settings

__all__ = ["overview"]

_UPLOADS_SHOWN: Final = 50
_CALLS_SHOWN: Final = 30
_GOOD: Final = (UploadState.COMPLETED, UploadState.WITH_ERRORS)


@dataclass(frozen=True, slots=True)
class _UploadRow:
    """An upload as the page shows it: `tone` is good, bad or busy."""

    upload: Upload
    state: UploadState
    percent: int
    tone: str


def overview(service: Service) -> str:
    """The page with the current state."""
    audiences, uploads, calls = service.storage.audiences(), service.storage.uploads(), service.log.as_json()
    held = service.upload_faults.held()
    return _template().render(
        now=_time(service.clock.now()),
        ahead=service.clock.offset,
        settings=service.settings(),
        changed=_changed_settings(service.settings()),
        account=service.identity.account(sandbox=service.settings().sandbox),
        account_name=ACCOUNT_NAME,
        living=[(audience, _shown_size(service, audience)) for audience in audiences if not audience.deleted],
        deleted=[audience for audience in audiences if audience.deleted],
        uploads=[_row(service, upload) for upload in reversed(uploads[-_UPLOADS_SHOWN:])],
        all_uploads=len(uploads),
        calls=list(reversed(calls[-_CALLS_SHOWN:])),
        all_calls=len(calls),
        faults=[_explain_rule(rule) for rule in service.faults.listed()],
        held={request_id: _time(until) for request_id, until in held.items()},
        time=_time,
        code=code,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    text = files(__package__ or "").joinpath("overview.html.j2").read_text(encoding="utf-8")
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)


def _row(service: Service, upload: Upload) -> _UploadRow:
    state, percent = service.uploads.progress_of(upload)
    ended = upload.finished_at is not None
    return _UploadRow(upload, state, percent, ("good" if state in _GOOD else "bad") if ended else "busy")


def _shown_size(service: Service, audience: Audience) -> int | None:
    return service.audiences.size(audience)


def _explain_rule(rule: FaultRule) -> dict[str, Any]:
    """A rule in words, without fields that have their default."""
    own = rule.model_dump(mode="json", exclude_defaults=True, exclude={"operation", "kind", "times", "nth"})
    left = "all calls" if rule.times is None else f"the next {rule.times}"
    after = "" if rule.nth == 1 else f", after {rule.nth - 1} unaffected"
    details = ", ".join(f"{name} {value}" for name, value in own.items())
    return {
        "operation": rule.operation,
        "kind": rule.kind.value,
        "applies_to": left + after,
        "details": details,
    }


def _changed_settings(settings: Settings) -> dict[str, object]:
    """Settings that differ from their defaults."""
    defaults = Settings()
    return {
        name: getattr(settings, name)
        for name in Settings.model_fields
        if getattr(settings, name) != getattr(defaults, name)
    }


def _time(seconds: float | None) -> str:
    """A time in UTC, with seconds."""
    return "–" if seconds is None else iso(seconds)[:19].replace("T", " ")
