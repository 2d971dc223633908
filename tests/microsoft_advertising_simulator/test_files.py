"""The upload of a file to its URL."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.microsoft_advertising_simulator.api import Api, bulk_csv, zipped

EMPTY = bulk_csv()


def refused(answer: httpx.Response) -> tuple[int, int]:
    body = answer.json()
    assert set(body) == {"TrackingId", "RequestId", "Code", "ErrorCode", "Message"}
    return answer.status_code, body["Code"]


@pytest.mark.behaviour("file.url-once", "file.http-status", "file.accepted")
def test_a_url_works_once(api: Api) -> None:
    request_id, url = api.request_url()
    accepted = api.post_file(url, EMPTY).json()
    assert accepted == {"TrackingId": accepted["TrackingId"], "RequestId": request_id}
    assert accepted["TrackingId"]
    answer = api.post_file(url, EMPTY)
    assert refused(answer) == (400, 3224)
    assert answer.json()["ErrorCode"] == "BulkServiceUrlAlreadyUsedForUpload"
    assert answer.json()["RequestId"] == request_id
    assert api.finished(request_id)["RequestStatus"] == "Completed"


@pytest.mark.behaviour("file.url-once")
def test_posted_twice_at_the_same_time_only_one_counts(api: Api) -> None:
    _, url = api.request_url()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: api.post_file(url, EMPTY), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]


@pytest.mark.behaviour("file.url-once")
def test_a_url_expires_after_15_minutes(api: Api) -> None:
    _, late = api.request_url()
    api.control("clock", {"advance_seconds": 880})
    _, early = api.request_url()
    api.control("clock", {"advance_seconds": 21})
    assert refused(api.post_file(late, EMPTY)) == (400, 3226)
    assert api.post_file(early, EMPTY).status_code == 200


@pytest.mark.behaviour("file.url-once")
def test_a_file_to_an_unknown_url_is_refused(api: Api) -> None:
    _, url = api.request_url()
    other = url.replace(url.rsplit("/", 1)[1], "00000000-0000-0000-0000-000000000000?Ver=13")
    assert refused(api.post_file(other, EMPTY)) == (400, 3220)


@pytest.mark.behaviour("file.extension", "file.refusal-keeps-url")
@pytest.mark.parametrize("name", ["f.txt", "f", "", "f.csv.gz"])
def test_wrong_extension_leaves_the_url_usable(api: Api, name: str) -> None:
    _, url = api.request_url()
    answer = api.http.post(url, files={"file": (name or " ", EMPTY)}, headers=upload_headers(api))
    assert refused(answer) == (400, 3223)
    assert api.post_file(url, EMPTY).status_code == 200


@pytest.mark.behaviour("file.one-file", "file.extension")
@pytest.mark.parametrize("field", ["file", "uploadFile", ""])
def test_any_field_name_and_extension(api: Api, field: str) -> None:
    for name, content in (
        ("UP.CSV", EMPTY),
        ("up.tsv", EMPTY.replace(b",", b"\t")),
        ("up.zip", zipped(EMPTY)),
        ("up.zip", zipped(EMPTY.replace(b",", b"\t"), "up.tsv")),
    ):
        request_id, url = api.request_url()
        answer = api.http.post(url, files={field: (name, content)}, headers=upload_headers(api))
        assert answer.status_code == 200, answer.text
        assert api.finished(request_id)["RequestStatus"] == "Completed"


@pytest.mark.behaviour("file.one-file", "file.refusal-keeps-url")
def test_number_of_files(api: Api) -> None:
    _, url = api.request_url()
    headers = upload_headers(api)
    two = [("file", ("a.csv", EMPTY)), ("file", ("b.csv", EMPTY))]
    assert refused(api.http.post(url, files=two, headers=headers)) == (400, 3222)
    assert refused(api.http.post(url, files={"a": (None, "text")}, headers=headers)) == (400, 3221)
    assert refused(api.http.post(url, content=EMPTY, headers=headers)) == (400, 3221)
    broken = headers | {"Content-Type": "multipart/form-data; boundary=x"}
    assert refused(api.http.post(url, content=b"no form", headers=broken)) == (400, 3221)
    assert api.post_file(url, EMPTY).status_code == 200


@pytest.mark.behaviour("file.extension", "file.zip-members")
@pytest.mark.bad_input
def test_damaged_zips_are_refused(api: Api) -> None:
    _, url = api.request_url()
    several = io.BytesIO()
    with zipfile.ZipFile(several, "w") as archive:
        archive.writestr("a.csv", EMPTY)
        archive.writestr("b.csv", EMPTY)
    none = io.BytesIO()
    zipfile.ZipFile(none, "w").close()
    assert refused(api.post_file(url, zipped(EMPTY)[:-10], "up.zip")) == (400, 3223)
    assert refused(api.post_file(url, b"PK", "up.zip")) == (400, 3223)
    assert refused(api.post_file(url, several.getvalue(), "up.zip")) == (400, 3222)
    assert refused(api.post_file(url, none.getvalue(), "up.zip")) == (400, 3221)
    assert refused(api.post_file(url, zipped(EMPTY, "up.exe"), "up.zip")) == (400, 3223)


@pytest.mark.behaviour("file.http-status")
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"AuthenticationToken": "nonsense"}, 401, 105),
        ({"AuthenticationToken": None}, 401, 116),
        ({"DeveloperToken": "nonsense"}, 401, 105),
        ({"DeveloperToken": None}, 401, 116),
        ({"CustomerId": None}, 401, 116),
        ({"AccountId": None}, 401, 116),
        ({"AccountId": "1"}, 401, 106),
        ({"CustomerId": "1"}, 401, 106),
    ],
)
def test_wrong_credentials_of_a_file_are_refused(
    api: Api, headers: dict[str, str | None], status: int, code: int
) -> None:
    _, url = api.request_url()
    assert refused(api.post_file(url, EMPTY, headers=headers)) == (status, code)
    assert api.post_file(url, EMPTY).status_code == 200


@pytest.mark.behaviour("file.credential-headers")
def test_bearer_and_customer_account_id_are_accepted(api: Api) -> None:
    _, url = api.request_url()
    headers = api.headers()
    assert api.http.post(url, files={"file": ("a.csv", EMPTY)}, headers=headers).status_code == 200


def test_a_file_with_an_expired_token_is_refused(api: Api) -> None:
    _, url = api.request_url()
    api.control("tokens", {"expire_access": True})
    assert refused(api.post_file(url, EMPTY)) == (401, 109)


@pytest.mark.behaviour("file.too-large")
def test_a_file_above_the_limit_is_refused(api: Api) -> None:
    api.control("settings", {"max_file_bytes": 50_000})
    _, url = api.request_url()
    assert refused(api.post_file(url, EMPTY + b" " * 50_000)) == (413, 3223)
    assert refused(api.post_file(url, EMPTY + b" " * 500_000)) == (413, 3223)
    assert api.post_file(url, EMPTY + b"\n" * (50_000 - len(EMPTY))).status_code == 200


@pytest.mark.behaviour("limits.parallel")
def test_uploads_in_progress_and_posts_per_minute(api: Api) -> None:
    api.control("settings", {"parallel_uploads": 2, "processing_seconds": 3600})
    running = []
    for _ in range(2):
        request_id, url = api.request_url()
        assert api.post_file(url, EMPTY).status_code == 200
        running.append(request_id)
    _, url = api.request_url()
    assert refused(api.post_file(url, EMPTY)) == (400, 3227)
    api.control("settings", {"processing_seconds": 0})
    for request_id in running:
        api.finished(request_id)
    api.control("clock", {"advance_seconds": 61})
    api.control("settings", {"file_posts_per_minute": 1})
    assert api.post_file(url, EMPTY).status_code == 200
    _, url = api.request_url()
    assert refused(api.post_file(url, EMPTY)) == (400, 3227)


def upload_headers(api: Api) -> dict[str, str]:
    return api.headers(Authorization=None, AuthenticationToken=api.token, AccountId=api.ready["account_id"])


@pytest.mark.behaviour("file.size-measure", "file.too-large")
def test_the_limit_is_decimal_and_counts_what_is_posted(api: Api) -> None:
    assert api.control("settings")["max_file_bytes"] == 100 * 1000 * 1000
    large = EMPTY + b"\n" * 200_000
    packed = zipped(large)
    api.control("settings", {"max_file_bytes": len(packed)})
    _, url = api.request_url()
    assert refused(api.post_file(url, large)) == (413, 3223)
    assert api.post_file(url, packed, "up.zip").status_code == 200
