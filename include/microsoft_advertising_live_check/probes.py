"""The probes: each sends the service some requests and says which rows of the table the answers confirm or refute.

A probe yields findings. If it raises an error, `check` records it and continues with the next probe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from microsoft_advertising.bulk.file import Action
from microsoft_advertising.environment import Service
from microsoft_advertising_live_check.answers import Answer
from microsoft_advertising_live_check.files import bulk_file, item, list_row, made_up_hash, make_zip
from microsoft_advertising_live_check.session import Session

__all__ = ["PROBES", "Finding", "Probe", "Verdict"]

_FOREIGN: Final = "1"
"""An id that does not belong to any list or account of ours."""
_NOT_A_HASH: Final = "no hash, and no address either"
_EXPIRED_AFTER: Final = 310.0
"""Seconds; a result URL is valid for 300, or for 900."""
_END_STATES: Final = ("Completed", "CompletedWithErrors")


class Verdict(StrEnum):
    """What the answers say about a row."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    NOT_SEEN = "not seen"


@dataclass(frozen=True)
class Finding:
    """The result for one row of the table.

    Attributes:
        key: Key of the row.
        verdict: What the answers say about the row.
        observed: Codes and states only.
    """

    key: str
    verdict: Verdict
    observed: str


Probe: TypeAlias = Callable[[Session], Iterator[Finding]]


def _judge(key: str, observed: object, *, holds: bool) -> Finding:
    return Finding(key, Verdict.CONFIRMED if holds else Verdict.REFUTED, str(observed))


def members(session: Session) -> Iterator[Finding]:
    """Add, remove and replace members as the project does; include a duplicate and a member that is not in the list."""
    digests = [bytes.fromhex(made_up_hash()) for _ in range(6)]
    states = [
        session.change_members(Action.ADD, [*digests[:5], digests[0]]),
        session.change_members(Action.REMOVE, [digests[0], digests[5]]),
        session.change_members(Action.REPLACE, digests[1:4]),
    ]
    codes = [code for state in states for found in state.errors.values() for code in found]
    seen = f"{', '.join(map(str, states))}; row codes {codes or 'none'}"
    yield _judge("items.duplicates", seen, holds=not codes and all(s.state == "Completed" for s in states))


def items(session: Session) -> Iterator[Finding]:
    """Send one file with invalid items beside a valid one, identified by their Client Ids."""
    audience = session.audience_id
    found = session.upload(
        item(audience, "early", made_up_hash()),
        list_row(audience, "list", Action_Type="Add"),
        item(audience, "good", made_up_hash()),
        item(audience, "plain", _NOT_A_HASH),
        item(audience, "upper", made_up_hash().upper()),
        item(audience, "empty", ""),
        item(audience, "x" * 101, made_up_hash()),
        item(audience, "several", _NOT_A_HASH, sub_type="Phone"),
        item(_FOREIGN, "foreign", made_up_hash()),
        {"Type": "No Such Type", "Client Id": "unknown"},
    )
    expected = {
        "items.list-row-first": ("early", 8000), "items.hash": ("plain", 8004), "items.upper-case": ("upper", 8004),
        "items.empty-text": ("empty", 8006), "items.client-id": ("x" * 101, 201),
        "parse.unknown-type": ("unknown", 4203),
    }  # fmt: skip
    for key, (client_id, code) in expected.items():
        yield _judge(
            key, f"{found}, row {found.of(client_id) or 'accepted'}", holds=found.of(client_id) == [code]
        )
    several = found.of("several")
    yield _judge("items.first-fault", f"{found}, row {several or 'accepted'}", holds=several == [8002])
    good = found.state in _END_STATES and not found.of("good")
    yield _judge("items.partial-success", f"{found}, row {found.of('good') or 'accepted'}", holds=good)


def list_rows(session: Session) -> Iterator[Finding]:
    """Send list rows that lack a value, name an unknown list, or repeat an id."""
    audience = session.audience_id
    found = session.upload(list_row(audience), item(audience, "item", made_up_hash()))
    yield _judge(
        "lists.action-missing",
        f"{found}, row {found.of('item') or 'accepted'}",
        holds=found.of("item") == [8001],
    )
    found = session.upload(
        list_row(audience, "list", Action_Type="Delete"), item(audience, "item", made_up_hash())
    )
    yield _judge(
        "lists.action-delete",
        f"{found}, row {found.of('list') or 'accepted'}",
        holds=found.of("list") == [8001],
    )
    found = session.upload(
        list_row(audience, "first", Action_Type="Add"), list_row(audience, "second", Action_Type="Add")
    )
    seen = f"{found}, rows {found.of('first')}, {found.of('second')}"
    yield _judge("lists.same-id-twice", seen, holds=(found.of("first"), found.of("second")) == ([], [4837]))
    found = session.upload(
        list_row(_FOREIGN, "list", Action_Type="Add"), item(_FOREIGN, "item", made_up_hash())
    )
    seen = f"{found}, rows {found.of('list')}, {found.of('item')}"
    yield _judge("lists.unknown-id", seen, holds=(found.of("list"), found.of("item")) == ([4835], [8000]))


