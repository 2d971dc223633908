"""The unmodified `bingads` SDK aimed at a simulator: everything that its set-up needs, in one place.

Imported lazily: importing `bingads` takes a second, and the fast tests must not pay for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

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


class Sdk:
    """Clients of the SDK that call one simulator.

    Args:
        ready: What the simulator prints when it is ready.
        folder: Working directory of the SDK.
    """

    def __init__(self, ready: dict[str, str], folder: Path) -> None:
        from bingads import AuthorizationData  # noqa: TID251 - tests may

        self._ready = ready
        self._folder = folder
        self.authentication = authentication(ready)
        self.authorization = AuthorizationData(
            account_id=ready["account_id"],
            customer_id=ready["customer_id"],
            developer_token=ready["developer_token"],
            authentication=self.authentication,
        )
        self._clients: dict[str, Any] = {}

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
