"""Files of the workspace without a format of their own: later releases may add keys, which this one ignores."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from customer_match.alerts.log import AlertState
from customer_match.data_privacy import PrivacyAgreement
from customer_match.erasure.evidence import Evidence
from customer_match.ledger.lease import Holding
from customer_match.planning.known_tables import Changes, Seen, _Missed
from customer_match.planning.sizes import Sizes
from customer_match.runs.batch_state import BatchState
from customer_match.runs.decisions import Decision
from customer_match.runs.records import Chunked, Delivered, Failure, Normalised, Validated
from customer_match.runs.report import RunReport

STRICT = {Chunked: {"Guards", "Part", "Request", "TableFacts"}}
"""Read by the tasks of the same run only."""


@pytest.mark.parametrize(
    "model",
    [AlertState, BatchState, Changes, Chunked, Decision, Delivered, Evidence, Failure, Holding, Normalised,
     PrivacyAgreement, RunReport, Seen, Sizes, Validated, _Missed],
)  # fmt: skip
def test_keys_of_a_later_release_are_ignored(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    kinds = {model.__name__: schema, **schema.get("$defs", {})}
    strict = {name for name, one in kinds.items() if one.get("additionalProperties") is False}
    assert strict == STRICT.get(model, set())
