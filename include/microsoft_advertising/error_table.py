"""The service's errors as one table: code → name, meaning, reaction, wait, advice to a human.

Codes, names and meanings: `guides/operation-error-codes` (10 August 2026) and the pages of the operations (documented),
unless a row says otherwise. Reactions and advice are ours. This is the only place that knows what a code calls for.

`error_page` writes the table out for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ERRORS", "ErrorEntry", "Reaction", "lookup"]


class Reaction(StrEnum):
    """What to do about an error."""

    RETRY = "retry"
    """The same call may succeed at once or in a few seconds."""
    WAIT = "wait"
    """The service asks for a pause; then the same call."""
    REAUTHENTICATE = "re-authenticate"
    """A new access token; if that was tried, a human must sign in again."""
    REJECT_ROW = "reject row"
    """One row of a file is bad; the others are not concerned."""
    CONFIGURATION = "configuration"
    """A human must change a setting, a permission or a consent."""
    STOP = "stop"
    """The request itself is wrong: repeating it cannot help."""


@dataclass(frozen=True)
class ErrorEntry:
    """One line of the table.

    Attributes:
        code: The service's number.
        name: The service's symbol for it.
        meaning: What happened, in a clause.
        reaction: What the program does.
        advice: What a human does, in a sentence; empty where the program deals with it.
        wait: Seconds that the service asks for; None where it names no time.
    """

    code: int
    name: str
    meaning: str
    reaction: Reaction
    advice: str = ""
    wait: float | None = None


_RETRY, _WAIT, _TOKEN = Reaction.RETRY, Reaction.WAIT, Reaction.REAUTHENTICATE
_ROW, _SETTING, _STOP = Reaction.REJECT_ROW, Reaction.CONFIGURATION, Reaction.STOP

_REPORT = "Please report this with the tracking id: the program should not send such a request."
_SIGN_IN = (
    "Sign in again (`customer-match login`) with the user that owns the account, then update the connection."
)
_CHECK_IDS = "Check customer id and account id on the connection, and that this user may manage the account."
_RENAME = "Choose another audience name in the export file, or delete the audience that is no longer needed."
_SHORTER = "Shorten the audience's name or description in the export file."
_DELETE_SOME = "Delete audiences that are no longer needed, or ask Microsoft Advertising support for more."
_WHOLE_AGAIN = "Run the export in full mode, so that the audience is looked up or created again."

_TABLE: tuple[ErrorEntry, ...] = (
    # --- every service: signing in, permissions, rates
    ErrorEntry(0, "InternalError", "the service failed without saying why", _RETRY),
    ErrorEntry(100, "NullRequest", "the request was empty", _STOP, _REPORT),
    ErrorEntry(
        105,
        "InvalidCredentials",
        "token or developer token are not valid in this environment, or the user is inactive",
        _TOKEN,
        "Check that environment and developer token on the connection belong together. " + _SIGN_IN,
    ),
    ErrorEntry(106, "UserIsNotAuthorized", "the user may not act on this account", _SETTING, _CHECK_IDS),
    ErrorEntry(
        108, "UserCompromised", "the user is locked for safety", _SETTING, "Reset the password. " + _SIGN_IN
    ),
    ErrorEntry(109, "AuthenticationTokenExpired", "the access token has expired", _TOKEN, _SIGN_IN),
    ErrorEntry(116, "RequestMissingHeaders", "a header is missing", _SETTING, _CHECK_IDS),
    ErrorEntry(117, "CallRateExceeded", "too many calls within a minute", _WAIT, wait=60),
    # 119 is observed (BingAds-Python-SDK #154), not documented.
    ErrorEntry(119, "InvalidAccountId", "there is no such account", _SETTING, _CHECK_IDS),
    ErrorEntry(
        120,
        "UserLoginAccessDenied",
        "this login was merged into another one",
        _SETTING,
        "Sign in with the primary login of the merged users.",
    ),
    ErrorEntry(122, "PersonalIdentityNotAvailable", "no personal identity here", _SETTING, _SIGN_IN),
    ErrorEntry(123, "WorkIdentityNotAvailable", "no work identity here", _SETTING, _SIGN_IN),
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
    ErrorEntry(202, "ApiExecutionError", "the service could not carry out the call", _RETRY),
    ErrorEntry(203, "NullParameter", "a value is missing in the request", _STOP, _REPORT),
    ErrorEntry(204, "OperationNotSupported", "the operation is not offered here", _STOP, _REPORT),
    ErrorEntry(205, "InvalidVersion", "this version of the interface is not offered", _STOP, _REPORT),
    ErrorEntry(206, "NullArrayArgument", "a list is missing in the request", _STOP, _REPORT),
    ErrorEntry(207, "ConcurrentRequestOverLimit", "too many calls at the same time", _WAIT, wait=60),
    ErrorEntry(208, "InvalidAccount", "the account is not valid for this call", _SETTING, _CHECK_IDS),
    ErrorEntry(209, "TimestampNotMatch", "somebody else changed the same thing just now", _RETRY),
    ErrorEntry(210, "EntityNotExistent", "what was asked for does not exist", _SETTING, _CHECK_IDS),
    ErrorEntry(211, "NameTooLong", "a name is too long", _SETTING, _SHORTER),
    ErrorEntry(
        212,
        "CampaignServiceEntityTypeNotSupported",
        "the call is not offered for this kind of thing",
        _STOP,
        _REPORT,
    ),
    ErrorEntry(
        303,
        "ApiVersionNoLongerSupported",
        "this version of the interface is switched off",
        _SETTING,
        "If the connection's transport is soap, set it to rest. Else install a newer version of this project.",
    ),
    # Customer Management gives no symbols (documented): of 474 to 3080, the names without CampaignService are ours.
    ErrorEntry(474, "SearchPredicateMissing", "the search names no condition", _STOP, _REPORT),
    ErrorEntry(833, "ServiceTimeOut", "the service or its network was not available in time", _RETRY),
    ErrorEntry(1001, "UserIsNotAuthorized", "the user may not read this customer", _SETTING, _CHECK_IDS),
    ErrorEntry(
        1008,
        "CampaignServiceInvalidAccountStatus",
        "the account's status does not allow this",
        _SETTING,
        "Look at the account on ads.microsoft.com, under Settings, Account settings: it may be paused, suspended, "
        "closed or not set up to its end. Resolve that there, then run the export again.",
    ),
    ErrorEntry(
        1009,
        "CampaignServiceAccountIdMissingInRequestHeader",
        "the account id is missing, which agencies must give",
        _SETTING,
        _CHECK_IDS,
    ),
    # No wait is documented: five minutes are ours. Nothing was done meanwhile.
    ErrorEntry(
        1010,
        "CampaignServiceSystemInReadOnlyMode",
        "the service takes no changes for the time being",
        _WAIT,
        wait=5 * 60,
    ),
    # Documented as an internal error, under this name; seen live (BingAds-Python-SDK #216).
    ErrorEntry(1011, "CampaignServiceFutureFeatureCode", "the service failed inside", _RETRY),
    ErrorEntry(
        1016,
        "CampaignServiceInvalidEntityState",
        "the audience, or what it belongs to, is in a state that does not allow this",
        _SETTING,
        "Look on ads.microsoft.com whether the audience is deleted or the account paused, and mend that there. "
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
        "something about the customer or the user is not valid",
        _SETTING,
        "Look at customer and user on ads.microsoft.com, under Settings: their data must be complete, the user active. "
        "If nothing is amiss there, ask Microsoft Advertising support, with the tracking id.",
    ),
    ErrorEntry(1102, "CampaignServiceInvalidAccountId", "the account id is not valid", _SETTING, _CHECK_IDS),
    ErrorEntry(
        1490, "CampaignServiceInvalidCustomerId", "the customer id is not valid", _SETTING, _CHECK_IDS
    ),
    ErrorEntry(
        1472,
        "AccountIsBeingLinked",
        "the account is being linked to an agency, or taken from one",
        _SETTING,
        "Let the link be accepted or declined on ads.microsoft.com, then run the export again.",
    ),
    ErrorEntry(2108, "InvalidAccountIdentifier", "the account id is not valid", _SETTING, _CHECK_IDS),
    ErrorEntry(2208, "SystemIssue", "the service had trouble of its own", _RETRY),
    ErrorEntry(3030, "InvalidPredicate", "the search has a condition that is not valid", _STOP, _REPORT),
    ErrorEntry(3080, "PageInfoMissing", "the search names no page", _STOP, _REPORT),
    # --- bulk files
    ErrorEntry(
        3205, "CampaignServiceInvalidDownloadRequestId", "the request id is not known", _STOP, _REPORT
    ),
    ErrorEntry(
        3217,
        "BulkServiceFormatVersionNotSupported",
        "the file's format version is not offered",
        _STOP,
        _REPORT,
    ),
    ErrorEntry(
        3218,
        "BulkServiceEntityNotSupportedForFormatVersion",
        "the file holds a kind of row not offered",
        _STOP,
        _REPORT,
    ),
    ErrorEntry(3219, "BulkServiceFormatVersionRequired", "the file names no format version", _STOP, _REPORT),
    ErrorEntry(3220, "BulkServiceInvalidBulkUploadUrl", "the upload URL is not valid (any more)", _RETRY),
    ErrorEntry(3221, "BulkServiceNoFileFound", "no file arrived", _STOP, _REPORT),
    ErrorEntry(3222, "BulkServiceMultipleFilesFound", "more than one file arrived", _STOP, _REPORT),
    ErrorEntry(3223, "BulkServiceInvalidFileExtension", "the file is not .csv, .tsv or .zip", _STOP, _REPORT),
    ErrorEntry(3224, "BulkServiceUrlAlreadyUsedForUpload", "the upload URL was used before", _RETRY),
    ErrorEntry(
        3225,
        "BulkServiceFileRowCountExceeded",
        "the file has too many rows",
        _SETTING,
        "Lower profiles_per_part in the export file; the sandbox takes 20,000 rows a file.",
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
        "the request id is not known, or belongs to another user",
        _STOP,
        "Uploads are known for a limited time and to the user who sent them. " + _WHOLE_AGAIN,
    ),
    ErrorEntry(4202, "BulkServiceEntityNotFound", "a named entity does not exist", _STOP, _WHOLE_AGAIN),
    ErrorEntry(
        4203, "BulkServiceUnknownTypeForRow", "the file holds a kind of row not known", _STOP, _REPORT
    ),
    ErrorEntry(
        4204,
        "BulkServiceNoMoreCallsPermittedForTheTimePeriod",
        "too many uploads were asked for",
        _WAIT,
        wait=15 * 60,  # documented: "up to 15 minutes"
    ),
    # --- audiences
    ErrorEntry(
        4835,
        "InvalidAudienceId",
        "there is no audience with this id",
        _SETTING,
        _WHOLE_AGAIN + " If the export file names an `audience_id`, correct that one.",
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
        "Use -1 (never expires) or 1 to 180 days. The service's pages disagree on what lies beyond.",
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
        "Take the audience out of its campaigns and ad groups first.",
    ),
    ErrorEntry(
        4855,
        "AudienceCanNotChangeScopeOnUpdate",
        "an audience's scope may become wider, never narrower",
        _SETTING,
        "Set `scope: Customer` in the export file, or delete the audience: the next run creates it anew.",
    ),
    ErrorEntry(4859, "InvalidAudienceType", "the audience type is not offered here", _SETTING, _CHECK_IDS),
    ErrorEntry(
        4861,
        "AudienceIdDoNotMatchAudienceType",
        "the audience with this id is no customer list",
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
        "the account has the most audiences it may have",
        _SETTING,
        _DELETE_SOME,
    ),
    ErrorEntry(
        4866,
        "MaxAudiencesPerCustomerLimitReached",
        "the customer has the most audiences it may have",
        _SETTING,
        _DELETE_SOME,
    ),
    ErrorEntry(
        4871,
        "AudienceCannotBeDeletedDueToPairedSimilarAudienceHasAssociations",
        "a campaign still uses the similar audience that belongs to it",
        _SETTING,
        "Take the similar audience out of its campaigns and ad groups first.",
    ),
    ErrorEntry(6999, "CampaignServiceBatchLimitExceeded", "too many items in one call", _STOP, _REPORT),
    # --- customer lists and their items
    ErrorEntry(
        8000,
        "InvalidCustomerListId",
        "the items' list does not exist (any more)",
        _SETTING,
        "Somebody may have deleted the audience. " + _WHOLE_AGAIN,
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
        "nobody accepted the Customer Match terms for this account",
        _SETTING,
        "On ads.microsoft.com, signed in as the user of this connection: Tools, Audiences, create a customer match "
        "list (it may stay empty) and choose I ACCEPT. Or let every upload accept them: fill in who did so and "
        "when on the Airflow connection (Customer Match terms accepted by, accepted on).",
    ),
    ErrorEntry(8004, "EmailMustBeHashed", "the item is no SHA-256 digest", _ROW),
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
        "Use the lists one by one there.",
    ),
)

ERRORS: dict[int, ErrorEntry] = {entry.code: entry for entry in _TABLE}
"""The table by code."""

_REUSED = (0, *range(200, 213), 303)
"""Customer Management gives some of these numbers other meanings (documented), and a row of results without a number
has 0: so their names must agree too."""


def lookup(code: int, name: str = "") -> ErrorEntry:
    """The entry of a code. An unknown one, under the service's own name, may be a passing trouble: it is tried again.

    Args:
        code: The service's number.
        name: The service's symbol, as far as the answer told it.
    """
    entry = ERRORS.get(code)
    if entry is None or (code in _REUSED and name not in {"", entry.name}):
        return ErrorEntry(
            code,
            name or "UnknownError",
            "the service gives an error that this program does not know",
            Reaction.RETRY,
            "If it comes again and again, look it up under 'operation error codes' in Microsoft Advertising's "
            "documentation, or ask its support, with the tracking id.",
        )
    return entry
