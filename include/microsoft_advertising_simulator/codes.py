"""The error codes that the simulator returns, and the exception that carries them.

Numbers and names are documented (operation-error-codes page); the messages are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["CODES", "ServiceFault", "code"]


@dataclass(frozen=True, slots=True)
class Code:
    """One error code of the service.

    Args:
        number: The code.
        name: The service's name (``ErrorCode`` in JSON, ``Error`` in result files).
        message: One sentence for users.
    """

    number: int
    name: str
    message: str


_ALL: Final = (
    Code(0, "InternalError", "An internal error has occurred."),
    Code(100, "NullRequest", "The request message is null."),
    Code(105, "InvalidCredentials", "The credentials are not valid for this environment."),
    Code(106, "UserIsNotAuthorized", "The user has no access to an entity named in the request."),
    Code(108, "UserCompromised", "The user's password must be reset."),
    Code(109, "AuthenticationTokenExpired", "The access token has expired; request a new one."),
    Code(116, "RequestMissingHeaders", "The request lacks required headers."),
    Code(117, "CallRateExceeded", "Too many calls within a minute; wait 60 seconds."),
    Code(119, "InvalidAccountId", "The account id is not valid."),
    Code(120, "UserLoginAccessDenied", "This login was merged; use the primary one."),
    Code(201, "ApiInputValidationError", "The request does not have the expected shape."),
    Code(202, "ApiExecutionError", "The request could not be executed."),
    Code(204, "OperationNotSupported", "The operation is not supported."),
    Code(206, "NullArrayArgument", "An array of the request is null or empty."),
    Code(207, "ConcurrentRequestOverLimit", "Too many requests at the same time."),
    Code(303, "ApiVersionNoLongerSupported", "This version of the API is no longer supported."),
    Code(833, "ServiceTimeOut", "The service or its network is not available."),
    Code(1008, "CampaignServiceInvalidAccountStatus", "The account status does not allow this operation."),
    Code(1009, "CampaignServiceAccountIdMissingInRequestHeader", "Aggregators must supply an account id."),
    Code(1010, "CampaignServiceSystemInReadOnlyMode", "The system is in read-only mode."),
    Code(1011, "CampaignServiceFutureFeatureCode", "An internal error has occurred."),
    Code(1016, "CampaignServiceInvalidEntityState", "The entity status is not valid."),
    Code(1029, "CampaignServiceCustomerIdHasToBeSpecified", "A customer id is required."),
    Code(1030, "CampaignServiceAccountIdHasToBeSpecified", "An account id is required."),
    Code(1031, "CampaignServiceCannotPerformCurrentOperation", "Customer or user information is not valid."),
    Code(1102, "CampaignServiceInvalidAccountId", "The account id is not valid."),
    Code(1490, "CampaignServiceInvalidCustomerId", "The customer id is not valid."),
    Code(3201, "CampaignServiceAccountIdsLengthExceeded", "A download takes one account id."),
    Code(3205, "CampaignServiceInvalidDownloadRequestId", "The download request id is not valid."),
    Code(3208, "CampaignServiceLastSyncTimeCannotBeInTheFuture", "The last sync time is in the future."),
    Code(3209, "CampaignServiceLastSyncTimeTooOld", "The last sync time is too old."),
    Code(3210, "BulkServiceMinimumRequiredEntitiesNotSpecified", "A download needs at least one entity."),
    Code(3211, "CampaignServiceBulkDownloadUnsupportedEntities", "An entity cannot be downloaded."),
    Code(
        3213,
        "BulkServiceInvalidSyncTimeForPerformanceStatsDateRange",
        "The last sync time must be null for this data scope.",
    ),
    Code(3217, "BulkServiceFormatVersionNotSupported", "The Format Version is not supported."),
    Code(
        3218,
        "BulkServiceEntityNotSupportedForFormatVersion",
        "The entity is unknown to this Format Version.",
    ),
    Code(3219, "BulkServiceFormatVersionRequired", "The Format Version is missing."),
    Code(3220, "BulkServiceInvalidBulkUploadUrl", "The upload URL is not valid."),
    Code(3221, "BulkServiceNoFileFound", "The request contains no file."),
    Code(3222, "BulkServiceMultipleFilesFound", "The request contains more than one file."),
    Code(3223, "BulkServiceInvalidFileExtension", "The file must be .csv, .tsv or an intact .zip."),
    Code(3224, "BulkServiceUrlAlreadyUsedForUpload", "The URL has already been used for file upload."),
    Code(3225, "BulkServiceFileRowCountExceeded", "The file has too many rows."),
    Code(3226, "BulkServiceUrlExpired", "The upload URL has expired."),
    Code(3227, "BulkServiceTooManyRequests", "Too many uploads at the same time."),
    Code(3228, "BulkServiceDataScopeInvalid", "The data scope is not valid."),
    Code(
        3306,
        "CampaignServiceAccountIdsArrayShouldNotBeNullOrEmpty",
        "The account ids must not be null or empty.",
    ),
    Code(
        3500,
        "CampaignServiceBulkApiNotEnabledForPilot",
        "The account has no access to the Bulk API.",
    ),
    Code(3603, "CampaignServiceFullSyncRequired", "The last sync time must be null."),
    Code(4200, "BulkServiceBatchOperationFailedForItems", "The operation failed for some items."),
    Code(4201, "BulkServiceInvalidRequestId", "The request id is unknown."),
    Code(4202, "BulkServiceEntityNotFound", "The entity was not found."),
    Code(4203, "BulkServiceUnknownTypeForRow", "The Type of the row is unknown."),
    Code(
        4204,
        "BulkServiceNoMoreCallsPermittedForTheTimePeriod",
        "No more calls are permitted for now; wait up to 15 minutes.",
    ),
    Code(4835, "InvalidAudienceId", "The audience id is not valid."),
    Code(4836, "AudienceIdsNotPassed", "No audience ids were passed."),
    Code(4837, "DuplicateAudienceId", "The audience id occurs more than once."),
    Code(4838, "InvalidAudienceName", "The audience name must have 1 to 128 characters."),
    Code(4841, "InvalidAudienceDescription", "The description may have 1024 characters."),
    Code(4842, "InvalidAudienceMembershipDuration", "The membership duration is out of range."),
    Code(4843, "AudienceParentIdDoesNotMatchScope", "The parent id does not match the scope."),
    Code(4844, "AudiencesArrayShouldNotBeNullOrEmpty", "The audiences must not be null or empty."),
    Code(4845, "AudienceIsNull", "The audience is null."),
    Code(4846, "AudienceIdIsNull", "The audience id is null."),
    Code(4847, "AudienceIdIsNotNull", "A new audience must not have an id."),
    Code(4848, "InvalidAudienceParentId", "The parent id is not valid."),
    Code(4849, "InvalidAudienceScope", "The scope must be Account or Customer."),
    Code(4850, "AudiencesArrayExceedsLimit", "A call may contain at most 100 audiences."),
    Code(4851, "AudienceIdsArrayShouldNotBeNullOrEmpty", "The audience ids must not be null or empty."),
    Code(4852, "AudienceIdsArrayExceedsLimit", "A call may contain at most 100 audience ids."),
    Code(4853, "DuplicateAudienceName", "An audience of this name exists already."),
    Code(
        4854,
        "AudienceCannotBeDeletedDueToExistingAdGroupCriterion",
        "The audience is associated with an ad group.",
    ),
    Code(4855, "AudienceCanNotChangeScopeOnUpdate", "The scope cannot change from Customer to Account."),
    Code(4859, "InvalidAudienceType", "The audience type is not valid here."),
    Code(4861, "AudienceIdDoNotMatchAudienceType", "The audience id is of another type."),
    Code(4862, "MaxAudienceCriterionsPerAccountLimitReached", "The account's association limit is reached."),
    Code(4865, "MaxAudiencesPerAccountLimitReached", "The account's audience limit is reached."),
    Code(4866, "MaxAudiencesPerCustomerLimitReached", "The customer's audience limit is reached."),
    Code(6999, "CampaignServiceBatchLimitExceeded", "A call may contain at most 1000 items."),
    Code(8000, "InvalidCustomerListId", "The customer list id is not valid."),
    Code(8001, "InvalidCustomerListActionType", "The action type must be Add, Remove or Replace."),
    Code(8002, "CustomerListItemSubTypeNotSupported", "The only supported sub type is Email."),
    Code(
        8003,
        "CustomerListTermsAndConditionsNotAccepted",
        "The Customer Match terms have not been accepted.",
    ),
    Code(8004, "EmailMustBeHashed", "The e-mail must be a SHA-256 hash of 64 hex digits."),
    Code(8005, "CRMIdLengthExceedLimitation", "The CRM id is longer than 100 characters."),
    Code(8006, "EitherEmailOrCRMIDShouldBeProvided", "The item is empty."),
)

CODES: Final[Mapping[int, Code]] = MappingProxyType({entry.number: entry for entry in _ALL})


def code(number: int) -> Code:
    """The entry of a code; a code that is not in the table (an injected one) gets a generated name."""
    return CODES.get(number) or Code(number, f"Code{number}", "Injected by the simulator.")


# Authentication and call errors are returned as AdApiFaultDetail, everything else as ApiFaultDetail. So is
# 204: the SDKs look for it in the OperationErrors of UploadEntityRecords.
_AD_API_LIMIT: Final = 1000
_OPERATION_NOT_SUPPORTED: Final = 204
_HTTP_STATUS: Final = MappingProxyType({0: 500, 105: 401, 106: 403, 108: 401, 109: 401, 117: 429, 120: 403})


class ServiceFault(Exception):
    """A call fails as a whole.

    HTTP 401 for 109 is observed; the other statuses are assumed (the SDK's models allow 400, 401, 403, 500).

    Args:
        numbers: One error code, or several.
        details: What is wrong; never a token, an address or a hash.
        http_status: Overrides the status of the first code.
    """

    def __init__(
        self, numbers: int | Sequence[int], details: str | None = None, *, http_status: int | None = None
    ) -> None:
        self.numbers = (numbers,) if isinstance(numbers, int) else tuple(numbers)
        self.details = details
        self.http_status = http_status or _HTTP_STATUS.get(self.numbers[0], 400)
        super().__init__(f"{self.numbers} {details or ''}")

    @property
    def is_ad_api_fault(self) -> bool:
        """Whether the fault concerns authentication or the call itself rather than the operation."""
        return self.numbers[0] < _AD_API_LIMIT and self.numbers[0] != _OPERATION_NOT_SUPPORTED
