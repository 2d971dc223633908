"""Uploads: states, percentages, result URLs."""

from __future__ import annotations

import pytest

from tests.microsoft_advertising_simulator.api import Api, bulk_csv, digest_hex, item_row, list_row, numbers


@pytest.mark.behaviour("status.states", "status.percent", "status.speed")
def test_states_follow_the_clock(api: Api) -> None:
    api.control("settings", {"queue_seconds": 100, "processing_seconds": 200})
    request_id, url = api.request_url()
    pending = api.status(request_id)
    assert pending == {
        "Errors": None,
        "ForwardCompatibilityMap": None,
        "PercentComplete": 0,
        "RequestStatus": "PendingFileUpload",
        "ResultFileUrl": None,
    }
    audience = api.create("States")
    rows = [list_row(Id=audience, Action_Type="Add"), item_row(audience, digest_hex(1))]
    api.post_file(url, bulk_csv(*rows))
    assert (api.status(request_id)["RequestStatus"], api.status(request_id)["PercentComplete"]) == (
        "FileUploaded",
        0,
    )
    api.control("clock", {"advance_seconds": 110})
    first = api.status(request_id)
    api.control("clock", {"advance_seconds": 150})
    second = api.status(request_id)
    assert first["RequestStatus"] == second["RequestStatus"] == "InProgress"
    assert 0 <= first["PercentComplete"] < second["PercentComplete"] < 100
    assert api.members(audience) == []
    api.control("clock", {"advance_seconds": 50})
    done = api.finished(request_id)
    assert (done["RequestStatus"], done["PercentComplete"], done["Errors"]) == ("Completed", 100, None)
    assert api.members(audience) == [digest_hex(1)]


@pytest.mark.behaviour("status.unknown-request")
def test_unknown_request_id(api: Api) -> None:
    answer = api.call("/Bulk/v13/BulkUploadStatus/Query", {"RequestId": None})
    assert numbers(answer) == [4201]


@pytest.mark.behaviour("status.result-url", "status.gone")
def test_each_status_call_returns_a_url_valid_for_5_minutes(api: Api) -> None:
    status = api.upload(bulk_csv(list_row(Id="-1", Audience="Minted", Scope="Customer")))
    first = status["ResultFileUrl"]
    api.control("clock", {"advance_seconds": 200})
    request_id = api.control("uploads")[-1]["request_id"]
    second = api.status(request_id)["ResultFileUrl"]
    assert first != second
    api.control("clock", {"advance_seconds": 110})
    expired = api.http.get(first)
    assert (expired.status_code, "AuthenticationFailed" in expired.text) == (403, True)
    found = api.http.get(second)  # no credentials
    assert (found.status_code, found.headers["Content-Type"]) == (200, "application/zip")
    assert api.http.get(second[:-3] + "xyz").status_code == 404


@pytest.mark.behaviour("status.result-kept", "status.gone")
def test_results_are_removed_after_15_minutes(api: Api) -> None:
    api.upload(bulk_csv())
    request_id = api.control("uploads")[-1]["request_id"]
    api.control("clock", {"advance_seconds": 890})
    url = api.status(request_id)["ResultFileUrl"]
    assert api.http.get(url).status_code == 200
    api.control("clock", {"advance_seconds": 20})
    assert api.http.get(url).status_code == 404
    status = api.status(request_id)
    assert (status["RequestStatus"], status["ResultFileUrl"]) == ("Completed", None)


@pytest.mark.behaviour("status.percent")
@pytest.mark.faults
def test_injected_failure_of_processing(api: Api) -> None:
    api.fault("ProcessUpload", "fault", code=4200)
    audience = api.create("Never filled")
    rows = [list_row(Id=audience, Action_Type="Add"), item_row(audience, digest_hex(1))]
    status = api.upload(bulk_csv(*rows))
    assert (status["RequestStatus"], status["PercentComplete"]) == ("Failed", 0)
    assert status["ResultFileUrl"] is None
    assert [error["Code"] for error in status["Errors"]] == [4200]
    assert set(status["Errors"][0]) == {"Code", "Details", "ErrorCode", "Message"}
    assert api.members(audience) == []


@pytest.mark.behaviour("status.never-posted")
def test_an_unused_url_stays_pending(api: Api) -> None:
    request_id, _ = api.request_url()
    api.control("clock", {"advance_seconds": 7 * 86_400})
    api.token = api.sign_in()["access_token"]
    status = api.status(request_id)
    assert (status["RequestStatus"], status["Errors"]) == ("PendingFileUpload", None)


@pytest.mark.behaviour("calls.response-mode")
def test_errors_only_by_default(api: Api) -> None:
    audience = api.create("Unasked")
    content = bulk_csv(list_row(Id=audience, Action_Type="Add"), item_row(audience, digest_hex(1)))
    answer = api.call("/Bulk/v13/BulkUploadUrl/Query", {"AccountId": api.ready["account_id"]}).json()
    api.post_file(answer["UploadUrl"], content)
    assert api.results(api.finished(answer["RequestId"])) == []
    assert len(api.results(api.upload(content, mode="ErrorsAndResults"))) == 2
