"""The threads that process files."""

from __future__ import annotations

import time

from tests.microsoft_advertising_simulator.api import Api, bulk_csv, digest_hex, item_row, list_row


def test_calls_are_answered_while_a_file_is_processed(api: Api) -> None:
    """The event loop never blocks: status calls stay fast while 60,000 rows are processed."""
    rows = [list_row(Id="-1", Audience="Busy", Scope="Customer", Client_Id="l")]
    rows += [item_row("-1", digest_hex(n)) for n in range(60_000)]
    content = bulk_csv(*rows)
    request_id, url = api.request_url("ErrorsAndResults")
    assert api.post_file(url, content).status_code == 200
    waits, states = [], set()
    while True:
        began = time.monotonic()
        status = api.status(request_id)
        waits.append(time.monotonic() - began)
        states.add((status["RequestStatus"], status["PercentComplete"]))
        if status["RequestStatus"] == "Completed":
            break
        time.sleep(0.01)
    assert max(waits) < 0.5
    assert len({percent for state, percent in states if state == "InProgress"}) > 1
