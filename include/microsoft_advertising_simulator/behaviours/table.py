"""What the simulator imitates, how sure we are that the live service does the same: one row for each behaviour.

`page.py` makes `docs/simulator.md` of it. A new row is one line here, and ``@pytest.mark.behaviour("area.key")`` on
each test that proves it; a row without a test is refused by
`tests/microsoft_advertising_simulator/behaviours/test_table.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["AREAS", "BEHAVIOURS", "Basis", "Behaviour"]


class Basis(StrEnum):
    """How we know."""

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
        "kept": "What is kept",
        "msads": "The official REST SDK, msads 13.0.30.1, unmodified; its known defects",
    }
)
"""Headings of the page by the first part of a key."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing that the simulator does.

    Args:
        key: ``area.name``, which tests bear as their mark; it stays when the wording changes.
        what: What it does.
        basis: How we know that the service does so.
        source: Page, evidence, or the reason for an assumption.
    """

    key: str
    what: str
    basis: Basis
    source: str

    @property
    def area(self) -> str:
        """Heading that it stands under."""
        return AREAS[self.key.partition(".")[0]]


_D, _O, _A = Basis.DOCUMENTED, Basis.OBSERVED, Basis.ASSUMED

BEHAVIOURS: Final = (
    Behaviour(
        "sign-in.access-token-lifetime", "Access tokens live 3599 seconds.", _D, "get-tokens page, example"
    ),
    Behaviour(
        "sign-in.rotation",
        "Each refresh gives a new refresh token; the old one stays valid.",
        _D,
        "get-tokens",
    ),
    Behaviour(
        "sign-in.strict-rotation",
        "`strict_rotation`: a refresh token works once.",
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
        "sign-in.scope", "Another scope than msads.manage: `invalid_grant`, AADSTS70000.", _D, "error page"
    ),
    Behaviour(
        "sign-in.unknown-client", "Unknown client id: `unauthorized_client`, AADSTS700016.", _D, "error page"
    ),
    Behaviour(
        "sign-in.wrong-secret", "Wrong secret: 401 `invalid_client`, AADSTS7000215.", _A, "as Entra ID does"
    ),
    Behaviour(
        "sign-in.unknown-fields",
        "Unknown form fields are ignored; scope may be missing.",
        _O,
        "what SDKs send",
    ),
    Behaviour("sign-in.any-tenant", "Any tenant name is accepted.", _A, "tenants are not simulated"),
    Behaviour("sign-in.discovery", "Discovery documents name the real host with https.", _O, "msal needs it"),
    Behaviour("sign-in.page", "A page asks the user: who wants what; Accept or Decline.", _D, "consent page"),
    Behaviour("sign-in.accepted", "Accepted: `code` and `state` at the redirect URI.", _D, "consent page"),
    Behaviour("sign-in.declined", "Declined: `access_denied`, AADSTS65004, and `state`.", _D, "consent page"),
    Behaviour(
        "sign-in.unknown-redirect",
        "Unknown client or redirect URI: a page says so, 50011.",
        _A,
        "as Entra ID does",
    ),
    Behaviour(
        "sign-in.foreign-scope",
        "A foreign scope goes back as `invalid_scope`, AADSTS70011.",
        _A,
        "as Entra ID does",
    ),
    Behaviour(
        "sign-in.form-post", "`form_post`: the answer as a form that posts itself.", _D, "consent page"
    ),
    Behaviour(
        "sign-in.response-type",
        "Other response types than code, and the response mode fragment, are refused.",
        _A,
        "others are not simulated",
    ),
    Behaviour(
        "sign-in.localhost", "`http://localhost` is registered for every port.", _A, "as Entra ID does"
    ),
    Behaviour(
        "sign-in.nativeclient", "Public clients may also name the nativeclient page.", _D, "register page"
    ),
    Behaviour(
        "sign-in.code-life", "A code lives 5 minutes: then `invalid_grant`, 70008.", _D, "consent page: about"
    ),
    Behaviour(
        "sign-in.code-once", "A code works once: then `invalid_grant`, AADSTS54005.", _D, "Entra error codes"
    ),
    Behaviour(
        "sign-in.code-client",
        "A code works for its client only: `invalid_grant`, 70000.",
        _A,
        "code not stated",
    ),
    Behaviour(
        "sign-in.code-redirect", "Another redirect URI at the token call: AADSTS50011.", _D, "error page"
    ),
    Behaviour(
        "sign-in.pkce", "PKCE, S256 or plain: a wrong verifier is AADSTS501481.", _D, "Entra error codes"
    ),
    Behaviour("sign-in.pkce-optional", "PKCE may be left out.", _D, "consent page: recommended"),
    Behaviour(
        "sign-in.offline-access",
        "A refresh token only if `offline_access` was asked for.",
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
        "So does a secret with a token obtained without one.",
        _D,
        "get-tokens page",
    ),
    Behaviour(
        "sign-in.web-without-secret",
        "A web client without a secret: AADSTS7000218, 401.",
        _A,
        "as Entra ID does",
    ),
    Behaviour("sign-in.token-client", "A refresh token works for its client only.", _A, "code not stated"),
    Behaviour(
        "calls.expired-token", "Expired token: HTTP 401, 109 as AdApiFaultDetail.", _O, "Segment's connector"
    ),
    Behaviour(
        "calls.credentials", "Unknown token or developer token: 105; foreign account: 106.", _D, "error codes"
    ),
    Behaviour(
        "calls.http-status",
        "HTTP 401 for 105, 403 for 106, 429 for 117 (`http_status_of_117`), 400 for all else (`http_status_of_4204`).",
        _A,
        "not stated",
    ),
    Behaviour(
        "calls.pilot-features",
        "GetCustomerPilotFeatures names feature 579, a setting.",
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
        "strict on purpose, to show slips",
    ),
    Behaviour(
        "calls.account-in-body",
        "AccountId of GetBulkUploadUrl differs from the header: 106.",
        _A,
        "code not stated",
    ),
    Behaviour(
        "calls.only-injected",
        "Only by an injected fault: 108, 119, 120, 202, 207, 303, 833, 1008, 1009, 1010, 1011, 1016, 1029, 1031, "
        "1102, 1490, 3218, 3500, 3603, 4202, "
        "4836, 4862, 8005.",
        _A,
        "nothing here brings them about",
    ),
    Behaviour("calls.tracking-id", "Every answer has the header TrackingId.", _D, "request headers"),
    Behaviour(
        "calls.response-mode", "ResponseMode is ErrorsOnly unless asked otherwise.", _D, "getbulkuploadurl"
    ),
    Behaviour(
        "calls.no-json",
        "A body that is no JSON, or holds text that is no Unicode: 100.",
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
        "A slip in them, or a value of another type: 201.",
        _A,
        "strict on purpose, to show slips",
    ),
    Behaviour(
        "soap.prefixes",
        "Prefixes mean nothing; `Action` may be there or not.",
        _O,
        "SDK and the pages' templates",
    ),
    Behaviour(
        "soap.operation",
        "The operation: SOAPAction, else the body's element.",
        _A,
        "the second: only to be kind",
    ),
    Behaviour(
        "soap.tracking-id",
        "Every answer has the header TrackingId, faults too.",
        _O,
        "the SDK fails without it",
    ),
    Behaviour(
        "soap.nil", "What has no value is said as nil, never left out.", _O, "the SDK fails without it"
    ),
    Behaviour(
        "soap.type", "`i:type` says what an audience is; an element Type does not.", _A, "read-only field"
    ),
    Behaviour(
        "soap.none",
        "The text `None` as CustomerId or CustomerAccountId is not sent: 116.",
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
        "Faults come with HTTP 500 (`soap_fault_status`: 200).",
        _D,
        "pages; 200 was observed",
    ),
    Behaviour(
        "soap.faultstring",
        "The faultstring asks for the details and names the TrackingId.",
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
        "More than 16 MiB: HTTP 413; another media type: 415.",
        _A,
        "as WCF does; size assumed",
    ),
    Behaviour(
        "file.url-once", "The URL works once and for 15 minutes: 3224, 3226; unknown: 3220.", _D, "bulk guide"
    ),
    Behaviour(
        "file.one-file", "One file per form, any field name: 3221, 3222.", _O, "field names of three clients"
    ),
    Behaviour(
        "file.extension", "The name ends in .csv, .tsv or .zip, and a zip is sound: 3223.", _D, "bulk guide"
    ),
    Behaviour("file.zip-members", "A zip with several files: 3222; with none: 3221.", _A, "code not stated"),
    Behaviour("file.refusal-keeps-url", "A refused file does not use up the URL.", _A, "not stated"),
    Behaviour(
        "file.credential-headers",
        "AuthenticationToken or Bearer, AccountId or CustomerAccountId.",
        _O,
        "both SDKs",
    ),
    Behaviour(
        "file.http-status", "Bad credentials: HTTP 401; other refusals: 400, flat JSON.", _D, "bulk guide"
    ),
    Behaviour("file.accepted", "Accepted: 200 with TrackingId and RequestId.", _O, "RudderStack's client"),
    Behaviour(
        "file.too-large", "Beyond 100 MB as posted: HTTP 413, 3223.", _A, "limit documented, answer not"
    ),
    Behaviour(
        "file.size-measure",
        "The 100 MB are decimal (`max_file_bytes`) and do not count the unzipped file (`file_size_counts`).",
        _A,
        "not stated",
    ),
    Behaviour(
        "status.states", "PendingFileUpload, FileUploaded, InProgress, then an end.", _D, "status page"
    ),
    Behaviour("status.never-posted", "A URL that is never used stays PendingFileUpload.", _A, "not stated"),
    Behaviour(
        "status.percent", "PercentComplete rises in InProgress and is 0 after a failure.", _D, "status page"
    ),
    Behaviour(
        "status.sdk-states",
        "Expired and Aborted are never seen, but by an injected fault.",
        _O,
        "only in the SDKs' code",
    ),
    Behaviour("status.speed", "How fast it rises, and how long each state lasts.", _A, "settings"),
    Behaviour("status.unknown-request", "Unknown request id: 4201.", _D, "error codes"),
    Behaviour(
        "status.result-url",
        "Each status call mints a fresh result URL, valid 5 minutes (`result_url_seconds`).",
        _D,
        "page; guide: 15",
    ),
    Behaviour(
        "status.result-kept",
        "The file is removed 15 minutes after the end (`results_kept_from`); then no URL.",
        _A,
        "guide: from the start",
    ),
    Behaviour("status.gone", "An expired URL: 403; a removed file: 404.", _A, "as Azure storage does"),
    Behaviour(
        "status.result-format",
        "Zip with one CSV: BOM, LF, all Bulk columns (`result_columns`), Format Version row.",
        _O,
        "real results; a page: those uploaded",
    ),
    Behaviour(
        "status.result-name",
        "Name inside: BulkUpload-MM-DD-YYYY-<request id>-Results.csv.",
        _O,
        "real results",
    ),
    Behaviour(
        "status.error-row", "An error row follows its entity's row, with Type + ` Error`.", _O, "real results"
    ),
    Behaviour("status.errors-only", "ErrorsOnly leaves out good rows.", _O, "real results"),
    Behaviour("status.echo", "Client Id and Text are echoed, plain text too.", _O, "real results"),
    Behaviour(
        "status.new-ids",
        "A created list's row and items carry the new Id.",
        _A,
        "documented for the list only",
    ),
    Behaviour(
        "status.error-detail", "The column Error Detail holds our own words.", _A, "its content was not seen"
    ),
    Behaviour("parse.bom", "UTF-8 with byte order mark.", _D, "bulk guide"),
    Behaviour(
        "parse.no-bom",
        "Without it (`bom_required`): UploadFileFormatNotSupported, 3223.",
        _A,
        "real failure unknown",
    ),
    Behaviour("parse.format-version", "Format Version 6.0: else 3217; missing: 3219.", _D, "error codes"),
    Behaviour(
        "parse.format-version-state",
        "Both end as UploadFileFormatNotSupported.",
        _A,
        "the state is not stated",
    ),
    Behaviour("parse.columns", "Any column order, unknown columns, quotes, CRLF or LF.", _D, "file schema"),
    Behaviour("parse.ragged", "Ragged rows.", _O, "Microsoft's own example of 2021"),
    Behaviour(
        "parse.unknown-type",
        "A row of unknown Type: 4203; other rows go on.",
        _A,
        "code documented, effect not",
    ),
    Behaviour(
        "parse.too-many-rows",
        "Too many rows: UploadFileRowCountExceeded with 3225, nothing applied.",
        _A,
        "split",
    ),
    Behaviour(
        "parse.zip-bomb", "A zip that unpacks to more than 4 GB is refused.", _A, "protects the machine"
    ),
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
        "A member lapses when the duration has passed since it was added.",
        _A,
        "to what it counts",
    ),
    Behaviour(
        "lists.renewed", "Added again, by Add or Replace, it stays for the whole duration.", _A, "not stated"
    ),
    Behaviour(
        "lists.duration-changed",
        "A new duration counts for those who are there, from when they were added; from -1: from now.",
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
        "lists.same-id-twice", "The same Id on two list rows: 4837 on the second.", _A, "code not stated"
    ),
    Behaviour(
        "lists.action-missing",
        "Items for an existing list without Action Type: 8001 on the items.",
        _A,
        "where",
    ),
    Behaviour("lists.new-ignores-action", "Action Type is ignored for new lists: Add.", _D, "customer-list"),
    Behaviour(
        "lists.action-delete",
        "Action Type `Delete` is no other word for Remove: 8001 (`delete_removes`).",
        _A,
        "the error's page names it",
    ),
    Behaviour("lists.delete", "Status Deleted deletes; in use by an ad group: 4854.", _D, "customer-list"),
    Behaviour(
        "lists.terms-false",
        "Terms False: 8003 on the list and its items; the list is not made (`terms_false_fails_upload`).",
        _A,
        "'upload fails'",
    ),
    Behaviour(
        "lists.terms-needed",
        "Terms not accepted (`terms_accepted`) and not said: 8003 on items; Remove is free.",
        _D,
        "customerlist",
    ),
    Behaviour(
        "lists.terms-per-upload", "Acceptance in one upload does not count for the next.", _A, "'per upload'"
    ),
    Behaviour(
        "items.list-row-first",
        "The list row must be in the same file, before its items: 8000.",
        _D,
        "bulk guide",
    ),
    Behaviour(
        "items.key-or-name", "By Parent Id (also a negative key) or by Audience.", _D, "customer-list-item"
    ),
    Behaviour("items.sub-type", "Sub Type Email only: 8002.", _D, "customer-list-item"),
    Behaviour("items.hash", "Text of 64 hex digits: 8004.", _O, "real results"),
    Behaviour("items.empty-text", "Empty Text: 8006.", _A, "code documented, use not"),
    Behaviour(
        "items.upper-case",
        "Upper-case hex is refused (`upper_case_hashes` accepts it).",
        _A,
        "strict on purpose",
    ),
    Behaviour("items.client-id", "Client Id beyond 100 characters: 201.", _A, "limit documented, code not"),
    Behaviour("items.first-fault", "One error row per item: the first fault.", _A, "several are possible"),
    Behaviour(
        "items.duplicates",
        "Duplicates count once (`duplicates_refused`); removing what is not there is no error.",
        _A,
        "not stated",
    ),
    Behaviour(
        "items.partial-success", "Good rows are applied beside bad ones.", _D, "bulk guide: partial success"
    ),
    Behaviour(
        "items.at-once",
        "All changes of a file appear at once, those of a Replace too (`replace_is_atomic`).",
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
        "A Replace whose items are all refused with the list does not empty it.",
        _A,
        "not stated",
    ),
    Behaviour("items.side-by-side", "Files for one list sent side by side: any order.", _D, "not guaranteed"),
    Behaviour(
        "audiences.partial-success",
        "Partial success with Index; ids are null where it failed.",
        _D,
        "addaudiences",
    ),
    Behaviour(
        "audiences.batch-limits",
        "Null, empty, too many: 4844, 4850, 4851, 4852; null entry 4845.",
        _D,
        "error codes",
    ),
    Behaviour("audiences.ids", "An Id on a new list: 4847; none on an old one: 4846.", _D, "error codes"),
    Behaviour(
        "audiences.empty-ids", "`AudienceIds: []` is refused; null or absent gives all.", _O, "RETL's tests"
    ),
    Behaviour(
        "audiences.unknown-id", "Unknown id: null and 4835; the same id twice: 4837.", _D, "getaudiencesbyids"
    ),
    Behaviour(
        "audiences.only-customer-lists", "Only customer lists exist; others: 4859, 4861.", _A, "not simulated"
    ),
    Behaviour(
        "audiences.update",
        "UpdateAudiences changes customer lists (`updates_customer_lists`).",
        _A,
        "two pages disagree",
    ),
    Behaviour(
        "audiences.scope-change", "Scope may go from Account to Customer, not back: 4855.", _D, "customerlist"
    ),
    Behaviour(
        "audiences.sizes",
        "Sizes are null for 24 hours (`size_delay_seconds`), then the number of members.",
        _A,
        "no matching here; pages: 24 or 48",
    ),
    Behaviour(
        "audiences.apply-limit",
        "Apply: up to 1,000 items a call, else 6999.",
        _D,
        "limit; the code is assumed",
    ),
    Behaviour(
        "audiences.apply-whole-call",
        "Apply: unknown list 8000, terms 8003, sub type 8002: whole call.",
        _A,
        "not stated",
    ),
    Behaviour(
        "audiences.apply-items",
        "Apply: bad items as PartialErrors, good ones applied.",
        _D,
        "applycustomerlist…",
    ),
    Behaviour(
        "audiences.apply-items-deprecated",
        "ApplyCustomerListItems is not served.",
        _A,
        "deprecated; its WSDL carries no items",
    ),
    Behaviour(
        "records.as-a-file",
        "Header, Format Version and data lines as strings, processed as a file.",
        _O,
        "SDKs",
    ),
    Behaviour(
        "records.lists-accepted", "Customer lists are accepted at all.", _A, "no page documents the operation"
    ),
    Behaviour(
        "records.at-once",
        "Answered at once, RequestId null: the lines of the result file.",
        _O,
        "SDKs read it",
    ),
    Behaviour(
        "records.status", "RequestStatus is then that of an upload.", _A, "SDKs look for InProgress only"
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
    Behaviour("records.limit", "Beyond 1,000 data lines: 3225.", _A, "SDKs' threshold; the code is assumed"),
    Behaviour("records.empty", "Null or empty: 206.", _A, "code documented, use not"),
    Behaviour(
        "records.no-bulk-file",
        "What is no Bulk file: Errors, and no EntityRecords.",
        _A,
        "the field's purpose",
    ),
    Behaviour(
        "records.account", "AccountId is required: 1030; differs from the header: 106.", _A, "code not stated"
    ),
    Behaviour(
        "records.throttling",
        "Not counted for 4204; async ones count for 3227.",
        _A,
        "4204's page leaves it out",
    ),
    Behaviour(
        "downloads.account",
        "One account: 3306, 3201; not the header's: 106.",
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
        "DataScope EntityData if not said; unknown values: 3228.",
        _D,
        "datascope, error codes",
    ),
    Behaviour(
        "downloads.quality-scores",
        "Quality scores or bid suggestions with a sync time: 3213.",
        _A,
        "forbidden; code not",
    ),
    Behaviour("downloads.formats", "Csv or Tsv, Zip or GZip; the former if not said.", _D, "download page"),
    Behaviour(
        "downloads.states", "InProgress, then Completed; times are those of uploads.", _D, "times are assumed"
    ),
    Behaviour(
        "downloads.failed", "Failed, FailedFullSyncRequired: only by an injected fault.", _D, "status page"
    ),
    Behaviour(
        "downloads.file",
        "The file is compressed; BOM, LF, all Bulk columns, Format Version row.",
        _A,
        "as results",
    ),
    Behaviour(
        "downloads.account-row", "An Account row with its Sync Time comes first.", _D, "account record"
    ),
    Behaviour(
        "downloads.lists",
        "All living lists that the account may use, with sizes once known.",
        _D,
        "customer-list",
    ),
    Behaviour("downloads.moment", "The lists are those of the moment of the request.", _A, "not stated"),
    Behaviour(
        "downloads.since",
        "LastSyncTimeInUTC: only lists changed, added or deleted since.",
        _D,
        "download page",
    ),
    Behaviour("downloads.member-changes", "A changed member changes its list.", _A, "not stated"),
    Behaviour(
        "downloads.sync-times",
        "A sync time ahead: 3208; more than 30 days back: 3209.",
        _D,
        "code of the latter: assumed",
    ),
    Behaviour(
        "downloads.fresh-url", "Each status call mints a fresh URL, valid 5 minutes.", _D, "status page"
    ),
    Behaviour("downloads.request-id-life", "A request id lives two days.", _D, "status page"),
    Behaviour(
        "downloads.unknown-id", "Unknown, foreign or dead request id: 3205.", _A, "code documented; or 4201"
    ),
    Behaviour(
        "downloads.counted-apart",
        "Upload and download calls are counted apart: 4204.",
        _D,
        "throttling; number assumed",
    ),
    Behaviour(
        "downloads.by-campaigns",
        "DownloadCampaignsByCampaignIds is not served.",
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
        "At most 6 uploads of a customer in work; sandbox 1: 3227.",
        _D,
        "5-6; code assumed",
    ),
    Behaviour("limits.calls", "Calls per customer and minute: 117.", _D, "the number is assumed"),
    Behaviour(
        "limits.upload-urls", "Upload URLs per account and 15 minutes: 4204.", _D, "the number is assumed"
    ),
    Behaviour(
        "limits.lists", "No limit to the number of lists unless set: 4865, 4866.", _D, "none documented"
    ),
    Behaviour(
        "kept.accepted-file", "An accepted file is on disk before 200 is answered.", _A, "what a service owes"
    ),
    Behaviour(
        "kept.resumed", "After a crash unfinished uploads are processed again from the start.", _A, "ours"
    ),
    Behaviour(
        "msads.lists", "It adds, finds, changes, fills and deletes lists; it tells who signed in.", _O, "run"
    ),
    Behaviour("msads.uploads", "It uploads files, and entities up to and beyond 1,000.", _O, "run"),
    Behaviour("msads.downloads", "It downloads customer lists, all or those that changed.", _O, "run"),
    Behaviour("msads.tokens", "Defect: it renews no token; the caller sees the 401.", _O, "run"),
    Behaviour("msads.failed-upload", "Defect: a status with Errors crashes it; the code is lost.", _O, "run"),
    Behaviour("msads.no-fallback", "Defect: it cannot read 204, so does not fall back to a file.", _O, "run"),
    Behaviour("msads.call-rate", "Defect: it cannot read 117, so does not wait for it.", _O, "run"),
    Behaviour("msads.null-ids", "Defect: AddAudiences with a refused audience crashes it.", _O, "run"),
    Behaviour("msads.tracking-id", "Defect: it never gives out the header TrackingId.", _O, "run"),
    Behaviour("msads.number-ids", "Defect: Bulk takes account ids as text only.", _O, "run"),
    Behaviour("msads.file-name", "Defect: a download without a file name crashes it.", _O, "run"),
    Behaviour("msads.renamed-file", "By default it renames the caller's file.", _O, "run"),
    Behaviour("msads.line-breaks", "Defect: small uploads lose the spaces around line breaks.", _O, "run"),
)
