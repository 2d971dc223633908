"""The unmodified `bingads` SDK aimed at a simulator: everything that its set-up needs, in one place.

Imported lazily: importing `bingads` takes a second, and the fast tests must not pay for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.microsoft_advertising_simulator.api import Api

PATHS = {
    "BulkService": "/Api/Advertiser/CampaignManagement/v13/BulkService.svc",
    "CampaignManagementService": "/Api/Advertiser/CampaignManagement/v13/CampaignManagementService.svc",
    "CustomerManagementService": "/Api/CustomerManagement/v13/CustomerManagementService.svc",
}


def authentication(ready: dict[str, str]) -> Any:
    """Sign-in for the SDK: its own class, but tokens from the simulator (its URLs are constants)."""
    from bingads.authorization import (  # noqa: TID251 - tests may
        OAuthTokenRequestException,
        OAuthTokens,
        OAuthWithAuthorizationCode,
    )

    class Signed(OAuthWithAuthorizationCode):  # type: ignore[misc]
        """The base class is what makes the SDK renew on fault 109."""

        def __init__(self) -> None:
            super().__init__(ready["client_id"], ready["client_secret"], None)
            self.renewals = 0
            self.request_oauth_tokens_by_refresh_token(ready["refresh_token"])

        def request_oauth_tokens_by_refresh_token(self, refresh_token: str) -> Any:
            form = {
                "grant_type": "refresh_token",
                "client_id": ready["client_id"],
                "client_secret": ready["client_secret"],
                "refresh_token": refresh_token,
                "scope": "https://ads.microsoft.com/msads.manage offline_access",
            }
            answer = httpx.post(
                f"{ready['base_url']}/common/oauth2/v2.0/token", data=form, timeout=60, trust_env=False
            ).json()
            if "error" in answer:
                raise OAuthTokenRequestException(answer["error"], answer["error_description"])
            self.renewals += 1
            self._oauth_tokens = OAuthTokens(answer["access_token"], None, answer["refresh_token"])
            return self._oauth_tokens

    return Signed()


def errors(answer: Any) -> list[Any]:
    """PartialErrors of an answer; suds makes of an empty array a text, and leaves single parts bare."""
    partial = getattr(answer, "PartialErrors", answer)
    return list(getattr(partial, "BatchError", None) or ())


def codes(fault: Any) -> list[int]:
    """Codes of a WebFault; suds makes an object of one error, a list of several, and texts of numbers."""
    detail = fault.fault.detail
    found: list[int] = []
    for name in detail.__keylist__:
        part = getattr(detail, name)
        for key, item in (("Errors", "AdApiError"), ("OperationErrors", "OperationError")):
            listed = getattr(getattr(part, key, None), item, [])
            found += [int(error.Code) for error in (listed if isinstance(listed, list) else [listed])]
    return found


class Sdk:
    """Clients of the SDK that call one simulator.

    Args:
        ready: What the simulator prints when it is ready.
        folder: Working directory of the SDK.
        clients: ServiceClients to use again, and where new ones are put.
    """

    def __init__(self, ready: dict[str, str], folder: Path, clients: dict[str, Any] | None = None) -> None:
        from bingads import AuthorizationData  # noqa: TID251 - tests may
        from suds import WebFault

        self.web_fault = WebFault
        self._ready = ready
        self._folder = folder
        self.authentication = authentication(ready)
        self.authorization = AuthorizationData(
            account_id=ready["account_id"],
            customer_id=ready["customer_id"],
            developer_token=ready["developer_token"],
            authentication=self.authentication,
        )
        self._clients = {} if clients is None else clients
        for client in self._clients.values():
            client._authorization_data = self.authorization

    def client(self, name: str) -> Any:
        """The ServiceClient of a service; no shared cache (it mixes up credentials), each with its location."""
        from bingads import ServiceClient  # noqa: TID251 - tests may

        if name not in self._clients:
            location = self._ready["base_url"] + PATHS[name]
            self._clients[name] = ServiceClient(name, 13, self.authorization, location=location)
        return self._clients[name]

    @property
    def campaign(self) -> Any:
        """Campaign Management."""
        return self.client("CampaignManagementService")

    @property
    def customer(self) -> Any:
        """Customer Management."""
        return self.client("CustomerManagementService")

    @property
    def bulk(self) -> Any:
        """The Bulk service without its manager."""
        return self.client("BulkService")

    def bulk_manager(self) -> Any:
        """The manager; it makes clients of its own with the location that it is given."""
        from bingads.v13.bulk import BulkServiceManager  # noqa: TID251 - tests may

        return BulkServiceManager(
            self.authorization,
            poll_interval_in_milliseconds=100,
            working_directory=str(self._folder),
            location=self._ready["base_url"] + PATHS["BulkService"],
        )

    def upload_file(self, path: Path, **options: Any) -> list[Any]:
        """Upload a file and read its results."""
        from bingads.v13.bulk import (  # noqa: TID251 - tests may
            BulkFileReader,
            FileUploadParameters,
            ResultFileType,
        )

        # Without it the SDK renames the caller's file.
        options = {"rename_upload_file_to_match_request_id": False, **options}
        results = self.bulk_manager().upload_file(
            FileUploadParameters(
                str(path),
                result_file_directory=str(self._folder),
                result_file_name=f"results of {path.name}",
                overwrite_result_file=True,
                **options,
            )
        )
        with BulkFileReader(results, result_file_type=ResultFileType.upload) as reader:
            return list(reader)

    def submitted(self, path: Path) -> Any:
        """Post a file; the operation, which is not awaited yet."""
        from bingads.v13.bulk import SubmitUploadParameters  # noqa: TID251 - tests may

        parameters = SubmitUploadParameters(str(path), rename_upload_file_to_match_request_id=False)
        return self.bulk_manager().submit_upload(parameters)

    def upload_entities(self, entities: list[Any]) -> list[Any]:
        """Upload entities as the SDK sees fit: up to 1,000 as records, more as a file."""
        from bingads.v13.bulk import EntityUploadParameters  # noqa: TID251 - tests may

        parameters = EntityUploadParameters(
            entities,
            result_file_directory=str(self._folder),
            result_file_name="entities.csv",
            overwrite_result_file=True,
        )
        return list(self.bulk_manager().upload_entities(parameters))

    def download_lists(self) -> list[Any]:
        """Download the customer lists."""
        from bingads.v13.bulk import (  # noqa: TID251 - tests may
            BulkCustomerList,
            BulkFileReader,
            DownloadParameters,
            ResultFileType,
        )

        path = self.bulk_manager().download_file(
            DownloadParameters(
                result_file_directory=str(self._folder),
                result_file_name="download.csv",
                overwrite_result_file=True,
                download_entities=["CustomerLists"],
                file_type="Csv",
            )
        )
        with BulkFileReader(path, result_file_type=ResultFileType.full_download) as reader:
            return [entity for entity in reader if isinstance(entity, BulkCustomerList)]

    def written(self, path: Path, entities: list[Any]) -> Path:
        """A Bulk file written by the SDK."""
        from bingads.v13.bulk import BulkFileWriter  # noqa: TID251 - tests may

        with BulkFileWriter(str(path)) as writer:
            for entity in entities:
                writer.write_entity(entity)
        return path

    def bulk_list(self, name: str | None, *, id: int, action: str | None = None) -> Any:  # noqa: A002
        """A list row; a new list if the id is negative."""
        from bingads.v13.bulk import BulkCustomerList  # noqa: TID251 - tests may

        if name is None:
            audience = self.customer_list("", Id=id, Name=None, Scope=None, ParentId=None)
            audience.MembershipDuration = None
        else:
            audience = self.customer_list(name, Id=id)
        entity = BulkCustomerList(customer_list=audience)
        entity.action_type = action
        return entity

    def bulk_items(self, parent_id: int, texts: list[str]) -> list[Any]:
        """Item rows."""
        from bingads.v13.bulk import BulkCustomerListItem  # noqa: TID251 - tests may

        return [BulkCustomerListItem(parent_id=parent_id, sub_type="Email", text=text) for text in texts]

    def apply(self, audience_id: int, action: str, hashes: list[str]) -> Any:
        """ApplyCustomerListUserData."""
        data = self.campaign.factory.create("CustomerListUserData")
        data.AcceptCustomerMatchTerm = None
        data.ActionType = action
        data.AudienceId = audience_id
        data.CustomerListItemSubType = "Email"
        data.CustomerListItems = {"string": hashes}
        return self.campaign.ApplyCustomerListUserData(CustomerListUserData=data)

    @staticmethod
    def operations(api: Api) -> list[str]:
        """The simulator's request log."""
        return [call["operation"] for call in api.control("requests")]

    def customer_list(self, name: str, **changes: Any) -> Any:
        """A CustomerList of Campaign Management; what is not set is not sent."""
        audience = self.campaign.factory.create("CustomerList")
        for key in audience.__keylist__:
            setattr(audience, key, None)
        values = {
            "Name": name,
            "Scope": "Customer",
            "ParentId": self._ready["customer_id"],
            "MembershipDuration": -1,
        }
        for key, value in (values | changes).items():
            setattr(audience, key, value)
        return audience

    def audiences(self, *lists: Any) -> Any:
        """An array of audiences."""
        array = self.campaign.factory.create("ArrayOfAudience")
        array.Audience = list(lists)
        return array

    def ids(self, *numbers: int) -> Any:
        """An array of 64-bit numbers (a dict will do; the type's prefix differs from client to client)."""
        return {"long": list(numbers)}
