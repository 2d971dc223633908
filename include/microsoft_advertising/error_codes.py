"""The service's errors as one table: code, name, meaning, reaction, wait, and advice.

Codes, names and meanings: `guides/operation-error-codes` (10 August 2026) and the pages of the operations (documented),
unless a row says otherwise. Reactions and advice are ours. No other module defines how to react to a code.

`error_page` writes the table as a page for users.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ERRORS", "ErrorEntry", "Reaction", "lookup"]


class Reaction(StrEnum):
    """What to do about an error."""

    RETRY = "retry"
    """The same call may succeed immediately or in a few seconds."""
    WAIT = "wait"
    """The service asks to wait before the same call is repeated."""
    REAUTHENTICATE = "re-authenticate"
    """Get a new access token; if that was tried, a person must sign in again."""
    REJECT_ROW = "reject row"
    """One row of a file is not valid; the others are not affected."""
    CONFIGURATION = "configuration"
    """A person must change a setting, a permission or a consent."""
    STOP = "stop"
    """The request itself is wrong; repeating it cannot help."""


@dataclass(frozen=True)
class ErrorEntry:
    """One line of the table.

    Attributes:
        code: The service's error number.
        name: The service's symbol for it.
        meaning: What happened, as a clause.
        reaction: What the program does.
        advice: What a person should do, as a sentence; empty if the program handles it.
        wait: Seconds that the service asks to wait; None if it gives no time.
    """

    code: int
    name: str
    meaning: str
    reaction: Reaction
    advice: str = ""
    wait: float | None = None


_RETRY, _WAIT, _TOKEN = Reaction.RETRY, Reaction.WAIT, Reaction.REAUTHENTICATE
_ROW, _SETTING, _STOP = Reaction.REJECT_ROW, Reaction.CONFIGURATION, Reaction.STOP

_REPORT = "Report this with the tracking id, because the program should never send such a request."
_SIGN_IN = (
    "Sign in again (`customer-match login`) with the user that owns the account, then update the connection."
)
_CHECK_IDS = (
    "Check the customer id and account id on the connection, and that this user may manage the account."
)
_RENAME = "Choose another audience name in the export file, or delete the audience that is no longer needed."
_SHORTER = "Shorten the audience's name or description in the export file."
_DELETE_SOME = "Delete audiences that are no longer needed, or ask Microsoft Advertising support for more."
_WHOLE_AGAIN = "Run the export in full mode, which looks up the audience or creates it again."

_TABLE: tuple[ErrorEntry, ...] = (
    # --- every service: signing in, permissions, rates
    ErrorEntry(0, "InternalError", "the service failed without giving a reason", _RETRY),
    ErrorEntry(100, "NullRequest", "the request was empty", _STOP, _REPORT),
    ErrorEntry(
        105,
        "InvalidCredentials",
        "the access token or developer token is not valid in this environment, or the user is inactive",
        _TOKEN,
        "Check that the environment and the developer token on the connection match. " + _SIGN_IN,
    ),
    ErrorEntry(106, "UserIsNotAuthorized", "the user may not act on this account", _SETTING, _CHECK_IDS),
    ErrorEntry(
        108,
        "UserCompromised",
        "the user is locked for security reasons",
        _SETTING,
        "Reset the password. " + _SIGN_IN,
    ),
    ErrorEntry(109, "AuthenticationTokenExpired", "the access token has expired", _TOKEN, _SIGN_IN),
    ErrorEntry(116, "RequestMissingHeaders", "a request header is missing", _SETTING, _CHECK_IDS),
    ErrorEntry(117, "CallRateExceeded", "too many calls within a minute", _WAIT, wait=60),
    # 119 is observed (BingAds-Python-SDK #154), not documented.
    ErrorEntry(119, "InvalidAccountId", "the account does not exist", _SETTING, _CHECK_IDS),
    ErrorEntry(
        120,
        "UserLoginAccessDenied",
        "this login was merged into another one",
        _SETTING,
        "Sign in with the primary login of the merged users.",
    ),
    ErrorEntry(122, "PersonalIdentityNotAvailable", "the user has no personal identity", _SETTING, _SIGN_IN),
    ErrorEntry(123, "WorkIdentityNotAvailable", "the user has no work identity", _SETTING, _SIGN_IN),
    ErrorEntry(
        124,
        "PersonalIdentityMigratedToWork",
        "the personal login was replaced by a work account",
        _SETTING,
        "Sign in with the work account.",
    ),
    ErrorEntry(
        125,
        "PersonalIdentityNotAllowedByCustomer",
        "this customer allows work accounts only",
        _SETTING,
        "Sign in with a work account.",
    ),
    ErrorEntry(
        126,
        "IdentityTypeMismatch",
        "the user must sign in with another kind of account",
        _SETTING,
        "Sign in with the kind of account (Microsoft or Google) that the user is registered with.",
    ),
    ErrorEntry(201, "ApiInputValidationError", "the request is not valid", _STOP, _REPORT),
    ErrorEntry(202, "ApiExecutionError", "the service could not execute the call", _RETRY),
    ErrorEntry(203, "NullParameter", "a value is missing in the request", _STOP, _REPORT),
    ErrorEntry(204, "OperationNotSupported", "the operation is not supported", _STOP, _REPORT),
    ErrorEntry(205, "InvalidVersion", "this version of the API is not supported", _STOP, _REPORT),
    ErrorEntry(206, "NullArrayArgument", "a list is missing in the request", _STOP, _REPORT),
    ErrorEntry(207, "ConcurrentRequestOverLimit", "too many calls at the same time", _WAIT, wait=60),
    ErrorEntry(208, "InvalidAccount", "the account is not valid for this call", _SETTING, _CHECK_IDS),
    ErrorEntry(
        209, "TimestampNotMatch", "the same object was changed by another user at the same time", _RETRY
    ),
    ErrorEntry(210, "EntityNotExistent", "the requested object does not exist", _SETTING, _CHECK_IDS),
    ErrorEntry(211, "NameTooLong", "a name is too long", _SETTING, _SHORTER),
    ErrorEntry(
        212,
        "CampaignServiceEntityTypeNotSupported",
        "the call is not supported for this type of object",
        _STOP,
        _REPORT,
    ),
    ErrorEntry(
        303,
        "ApiVersionNoLongerSupported",
        "this version of the API has been retired",
        _SETTING,
        "If the connection's transport is soap, set it to rest. Otherwise install a newer version of this project.",
    ),
    # Customer Management returns no symbols (documented): from 474 to 3080, names without CampaignService are ours.
    ErrorEntry(474, "SearchPredicateMissing", "the search has no condition", _STOP, _REPORT),
    ErrorEntry(833, "ServiceTimeOut", "the service or its network was not available in time", _RETRY),
    ErrorEntry(1001, "UserIsNotAuthorized", "the user may not read this customer", _SETTING, _CHECK_IDS),
    ErrorEntry(
        1008,
        "CampaignServiceInvalidAccountStatus",
        "the account's status does not allow this",
        _SETTING,
        "Check the account on ads.microsoft.com, under Settings, Account settings: it may be paused, suspended, "
        "closed or not fully set up. Resolve that there, then run the export again.",
    ),
    ErrorEntry(
        1009,
        "CampaignServiceAccountIdMissingInRequestHeader",
        "the account id is missing, which is required for agencies",
        _SETTING,
        _CHECK_IDS,
    ),
    # No wait is documented: five minutes are our choice. The service has changed nothing.
    ErrorEntry(
        1010,
        "CampaignServiceSystemInReadOnlyMode",
        "the service accepts no changes for now",
        _WAIT,
        wait=5 * 60,
    ),
    # Documented as an internal error, under this name; seen live (BingAds-Python-SDK #216).
    ErrorEntry(1011, "CampaignServiceFutureFeatureCode", "the service had an internal error", _RETRY),
    ErrorEntry(
        1016,
        "CampaignServiceInvalidEntityState",
        "the audience, or its account, is in a state that does not allow this",
        _SETTING,
        "Check on ads.microsoft.com whether the audience is deleted or the account is paused, and correct that there. "
        + _WHOLE_AGAIN,
    ),
    ErrorEntry(
        1029, "CampaignServiceCustomerIdHasToBeSpecified", "the customer id is missing", _SETTING, _CHECK_IDS
    ),
    ErrorEntry(
        1030,
        "CampaignServiceAccountIdHasToBeSpecified",
        "the account id is missing",
        _SETTING,
        _CHECK_IDS,
    ),
    ErrorEntry(
        1031,
        "CampaignServiceCannotPerformCurrentOperation",
        "the data of the customer or the user is not valid",
        _SETTING,
        "Check customer and user on ads.microsoft.com, under Settings: their data must be complete and the user "
        "active. If that is the case, ask Microsoft Advertising support and give the tracking id.",
    ),
    ErrorEntry(1102, "CampaignServiceInvalidAccountId", "the account id is not valid", _SETTING, _CHECK_IDS),
    ErrorEntry(
        1490, "CampaignServiceInvalidCustomerId", "the customer id is not valid", _SETTING, _CHECK_IDS
    ),
    ErrorEntry(
        1472,
        "AccountIsBeingLinked",
        "the account is being linked to an agency, or unlinked from one",
        _SETTING,
        "Accept or decline the link on ads.microsoft.com, then run the export again.",
    ),
    ErrorEntry(2108, "InvalidAccountIdentifier", "the account id is not valid", _SETTING, _CHECK_IDS),
    ErrorEntry(2208, "SystemIssue", "the service had an internal problem", _RETRY),
    ErrorEntry(3030, "InvalidPredicate", "a condition of the search is not valid", _STOP, _REPORT),
    ErrorEntry(3080, "PageInfoMissing", "the search gives no page", _STOP, _REPORT),
    # --- bulk files
    ErrorEntry(3205, "CampaignServiceInvalidDownloadRequestId", "the request id is unknown", _STOP, _REPORT),
    ErrorEntry(
        3217,
        "BulkServiceFormatVersionNotSupported",
        "the file's format version is not supported",
        _STOP,
        _REPORT,
    ),
    ErrorEntry(
        3218,
        "BulkServiceEntityNotSupportedForFormatVersion",
        "the file has a row type that is not supported",
        _STOP,
        _REPORT,
    ),
    ErrorEntry(3219, "BulkServiceFormatVersionRequired", "the file has no format version", _STOP, _REPORT),
    ErrorEntry(
        3220, "BulkServiceInvalidBulkUploadUrl", "the upload URL is not valid or no longer valid", _RETRY
    ),
    ErrorEntry(3221, "BulkServiceNoFileFound", "no file arrived", _STOP, _REPORT),
    ErrorEntry(3222, "BulkServiceMultipleFilesFound", "more than one file arrived", _STOP, _REPORT),
    ErrorEntry(3223, "BulkServiceInvalidFileExtension", "the file is not .csv, .tsv or .zip", _STOP, _REPORT),
    ErrorEntry(3224, "BulkServiceUrlAlreadyUsedForUpload", "the upload URL was used before", _RETRY),
    ErrorEntry(
        3225,
        "BulkServiceFileRowCountExceeded",
        "the file has too many rows",
        _SETTING,
        "Lower profiles_per_part in the export file; the sandbox accepts 20,000 rows per file.",
    ),
    ErrorEntry(3226, "BulkServiceUrlExpired", "the upload URL has expired", _RETRY),
    ErrorEntry(3227, "BulkServiceTooManyRequests", "too many uploads at the same time", _WAIT, wait=60),
    ErrorEntry(
        3500,
        "CampaignServiceBulkApiNotEnabledForPilot",
        "the Bulk service is not enabled for this customer",
        _SETTING,
        "Ask Microsoft Advertising support to enable it.",
    ),
    ErrorEntry(
        4200, "BulkServiceBatchOperationFailedForItems", "some items of the request failed", _STOP, _REPORT
    ),
    ErrorEntry(
        4201,
        "BulkServiceInvalidRequestId",
        "the request id is unknown, or belongs to another user",
        _STOP,
        "An upload can be looked up only for a limited time and by the user who sent it. " + _WHOLE_AGAIN,
    ),
    ErrorEntry(4202, "BulkServiceEntityNotFound", "a named entity does not exist", _STOP, _WHOLE_AGAIN),
    ErrorEntry(4203, "BulkServiceUnknownTypeForRow", "the file has an unknown row type", _STOP, _REPORT),
    ErrorEntry(
        4204,
        "BulkServiceNoMoreCallsPermittedForTheTimePeriod",
        "too many uploads were requested",
        _WAIT,
        wait=15 * 60,  # documented: "up to 15 minutes"
    ),
    # --- audiences
    ErrorEntry(
        4835,
        "InvalidAudienceId",
        "no audience has this id",
        _SETTING,
        _WHOLE_AGAIN + " If the export file has an `audience_id`, correct it.",
    ),
    ErrorEntry(4836, "AudienceIdsNotPassed", "no audience id was given", _STOP, _REPORT),
    ErrorEntry(4837, "DuplicateAudienceId", "an audience id was given twice", _STOP, _REPORT),
    ErrorEntry(
        4838,
        "InvalidAudienceName",
        "the audience's name is empty or over 128 characters",
        _SETTING,
        "Give the segment a valid audience name in the export file.",
    ),
    ErrorEntry(
        4841,
        "InvalidAudienceDescription",
        "the audience's description is over 1,024 characters",
        _SETTING,
        "Shorten the description in the export file.",
    ),
    ErrorEntry(
        4842,
        "InvalidAudienceMembershipDuration",
        "the membership duration is out of range",
        _SETTING,
        "Use -1 (never expires) or 1 to 180 days. The service's pages disagree about longer durations.",
    ),
    ErrorEntry(
        4843, "AudienceParentIdDoesNotMatchScope", "scope and owner do not match", _SETTING, _CHECK_IDS
    ),
    ErrorEntry(4844, "AudiencesArrayShouldNotBeNullOrEmpty", "no audience was given", _STOP, _REPORT),
    ErrorEntry(4845, "AudienceIsNull", "an audience is missing in the request", _STOP, _REPORT),
    ErrorEntry(4846, "AudienceIdIsNull", "an audience id is missing", _STOP, _REPORT),
    ErrorEntry(4847, "AudienceIdIsNotNull", "a new audience must have no id", _STOP, _REPORT),
    ErrorEntry(4848, "InvalidAudienceParentId", "the audience's owner is not valid", _SETTING, _CHECK_IDS),
    ErrorEntry(
        4849,
        "InvalidAudienceScope",
        "the audience's scope is not valid",
        _SETTING,
        "Use the scope Customer or Account.",
    ),
    ErrorEntry(4850, "AudiencesArrayExceedsLimit", "too many audiences in one call", _STOP, _REPORT),
    ErrorEntry(4851, "AudienceIdsArrayShouldNotBeNullOrEmpty", "no audience id was given", _STOP, _REPORT),
    ErrorEntry(4852, "AudienceIdsArrayExceedsLimit", "too many audience ids in one call", _STOP, _REPORT),
    ErrorEntry(4853, "DuplicateAudienceName", "an audience of this name exists already", _SETTING, _RENAME),
    ErrorEntry(
        4854,
        "AudienceCannotBeDeletedDueToExistingAdGroupCriterion",
        "a campaign still uses the audience",
        _SETTING,
        "Remove the audience from its campaigns and ad groups first.",
    ),
    ErrorEntry(
        4855,
        "AudienceCanNotChangeScopeOnUpdate",
        "an audience's scope may become wider, never narrower",
        _SETTING,
        "Set `scope: Customer` in the export file, or delete the audience; the next run creates it again.",
    ),
    ErrorEntry(4859, "InvalidAudienceType", "the audience type is not supported", _SETTING, _CHECK_IDS),
    ErrorEntry(
        4861,
        "AudienceIdDoNotMatchAudienceType",
        "the audience with this id is not a customer list",
        _SETTING,
        _RENAME,
    ),
    ErrorEntry(
        4862,
        "MaxAudienceCriterionsPerAccountLimitReached",
        "the account has too many audience associations",
        _SETTING,
        _DELETE_SOME,
    ),
    ErrorEntry(
        4865,
        "MaxAudiencesPerAccountLimitReached",
        "the account has reached its maximum number of audiences",
        _SETTING,
        _DELETE_SOME,
    ),
    ErrorEntry(
        4866,
        "MaxAudiencesPerCustomerLimitReached",
        "the customer has reached its maximum number of audiences",
        _SETTING,
        _DELETE_SOME,
    ),
    ErrorEntry(
        4871,
        "AudienceCannotBeDeletedDueToPairedSimilarAudienceHasAssociations",
        "a campaign still uses the similar audience that belongs to it",
        _SETTING,
        "Remove the similar audience from its campaigns and ad groups first.",
    ),
    ErrorEntry(6999, "CampaignServiceBatchLimitExceeded", "too many items in one call", _STOP, _REPORT),
    # --- customer lists and their items
    ErrorEntry(
        8000,
        "InvalidCustomerListId",
        "the items' list does not exist, or no longer exists",
        _SETTING,
        "The audience may have been deleted. " + _WHOLE_AGAIN,
    ),
    ErrorEntry(
        8001,
        "InvalidCustomerListActionType",
        "the list's action type is not Add, Remove or Replace",
        _STOP,
        _REPORT,
    ),
    ErrorEntry(8002, "CustomerListItemSubTypeNotSupported", "the item's sub type is not Email", _ROW),
    ErrorEntry(
        8003,
        "CustomerListTermsAndConditionsNotAccepted",
        "the Customer Match terms have not been accepted for this account",
        _SETTING,
        "On ads.microsoft.com, signed in as the user of this connection: Tools, Audiences, create a customer match "
        "list (it may stay empty) and choose I ACCEPT. Or let every upload accept them: enter who accepted them and "
        "when on the Airflow connection (Customer Match terms accepted by, accepted on).",
    ),
    ErrorEntry(8004, "EmailMustBeHashed", "the item is not a SHA-256 digest", _ROW),
    ErrorEntry(8005, "CRMIdLengthExceedLimitation", "the item's CRM id is over 100 characters", _ROW),
    ErrorEntry(8006, "EitherEmailOrCRMIDShouldBeProvided", "the item is empty", _ROW),
    ErrorEntry(
        8109,
        "CustomerListsCanOnlyBeCombinedWithOtherCustomerLists",
        "the list is part of a combination that is not allowed",
        _SETTING,
        "Correct the combined list on ads.microsoft.com.",
    ),
    ErrorEntry(
        8110,
        "AudienceUsedByCombinedListCannotBeDeleted",
        "a combined list still uses the audience",
        _SETTING,
        "Delete the combined list first.",
    ),
    ErrorEntry(
        8111,
        "AudienceCannotBeDeletedDueToPairedSimilarAudienceUsedByCombinedList",
        "a combined list still uses the similar audience that belongs to it",
        _SETTING,
        "Delete the combined list first.",
    ),
    ErrorEntry(
        8112,
        "CustomerNotEligibleForAudienceCombination",
        "this customer may not combine audiences",
        _SETTING,
        "Ask Microsoft Advertising support.",
    ),
    ErrorEntry(
        8119,
        "CombinedAudienceForLocationNotAllowed",
        "combined audiences are not allowed in this location",
        _SETTING,
        "Use the lists separately there.",
    ),
)

ERRORS: dict[int, ErrorEntry] = {entry.code: entry for entry in _TABLE}
"""The table by code."""

_REUSED = (0, *range(200, 213), 303)
"""Customer Management uses some of these numbers with other meanings (documented), and a result row without a number
has 0, so the names must match too."""


def lookup(code: int, name: str = "") -> ErrorEntry:
    """Return the entry of a code; an unknown code gets the service's own name and is retried, as it may be temporary.

    Args:
        code: The service's error number.
        name: The service's symbol, if the answer has one.
    """
    entry = ERRORS.get(code)
    if entry is None or (code in _REUSED and name not in {"", entry.name}):
        return ErrorEntry(
            code,
            name or "UnknownError",
            "the service reports an error that this program does not know",
            Reaction.RETRY,
            "If it persists, look it up under 'operation error codes' in Microsoft Advertising's "
            "documentation, or ask its support and give the tracking id.",
        )
    return entry