def lists_made_by_file(session: Session) -> Iterator[Finding]:
    """Create lists by file: scope, terms, the longest membership, and what the results say about them."""
    new = {"Scope": "Customer", "Accept_Customer_Match_Term": "True"}
    found = session.upload(
        list_row("-1", "made", Audience=f"{session.name} made", **new), item("-1", "item", made_up_hash()),
        mode="ErrorsAndResults",
    )  # fmt: skip
    rows = {row.get("Client Id"): row for row in found.rows}
    made = rows.get("made", {}).get("Id", "")
    session.record_list(made if made.isdigit() else "")
    same = made.isdigit() and rows.get("item", {}).get("Parent Id") == made
    yield _judge("status.new-ids", f"{found}, the same id on both: {same}", holds=same)
    for key, code, changes in (
        ("lists.scope", None, {"Scope": "Account"}),
        ("lists.duration", None, {"Membership_Duration": "390"}),
        ("lists.terms-false", 8003, {"Accept_Customer_Match_Term": "False"}),
    ):
        name = f"{session.name} {key}"
        found = session.upload(list_row("-1", "made", Audience=name, **(new | changes)))
        expected = [] if code is None else [code]
        holds = found.state in _END_STATES and found.of("made") == expected
        yield _judge(key, f"{found}, row {found.of('made') or 'accepted'}", holds=holds)


def whole_files(session: Session) -> Iterator[Finding]:
    """Send files that are refused as a whole: no byte order mark, another version; unusual zips and names."""
    row = list_row(session.audience_id, "list", Description="checked")
    found = session.send(bulk_file(row, bom=False))
    holds = (found.state, found.codes) == ("UploadFileFormatNotSupported", (3223,))
    yield _judge("parse.no-bom", found, holds=holds)
    found = session.send(bulk_file(row, version="5.0"))
    yield _judge("parse.format-version-state", found, holds=found.state == "UploadFileFormatNotSupported")
    ticket, good = session.ticket(), bulk_file(row)
    several = session.post(ticket, "upload.zip", make_zip(("a.csv", good), ("b.csv", good)))
    none = session.post(ticket, "upload.zip", make_zip())
    seen = f"several: {several}; none: {none}"
    yield _judge("file.zip-members", seen, holds=(several.codes, none.codes) == ((3222,), (3221,)))
    wrong = session.post(ticket, "upload.txt", good)
    yield _judge("file.extension", wrong, holds=wrong.codes == (3223,))
    posted = session.post(ticket, "upload.csv", good)
    yield _judge("file.refusal-keeps-url", posted, holds=posted.status == 200)  # noqa: PLR2004
    again = session.post(ticket, "upload.csv", good)
    yield _judge("file.url-once", again, holds=again.codes == (3224,))
    if posted.status == 200:  # noqa: PLR2004
        session.outcome(ticket.request_id)


def calls(session: Session) -> Iterator[Finding]:
    """Send calls that are refused because of the sender or the content."""
    unknown = session.call(Service.BULK, "/BulkUploadStatus/Query", {"RequestId": "unknown"})
    yield _judge("status.unknown-request", unknown, holds=unknown.codes == (4201,))
    query = {"Type": "CustomerList"}
    path = "/Audiences/QueryByIds"
    token = session.call(Service.CAMPAIGN, path, query, headers={"Authorization": "Bearer unknown"})
    foreign = session.call(Service.CAMPAIGN, path, query, headers={"CustomerAccountId": _FOREIGN})
    found = [(answer.status, answer.codes) for answer in (token, foreign, unknown)]
    expected = [(401, (105,)), (403, (106,)), (400, (4201,))]
    yield _judge("calls.http-status", f"{token}; {foreign}; {unknown}", holds=found == expected)
    strange = session.call(Service.CAMPAIGN, path, {**query, "NoSuchKey": 1})
    yield _judge("calls.strict-shapes", strange, holds=strange.codes == (201,))
    broken = session.call(Service.CAMPAIGN, path, content=b"{", headers={"Content-Type": "application/json"})
    yield _judge("calls.no-json", broken, holds=broken.codes == (100,))
    body = {"ResponseMode": "ErrorsOnly", "AccountId": _FOREIGN}
    other = session.call(Service.BULK, "/BulkUploadUrl/Query", body)
    yield _judge("calls.account-in-body", other, holds=other.codes == (106,))
    download = session.call(Service.BULK, "/BulkDownloadStatus/Query", {"RequestId": "unknown"})
    yield _judge("downloads.unknown-id", download, holds=download.codes == (3205,))


