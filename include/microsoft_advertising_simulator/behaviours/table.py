"""The simulated behaviours, one row each, with the evidence that the live service does the same.

`page.py` renders `docs/simulator.md` from it. A new behaviour needs one row here, and
``@pytest.mark.behaviour("area.key")`` on each test of it;
`tests/microsoft_advertising_simulator/behaviours/test_table.py` rejects a row without a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["AREAS", "BEHAVIOURS", "Basis", "Behaviour"]


class Basis(StrEnum):
    """The kind of evidence."""

    DOCUMENTED = "documented"
    OBSERVED = "observed"
    ASSUMED = "assumed"


AREAS: Final = MappingProxyType(
    {
        "sign-in": "Sign-in",
        "calls": "REST calls",
        "soap": "SOAP calls",
        "file": "Posting a file",
        "status": "Status and results",
        "parse": "Reading a file",
        "lists": "List rows",
        "items": "Items",
        "audiences": "Audiences",
        "records": "Entity records",
        "downloads": "Downloads",
        "limits": "Limits",
        "kept": "Durability",
        "msads": "The official REST SDK, msads 13.0.30.1, unmodified; its known defects",
    }
)
"""Headings of the page, by the first part of a key."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One simulated behaviour.

    Args:
        key: ``area.name``, the argument of the tests' mark; it does not change with the wording.
        what: Description of the behaviour.
        basis: The kind of evidence that the live service does the same.
        source: Page, evidence, or the reason for an assumption.
    """

    key: str
    what: str
    basis: Basis
    source: str

    @property
    def area(self) -> str:
        """Heading of the behaviour on the page."""
        return AREAS[self.key.partition(".")[0]]


_D, _O, _A = Basis.DOCUMENTED, Basis.OBSERVED, Basis.ASSUMED

BEHAVIOURS: Final = (
    Behaviour(
        "sign-in.access-token-lifetime",
        "Access tokens are valid for 3599 seconds.",
        _D,
        "get-tokens page, example",
    ),
    Behaviour(
        "sign-in.rotation",
        "Each refresh returns a new refresh token; the old one stays valid.",
        _D,
        "get-tokens",
    ),
    Behaviour(
        "sign-in.strict-rotation",
        "`strict_rotation`: a refresh token works only once.",
        _A,
        "switch for harder tests",
    ),
    Behaviour(
        "sign-in.invalid-grant",
        "A refresh token that is unknown (AADSTS70000) or revoked (50173): 400 `invalid_grant`.",
        _D,
        "error page",
    ),
    Behaviour(
        "sign-in.scope", "A scope other than msads.manage: `invalid_grant`, AADSTS70000.", _D, "error page"
    ),
    Behaviour(
        "sign-in.unknown-client", "Unknown client id: `unauthorized_client`, AADSTS700016.", _D, "error page"
    ),
    Behaviour(
        "sign-in.wrong-secret", "Wrong secret: 401 `invalid_client`, AADSTS7000215.", _A, "as Entra ID does"
    ),
    Behaviour(
        "sign-in.unknown-fields",
        "Unknown form fields are ignored; the scope is optional.",
        _O,
        "what SDKs send",
    ),
    Behaviour("sign-in.any-tenant", "Any tenant name is accepted.", _A, "tenants are not simulated"),
    Behaviour(
        "sign-in.discovery", "Discovery documents contain the real host with https.", _O, "msal needs it"
    ),
    Behaviour(
        "sign-in.page",
        "A page shows the application and its permissions; the user accepts or declines.",
        _D,
        "consent page",
    ),
    Behaviour(
        "sign-in.accepted", "Accepted: `code` and `state` are sent to the redirect URI.", _D, "consent page"
    ),
    Behaviour("sign-in.declined", "Declined: `access_denied`, AADSTS65004, and `state`.", _D, "consent page"),
    Behaviour(
        "sign-in.unknown-redirect",
        "Unknown client or redirect URI: an error page, 50011.",
        _A,
        "as Entra ID does",
    ),
    Behaviour(
        "sign-in.foreign-scope",
        "A foreign scope: `invalid_scope`, AADSTS70011, at the redirect URI.",
        _A,
        "as Entra ID does",
    ),
    Behaviour(
        "sign-in.form-post", "`form_post`: the answer is a form that submits itself.", _D, "consent page"
    ),
    Behaviour(
        "sign-in.fragment",
        "`fragment`: the answer is behind the `#` of the redirect URI.",
        _D,
        "authorization code flow",
    ),
    Behaviour(
        "sign-in.response-type",
        "Other response types than code, and other response modes, are refused.",
        _A,
        "others are not simulated",
    ),
    Behaviour("sign-in.localhost", "`http://localhost` is registered for all ports.", _A, "as Entra ID does"),
    Behaviour(
        "sign-in.nativeclient", "Public clients may also use the nativeclient page.", _D, "register page"
    ),
    Behaviour(
        "sign-in.code-life",
        "A code is valid for 5 minutes, then `invalid_grant`, 70008.",
        _D,
        "consent page: about",
    ),
    Behaviour(
        "sign-in.code-once", "A code works once, then `invalid_grant`, AADSTS54005.", _D, "Entra error codes"
    ),
    Behaviour(
        "sign-in.code-client",
        "A code of another client: `invalid_grant`, 70000.",
        _A,
        "code not stated",
    ),
    Behaviour(
        "sign-in.code-redirect", "Another redirect URI at the token call: AADSTS50011.", _D, "error page"
    ),
    Behaviour(
        "sign-in.pkce", "PKCE, S256 or plain: a wrong verifier is AADSTS501481.", _D, "Entra error codes"
    ),
    Behaviour("sign-in.pkce-optional", "PKCE is optional.", _D, "consent page: recommended"),
    Behaviour(
        "sign-in.offline-access",
        "A refresh token is issued only if `offline_access` was requested.",
        _D,
        "consent page",
    ),
    Behaviour(
        "sign-in.public-secret",
        "A public client that sends a secret: `invalid_request`.",
        _D,
        "get-tokens page",
    ),
    Behaviour(
        "sign-in.public-token-secret",
        "A secret with a token that was obtained without one: `invalid_request`.",
        _D,
        "get-tokens page",
    ),
    Behaviour(
        "sign-in.web-without-secret",
        "A web client without a secret: AADSTS7000218, 401.",
        _A,
        "as Entra ID does",
    ),
    Behaviour(
        "sign-in.token-client", "A refresh token works only for its own client.", _A, "code not stated"
    ),
    Behaviour(
        "calls.expired-token", "Expired token: HTTP 401, 109 as AdApiFaultDetail.", _O, "Segment's connector"
    ),
    Behaviour(
        "calls.credentials", "Unknown token or developer token: 105; foreign account: 106.", _D, "error codes"
    ),
    Behaviour(
        "calls.http-status",
        "HTTP 401 for 105, 403 for 106, 429 for 117 (`http_status_of_117`), 400 otherwise (`http_status_of_4204`).",
        _A,
        "not stated",
    ),
    Behaviour(
        "calls.pilot-features",
        "GetCustomerPilotFeatures returns feature 579 (a setting).",
        _A,
        "page; path: Java SDK",
    ),
    Behaviour("calls.missing-headers", "Missing headers: 116.", _D, "error codes"),
    Behaviour(
        "calls.customer-management",
        "Customer Management needs no CustomerId or CustomerAccountId.",
        _D,
        "request headers",
    ),
    Behaviour(
        "calls.long-numbers",
        "64-bit numbers are JSON strings; `int` stays a number.",
        _O,
        "REST SDK's models",
    ),
    Behaviour(
        "calls.strict-shapes",
        "Unknown keys and wrong JSON types: 201.",
        _A,
        "strict on purpose, to show mistakes",
    ),
    Behaviour(
        "calls.account-in-body",
        "AccountId of GetBulkUploadUrl differs from the header: 106.",
        _A,
        "code not stated",
    ),
    Behaviour(
        "calls.only-injected",
        "Only with an injected fault: 108, 119, 120, 202, 207, 303, 833, 1008, 1009, 1010, 1011, 1016, 1029, 1031, "
        "1102, 1490, 3218, 3500, 3603, 4202, "
        "4836, 4862, 8005.",
        _A,
        "nothing in the simulator causes them",
    ),
    Behaviour("calls.tracking-id", "Every answer has the header TrackingId.", _D, "request headers"),
    Behaviour("calls.response-mode", "ResponseMode is ErrorsOnly by default.", _D, "getbulkuploadurl"),
    Behaviour(
        "calls.no-json",
        "A body that is not JSON, or contains text that is not Unicode: 100.",
        _A,
        "code not stated",
    ),
    Behaviour(
        "soap.paths", "SOAP 1.1, document/literal, on the three services' paths.", _D, "WSDL; any case of v13"
    ),
    Behaviour(
        "soap.contract",
        "Names, namespaces and order of elements are those of the WSDL.",
        _D,
        "WSDL of the SDK",
    ),
    Behaviour(
        "soap.slips",
        "A mistake in them, or a value of another type: 201.",
        _A,
        "strict on purpose, to show mistakes",
    ),
    Behaviour(
        "soap.prefixes",
        "Prefixes have no meaning; `Action` is optional.",
        _O,
        "SDK and the pages' templates",
    ),
    Behaviour(
        "soap.operation",
        "SOAPAction selects the operation, or else the body's element.",
        _A,
        "the second: for convenience",
    ),
    Behaviour(
        "soap.tracking-id",
        "Every answer has the header TrackingId, including faults.",
        _O,
        "the SDK fails without it",
    ),
    Behaviour(
        "soap.nil", "Elements without a value are nil, never left out.", _O, "the SDK fails without it"
    ),
    Behaviour(
        "soap.type",
        "`i:type` gives the type of an audience; the element Type is ignored.",
        _A,
        "read-only field",
    ),
    Behaviour(
        "soap.none",
        "The text `None` as CustomerId or CustomerAccountId counts as missing: 116.",
        _O,
        "SDK; code assumed",
    ),
    Behaviour(
        "soap.ad-api-fault", "Authentication and call faults: AdApiFaultDetail with Detail.", _D, "WSDL"
    ),
    Behaviour(
        "soap.api-fault",
        "Others: ApiFaultDetail; Customer Management: ApiFault; both with Details.",
        _D,
        "WSDL",
    ),
    Behaviour(
        "soap.http-status",
        "Faults have HTTP status 500 (`soap_fault_status`: 200).",
        _D,
        "pages; 200 was observed",
    ),
    Behaviour(
        "soap.faultstring",
        "The faultstring refers to the details and contains the TrackingId.",
        _O,
        "issues of the SDK",
    ),
    Behaviour(
        "soap.unknown-operation",
        "Unknown operation: a fault ActionNotSupported without detail.",
        _A,
        "as WCF does",
    ),
    Behaviour(
        "soap.broken",
        "Broken XML, a document type, deep nesting, SOAP 1.2: a fault without detail.",
        _A,
        "ours",
    ),
    Behaviour(
        "soap.too-large",
        "More than 16 MiB: HTTP 413; a wrong media type: 415.",
        _A,
        "as WCF does; size assumed",
    ),
    Behaviour(
        "file.url-once",
        "The URL works once and for 15 minutes, then 3224, 3226; unknown: 3220.",
        _D,
        "bulk guide",
    ),
    Behaviour(
        "file.one-file", "One file per form, any field name: 3221, 3222.", _O, "field names of three clients"
    ),
    Behaviour(
        "file.extension",
        "The name must end in .csv, .tsv or .zip, and a zip must be intact: 3223.",
        _D,
        "bulk guide",
    ),
    Behaviour("file.zip-members", "A zip with several files: 3222; with none: 3221.", _A, "code not stated"),
    Behaviour("file.refusal-keeps-url", "A refused file does not use up the URL.", _A, "not stated"),
    Behaviour(
        "file.credential-headers",
        "Headers: AuthenticationToken or Bearer, AccountId or CustomerAccountId.",
        _O,
        "both SDKs",
    ),
    Behaviour(
        "file.http-status", "Bad credentials: HTTP 401; other refusals: 400, flat JSON.", _D, "bulk guide"
    ),
    Behaviour("file.accepted", "Accepted: 200 with TrackingId and RequestId.", _O, "RudderStack's client"),
    Behaviour(
        "file.too-large",
        "More than 100 MB as posted: HTTP 413, 3223.",
        _A,
        "limit documented, answer not stated",
    ),
    Behaviour(
        "file.size-measure",
        "The 100 MB are decimal (`max_file_bytes`) and measure the posted, not the unzipped file (`file_size_counts`).",
        _A,
        "not stated",
    ),
    Behaviour(
        "status.states", "PendingFileUpload, FileUploaded, InProgress, then a final state.", _D, "status page"
    ),
    Behaviour("status.never-posted", "An unused URL stays PendingFileUpload.", _A, "not stated"),
    Behaviour(
        "status.percent", "PercentComplete rises in InProgress and is 0 after a failure.", _D, "status page"
    ),
    Behaviour(
        "status.sdk-states",
        "Expired and Aborted occur only with an injected fault.",
        _O,
        "only in the SDKs' code",
    ),
    Behaviour(
        "status.speed", "Settings define how fast it rises, and how long each state lasts.", _A, "settings"
    ),
    Behaviour("status.unknown-request", "Unknown request id: 4201.", _D, "error codes"),
    Behaviour(
        "status.result-url",
        "Each status call returns a new result URL, valid for 5 minutes (`result_url_seconds`).",
        _D,
        "page; guide: 15",
    ),
    Behaviour(
        "status.result-kept",
        "The file is removed 15 minutes after the end (`results_kept_from`); then there is no URL.",
        _A,
        "guide: from the start",
    ),
    Behaviour("status.gone", "An expired URL: 403; a removed file: 404.", _A, "as Azure storage does"),
    Behaviour(
        "status.result-format",
        "Zip with one CSV: BOM, LF, all Bulk columns (`result_columns`), Format Version row.",
        _O,
        "real results; one page: the uploaded columns",
    ),
    Behaviour(
        "status.result-name",
        "Name inside: BulkUpload-MM-DD-YYYY-<request id>-Results.csv.",
        _O,
        "real results",
    ),
    Behaviour(
        "status.error-row",
        "An error row follows the row of its entity, with Type + ` Error`.",
        _O,
        "real results",
    ),
    Behaviour("status.errors-only", "ErrorsOnly leaves out valid rows.", _O, "real results"),
    Behaviour("status.echo", "Client Id and Text are repeated, even unhashed text.", _O, "real results"),
    Behaviour(
        "status.new-ids",
        "A new list's row and items contain the new Id.",
        _A,
        "documented for the list only",
    ),
    Behaviour(
        "status.error-detail", "The column Error Detail contains our own text.", _A, "its content is unknown"
    ),
    Behaviour("parse.bom", "The file is UTF-8 with a byte order mark.", _D, "bulk guide"),
    Behaviour(
        "parse.no-bom",
        "Without the mark (`bom_required`): UploadFileFormatNotSupported, 3223.",
        _A,
        "real failure unknown",
    ),
    Behaviour(
        "parse.format-version", "Format Version must be 6.0, else 3217; missing: 3219.", _D, "error codes"
    ),
    Behaviour(
        "parse.format-version-state",
        "Both end as UploadFileFormatNotSupported.",
        _A,
        "the state is not documented",
    ),
    Behaviour(
        "parse.columns",
        "Any column order, unknown columns, quotes, and CRLF or LF are accepted.",
        _D,
        "file schema",
    ),
    Behaviour("parse.ragged", "Ragged rows are accepted.", _O, "Microsoft's own example of 2021"),
    Behaviour(
        "parse.unknown-type",
        "A row of unknown Type: 4203; other rows are processed.",
        _A,
        "code documented, effect not stated",
    ),
    Behaviour(
        "parse.too-many-rows",
        "Too many rows: UploadFileRowCountExceeded with 3225, nothing applied.",
        _A,
        "split",
    ),
    Behaviour("parse.zip-bomb", "A zip of more than 4 GB unzipped is refused.", _A, "protects the machine"),
    Behaviour(
        "lists.fields", "Name 1-128: 4838; description up to 1024: 4841; unique: 4853.", _D, "customer-list"
    ),
    Behaviour(
        "lists.name-compared",
        "Names are compared exactly (`names_ignore_case`), over the whole customer.",
        _A,
        "not stated",
    ),
    Behaviour(
        "lists.duration",
        "Duration -1 or 1 to 390 days (`max_membership_days`), 30 if empty: 4842.",
        _D,
        "one of four statements",
    ),
    Behaviour(
        "lists.lapse",
        "A membership expires when the duration has passed since the member was added.",
        _A,
        "the start is not stated",
    ),
    Behaviour(
        "lists.renewed",
        "A member added again, by Add or Replace, stays for another full duration.",
        _A,
        "not stated",
    ),
    Behaviour(
        "lists.duration-changed",
        "A new duration applies to present members from their addition; if it was -1, from now.",
        _A,
        "not stated",
    ),
    Behaviour(
        "lists.scope",
        "Scope Customer or Account (`account_scope_in_bulk`): 4849.",
        _D,
        "the page contradicts its example",
    ),
    Behaviour(
        "lists.parent", "A given Parent Id must fit the scope: 4843; foreign: 4848.", _D, "error codes"
    ),
    Behaviour(
        "lists.unknown-id", "Unknown Id: 4835 on the list and 8000 on each of its items.", _O, "real results"
    ),
    Behaviour(
        "lists.same-id-twice", "The same Id in two list rows: 4837 on the second.", _A, "code not stated"
    ),
    Behaviour(
        "lists.action-missing",
        "Items for an existing list without Action Type: 8001 on the items.",
        _A,
        "which row is not stated",
    ),
    Behaviour(
        "lists.new-ignores-action", "Action Type is ignored for new lists (always Add).", _D, "customer-list"
    ),
    Behaviour(
        "lists.action-delete",
        "Action Type `Delete` does not mean Remove: 8001 (`delete_removes`).",
        _A,
        "the error's page mentions it",
    ),
    Behaviour(
        "lists.delete", "Status Deleted deletes a list; used by an ad group: 4854.", _D, "customer-list"
    ),
    Behaviour(
        "lists.terms-false",
        "Terms False: 8003 on the list and its items; the list is not created (`terms_false_fails_upload`).",
        _A,
        "'upload fails'",
    ),
    Behaviour(
        "lists.terms-needed",
        "Terms neither accepted before (`terms_accepted`) nor in the file: 8003 on items, except with Remove.",
        _D,
        "customerlist",
    ),
    Behaviour(
        "lists.terms-per-upload", "Acceptance in one upload does not apply to the next.", _A, "'per upload'"
    ),
    Behaviour(
        "items.list-row-first",
        "The list row must be in the same file, before its items: 8000.",
        _D,
        "bulk guide",
    ),
    Behaviour(
        "items.key-or-name",
        "An item refers to its list by Parent Id (also a negative key) or by Audience.",
        _D,
        "customer-list-item",
    ),
    Behaviour("items.sub-type", "Sub Type other than Email: 8002.", _D, "customer-list-item"),
    Behaviour("items.hash", "Text other than 64 hex digits: 8004.", _O, "real results"),
    Behaviour("items.empty-text", "Empty Text: 8006.", _A, "code documented, use not stated"),
    Behaviour(
        "items.upper-case",
        "Upper-case hex is refused (`upper_case_hashes` accepts it).",
        _A,
        "strict on purpose",
    ),
    Behaviour(
        "items.client-id",
        "Client Id of more than 100 characters: 201.",
        _A,
        "limit documented, code not stated",
    ),
    Behaviour(
        "items.first-fault", "One error row per item, for its first error.", _A, "several rows are possible"
    ),
    Behaviour(
        "items.duplicates",
        "Duplicates count once (`duplicates_refused`); removing an absent member is not an error.",
        _A,
        "not stated",
    ),
    Behaviour(
        "items.partial-success",
        "Valid rows are applied even if others fail.",
        _D,
        "bulk guide: partial success",
    ),
    Behaviour(
        "items.at-once",
        "All changes of a file take effect at once, including a Replace (`replace_is_atomic`).",
        _A,
        "not stated",
    ),
    Behaviour(
        "items.empty-replace",
        "Replace without items empties the list (`empty_replace_clears`).",
        _A,
        "literal reading",
    ),
    Behaviour(
        "items.refused-replace",
        "A Replace whose items are all refused because of the list does not empty it.",
        _A,
        "not stated",
    ),
    Behaviour(
        "items.side-by-side",
        "Concurrent files for one list are applied in any order.",
        _D,
        "order not guaranteed",
    ),
    Behaviour(
        "audiences.partial-success",
        "Partial success with Index; the ids of failed audiences are null.",
        _D,
        "addaudiences",
    ),
    Behaviour(
        "audiences.batch-limits",
        "Null, empty, too many: 4844, 4850, 4851, 4852; null entry 4845.",
        _D,
        "error codes",
    ),
    Behaviour(
        "audiences.ids", "An Id for a new list: 4847; no Id for an existing one: 4846.", _D, "error codes"
    ),
    Behaviour(
        "audiences.empty-ids", "`AudienceIds: []` is refused; null or absent returns all.", _O, "RETL's tests"
    ),
    Behaviour(
        "audiences.unknown-id", "Unknown id: null and 4835; the same id twice: 4837.", _D, "getaudiencesbyids"
    ),
    Behaviour(
        "audiences.only-customer-lists",
        "Only customer lists exist; other types: 4859, 4861.",
        _A,
        "not simulated",
    ),
    Behaviour(
        "audiences.update",
        "UpdateAudiences changes customer lists (`updates_customer_lists`).",
        _A,
        "two pages disagree",
    ),
    Behaviour(
        "audiences.scope-change",
        "Scope can change from Account to Customer, not back: 4855.",
        _D,
        "customerlist",
    ),
    Behaviour(
        "audiences.sizes",
        "Sizes are null for 24 hours (`size_delay_seconds`), then the number of members.",
        _A,
        "no matching is simulated; pages: 24 or 48",
    ),
    Behaviour(
        "audiences.apply-limit",
        "Apply: up to 1,000 items per call, else 6999.",
        _D,
        "limit; the code is assumed",
    ),
    Behaviour(
        "audiences.apply-whole-call",
        "Apply: unknown list 8000, terms 8003, sub type 8002 fail the whole call.",
        _A,
        "not stated",
    ),
    Behaviour(
        "audiences.apply-items",
        "Apply: invalid items are PartialErrors, valid ones are applied.",
        _D,
        "applycustomerlist…",
    ),
    Behaviour(
        "audiences.apply-items-deprecated",
        "ApplyCustomerListItems is not offered.",
        _A,
        "deprecated; its WSDL contains no items",
    ),
    Behaviour(
        "records.as-a-file",
        "Header, Format Version and data lines as strings, processed like a file.",
        _O,
        "SDKs",
    ),
    Behaviour(
        "records.lists-accepted", "Customer lists are accepted.", _A, "no page documents the operation"
    ),
    Behaviour(
        "records.at-once",
        "The answer contains the lines of the result file at once, with RequestId null.",
        _O,
        "SDKs read it",
    ),
    Behaviour(
        "records.status",
        "RequestStatus then has the value of an upload.",
        _A,
        "SDKs check for InProgress only",
    ),
    Behaviour(
        "records.async", "`entity_records` async: RequestId and InProgress, then polled.", _O, "SDKs poll it"
    ),
    Behaviour(
        "records.unsupported",
        "`entity_records` unsupported: 204 as ApiFaultDetail.",
        _O,
        "SDKs expect it there",
    ),
    Behaviour(
        "records.limit", "More than 1,000 data lines: 3225.", _A, "SDKs' threshold; the code is assumed"
    ),
    Behaviour("records.empty", "Null or empty: 206.", _A, "code documented, use not stated"),
    Behaviour(
        "records.no-bulk-file",
        "Content that is not a Bulk file: Errors, and no EntityRecords.",
        _A,
        "the field's purpose",
    ),
    Behaviour(
        "records.account", "AccountId is required: 1030; differs from the header: 106.", _A, "code not stated"
    ),
    Behaviour(
        "records.throttling",
        "Calls do not count for 4204; async ones count for 3227.",
        _A,
        "4204's page leaves it out",
    ),
    Behaviour(
        "downloads.account",
        "Exactly one account, else 3306, 3201; other than the header's: 106.",
        _D,
        "download page, error codes",
    ),
    Behaviour(
        "downloads.entities", "At least one entity: 3210; Format Version 6.0: 3217, 3219.", _D, "error codes"
    ),
    Behaviour(
        "downloads.other-entities",
        "Entities other than CustomerLists: 3211.",
        _A,
        "not simulated; the code exists",
    ),
    Behaviour(
        "downloads.scope",
        "DataScope is EntityData by default; unknown values: 3228.",
        _D,
        "datascope, error codes",
    ),
    Behaviour(
        "downloads.quality-scores",
        "Quality scores or bid suggestions with a sync time: 3213.",
        _A,
        "forbidden; code not stated",
    ),
    Behaviour("downloads.formats", "Csv (default) or Tsv, Zip (default) or GZip.", _D, "download page"),
    Behaviour(
        "downloads.states", "InProgress, then Completed, with the times of uploads.", _D, "times are assumed"
    ),
    Behaviour(
        "downloads.failed", "Failed, FailedFullSyncRequired: only with an injected fault.", _D, "status page"
    ),
    Behaviour(
        "downloads.file",
        "The file is compressed; BOM, LF, all Bulk columns, Format Version row.",
        _A,
        "as result files",
    ),
    Behaviour(
        "downloads.account-row", "An Account row with its Sync Time comes first.", _D, "account record"
    ),
    Behaviour(
        "downloads.lists",
        "All existing lists that the account may use, with their sizes if known.",
        _D,
        "customer-list",
    ),
    Behaviour(
        "downloads.moment", "The file contains the lists at the time of the request.", _A, "not stated"
    ),
    Behaviour(
        "downloads.since",
        "LastSyncTimeInUTC: only lists changed, added or deleted since then.",
        _D,
        "download page",
    ),
    Behaviour(
        "downloads.member-changes", "A change of members counts as a change of their list.", _A, "not stated"
    ),
    Behaviour(
        "downloads.sync-times",
        "A sync time in the future: 3208; more than 30 days ago: 3209.",
        _D,
        "code of the latter assumed",
    ),
    Behaviour(
        "downloads.fresh-url", "Each status call returns a new URL, valid for 5 minutes.", _D, "status page"
    ),
    Behaviour("downloads.request-id-life", "A request id is valid for two days.", _D, "status page"),
    Behaviour(
        "downloads.unknown-id",
        "Unknown, foreign or expired request id: 3205.",
        _A,
        "code documented; or 4201",
    ),
    Behaviour(
        "downloads.counted-apart",
        "Upload and download calls are counted separately: 4204.",
        _D,
        "throttling; number assumed",
    ),
    Behaviour(
        "downloads.by-campaigns",
        "DownloadCampaignsByCampaignIds is not offered.",
        _A,
        "there are no campaigns",
    ),
    Behaviour(
        "limits.rows",
        "Rows per file: 4,000,000 (`max_rows`); sandbox 20,000.",
        _D,
        "guide; sandbox page: 2.5 M",
    ),
    Behaviour(
        "limits.header-not-counted", "Header and Format Version do not count as rows.", _A, "not stated"
    ),
    Behaviour(
        "limits.parallel",
        "At most 6 uploads of a customer in progress (sandbox: 1), else 3227.",
        _D,
        "5-6; code assumed",
    ),
    Behaviour("limits.calls", "Limited calls per customer and minute: 117.", _D, "the number is assumed"),
    Behaviour(
        "limits.upload-urls",
        "Limited upload URLs per account and 15 minutes: 4204.",
        _D,
        "the number is assumed",
    ),
    Behaviour(
        "limits.lists",
        "The number of lists is unlimited by default; with a setting: 4865, 4866.",
        _D,
        "none documented",
    ),
    Behaviour(
        "kept.accepted-file",
        "An accepted file is on disk before 200 is returned.",
        _A,
        "as a service must do",
    ),
    Behaviour(
        "kept.resumed", "After a crash, unfinished uploads are processed again from the start.", _A, "ours"
    ),
    Behaviour(
        "msads.lists",
        "It adds, finds, changes, fills and deletes lists, and returns the signed-in user.",
        _O,
        "run",
    ),
    Behaviour("msads.uploads", "It uploads files, and fewer or more than 1,000 entities.", _O, "run"),
    Behaviour("msads.downloads", "It downloads all customer lists, or the changed ones.", _O, "run"),
    Behaviour("msads.tokens", "Defect: it does not renew tokens; the caller gets the 401.", _O, "run"),
    Behaviour("msads.failed-upload", "Defect: a status with Errors crashes it; the code is lost.", _O, "run"),
    Behaviour(
        "msads.no-fallback", "Defect: it cannot read 204, so it does not fall back to a file.", _O, "run"
    ),
    Behaviour("msads.call-rate", "Defect: it cannot read 117, so it does not wait.", _O, "run"),
    Behaviour("msads.null-ids", "Defect: AddAudiences with a refused audience crashes it.", _O, "run"),
    Behaviour("msads.tracking-id", "Defect: it does not return the header TrackingId.", _O, "run"),
    Behaviour("msads.number-ids", "Defect: Bulk accepts account ids as text only.", _O, "run"),
    Behaviour("msads.file-name", "Defect: a download without a file name crashes it.", _O, "run"),
    Behaviour("msads.renamed-file", "By default it renames the caller's file.", _O, "run"),
    Behaviour("msads.line-breaks", "Defect: small uploads lose spaces around line breaks.", _O, "run"),
)
