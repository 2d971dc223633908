"""The section `alerts`: what is announced about the runs of an export, and where."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from customer_match.export.alerts.targets import Target
from customer_match.export.base import Section
from customer_match.export.values import Share, as_list, not_empty

__all__ = ["Alerts", "AlertsOrTargets", "Kind"]


class Kind(StrEnum):
    """What an alert is about, the most important first.

    Attributes:
        FAILURE: The run or a segment failed.
        DEADLINE: The audiences were not up to date in time.
        GUARD: A guard stopped a segment.
        PARTIAL: A segment was delivered, but members were refused or too many profiles rejected.
        RECOVERY: Everything that was announced has ended.
    """

    FAILURE = "failure"
    DEADLINE = "deadline"
    GUARD = "guard"
    PARTIAL = "partial"
    RECOVERY = "recovery"


def _mapping_as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class Alerts(Section):
    """What is announced about runs, and where."""

    to: Annotated[
        tuple[Target, ...],
        BeforeValidator(_mapping_as_list, json_schema_input_type=list[Target] | Target),
        AfterValidator(not_empty),
    ] = Field(
        description="Where alerts go: a list of mappings with one key each.",
        examples=["[{slack: slack_default}, {teams: teams_default}]"],
    )
    when: Annotated[
        tuple[Kind, ...],
        BeforeValidator(as_list, json_schema_input_type=Kind | list[Kind]),
        AfterValidator(not_empty),
    ] = Field(
        default=tuple(Kind),
        description="What is announced: `failure` of the run or a segment, `deadline` (missed), `guard` (a guard "
        "stopped a segment), `partial` (members refused by the service, or too many profiles rejected), and `recovery` "
        "after these.",
        examples=["[failure, recovery]"],
    )
    rejected_above: Share = Field(
        default=0.1,
        description="Share (0 to 1) of a segment's profiles without a usable address above which it counts as "
        "`partial`.",
        examples=[0.02],
    )


def _targets_as_alerts(value: object) -> object:
    return {"to": value} if isinstance(value, list | tuple) else value


AlertsOrTargets = Annotated[
    Alerts, BeforeValidator(_targets_as_alerts, json_schema_input_type=list[Target] | Alerts)
]
"""Alerts as written in the file: a mapping, or the targets alone."""