def audiences(session: Session) -> Iterator[Finding]:
    """Use lists by calls: names, updates, sizes."""
    taken = _add(session, session.name)
    yield _judge("lists.fields", taken, holds=[code for _, code in taken.partial] == [4853])
    swapped = _add(session, session.name.swapcase())
    yield _judge("lists.name-compared", swapped, holds=not swapped.partial and not swapped.codes)
    change = {"Type": "CustomerList", "Id": session.audience_id, "Description": "Changed by a check."}
    updated = session.call(Service.CAMPAIGN, "/Audiences", {"Audiences": [change]}, method="PUT")
    yield _judge("audiences.update", updated, holds=not updated.partial and not updated.codes)
    found = session.client.get_audience(session.audience_id)
    if found is not None and found.search_size is not None:
        yield Finding("audiences.sizes", Verdict.REFUTED, "a size within minutes")
    else:
        yield Finding("audiences.sizes", Verdict.NOT_SEEN, "null within minutes; check again after two days")


def _add(session: Session, name: str) -> Answer:
    audience = {
        "Type": "CustomerList", "Name": name, "Scope": "Customer", "ParentId": session.account.customer_id,
        "MembershipDuration": -1,
    }  # fmt: skip
    answer = session.call(Service.CAMPAIGN, "/Audiences", {"Audiences": [audience]})
    for audience_id in answer.body.get("AudienceIds") or ():
        session.record_list(audience_id)
    return answer


def apply(session: Session) -> Iterator[Finding]:
    """Use ApplyCustomerListUserData: refused as a whole, or item by item."""
    whole = [_apply(session, AudienceId=_FOREIGN), _apply(session, CustomerListItemSubType="CRM")]
    holds = [answer.codes for answer in whole] == [(8000,), (8002,)]
    yield _judge("audiences.apply-whole-call", "; ".join(map(str, whole)), holds=holds)
    mixed = _apply(session, CustomerListItems=[made_up_hash(), _NOT_A_HASH])
    yield _judge("audiences.apply-items", mixed, holds=mixed.partial == ((1, 8004),) and not mixed.codes)


def _apply(session: Session, **changes: object) -> Answer:
    data = {
        "AudienceId": session.audience_id, "ActionType": "Add", "CustomerListItemSubType": "Email",
        "CustomerListItems": [made_up_hash()], **changes,
    }  # fmt: skip
    return session.call(Service.CAMPAIGN, "/CustomerListUserData/Apply", {"CustomerListUserData": data})


def entity_records(session: Session) -> Iterator[Finding]:
    """Use UploadEntityRecords, which is not documented."""
    rows = bulk_file(
        list_row(session.audience_id, "list", Action_Type="Add"),
        item(session.audience_id, "item", made_up_hash()),
    )
    lines = rows.decode("utf-8-sig").splitlines()
    body = {"EntityRecords": lines, "ResponseMode": "ErrorsOnly", "AccountId": session.account.account_id}
    answer = session.call(Service.BULK, "/EntityRecords/Upload", body)
    state = answer.body.get("RequestStatus")
    seen = f"{answer}, {state if state in (*_END_STATES, 'InProgress', 'Failed') else 'no known state'}"
    yield _judge("records.lists-accepted", seen, holds=state in (*_END_STATES, "InProgress"))
    yield _judge("records.status", seen, holds=state in _END_STATES)
    empty = session.call(Service.BULK, "/EntityRecords/Upload", {**body, "EntityRecords": []})
    yield _judge("records.empty", empty, holds=empty.codes == (206,))
    nameless = session.call(Service.BULK, "/EntityRecords/Upload", {"EntityRecords": lines})
    other = session.call(Service.BULK, "/EntityRecords/Upload", {**body, "AccountId": _FOREIGN})
    holds = (nameless.codes, other.codes) == ((1030,), (106,))
    yield _judge("records.account", f"{nameless}; {other}", holds=holds)


def result_urls(session: Session) -> Iterator[Finding]:
    """Check how long a result URL works; takes five minutes, so it needs --slow."""
    if not session.slow:
        yield Finding("status.result-url", Verdict.NOT_SEEN, "needs --slow")
        yield Finding("status.gone", Verdict.NOT_SEEN, "needs --slow")
        return
    outcome = session.upload(list_row(session.audience_id, "list", Description="checked again"))
    url = outcome.result_url or ""
    first = session.fetch(url)
    session.wait(_EXPIRED_AFTER)
    later = session.fetch(url)
    seen = f"HTTP {first.status_code}, then HTTP {later.status_code} after {_EXPIRED_AFTER:.0f} seconds"
    yield _judge("status.result-url", seen, holds=first.is_success and not later.is_success)
    if later.is_success:
        yield Finding("status.gone", Verdict.NOT_SEEN, seen)
    else:
        yield _judge("status.gone", seen, holds=later.status_code == 403)  # noqa: PLR2004


PROBES: Final[tuple[Probe, ...]] = (
    members, items, list_rows, lists_made_by_file, whole_files, calls, audiences, apply, entity_records,
    result_urls,
)  # fmt: skip
"""They run in this order; each leaves the disposable list in place."""
