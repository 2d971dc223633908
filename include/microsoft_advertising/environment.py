"""The addresses of the service: production, the sandbox, or a host that implements the same API."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import Self

import httpx
from pydantic import BaseModel, ConfigDict

from customer_match.errors import ConfigurationError

__all__ = ["Environment", "Service"]

AUTHORITY = "https://login.microsoftonline.com/common"
"""For personal and work accounts, in production and in the sandbox (documented: oauth pages, sandbox)."""

DOMAIN = "bingads.microsoft.com"
SANDBOX_DOMAIN = f"sandbox.{DOMAIN}"
"""Domain of the services' hosts (documented: guides/web-service-addresses)."""

LOCAL_ENDS = ("localhost", "local", "internal")
"""Top-level names that do not exist in public DNS (RFC 6761, RFC 6762, ICANN 2024)."""


class Service(StrEnum):
    """The three services, by their names in REST paths."""

    BULK = "Bulk"
    CAMPAIGN = "CampaignManagement"
    CUSTOMER = "CustomerManagement"


_FURTHER_HOST = re.compile(r"(?:[a-z0-9_.-]*[a-z0-9]|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
"""A host name or address, with an optional port."""

_SOAP_PATHS = {
    Service.BULK: "/Api/Advertiser/CampaignManagement/v13/BulkService.svc",
    Service.CAMPAIGN: "/Api/Advertiser/CampaignManagement/v13/CampaignManagementService.svc",
    Service.CUSTOMER: "/Api/CustomerManagement/v13/CustomerManagementService.svc",
}
"""The services' paths for SOAP (documented: guides/web-service-addresses)."""


class Environment(BaseModel):
    """The addresses of one environment.

    Attributes:
        name: For messages: "production", "sandbox", or the base URL of another host.
        bulk_url: Base of the Bulk service, without a slash at its end; likewise the two below.
        campaign_url: Base of Campaign Management.
        customer_url: Base of Customer Management.
        authority: URL of the authority that issues tokens, in the form that msal expects (https).
        scopes: Scopes of the tokens; msal itself adds `offline_access`.
        sandbox: Whether the sandbox's limits apply (20,000 rows per file).
        token_host: Base URL that token requests are sent to instead of the authority's host; None for the authority
            itself. Lets a simulator issue tokens, although msal accepts https authorities only.
        domain: Domain of which all hosts belong to the service; None if only the base URL's host does.
        further_hosts: Further trusted hosts, as `host` or `host:port`, reached over https; see `hosts`.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    bulk_url: str
    campaign_url: str
    customer_url: str
    authority: str = AUTHORITY
    scopes: tuple[str, ...]
    sandbox: bool = False
    token_host: str | None = None
    domain: str | None = None
    further_hosts: frozenset[str] = frozenset()

    @classmethod
    def named(cls, name: str) -> Self:
        """One of Microsoft's own environments.

        Args:
            name: "production" or "sandbox".

        Raises:
            ConfigurationError: There is no such environment.
        """
        if name == "production":
            host, scope = f"api.{DOMAIN}", "https://ads.microsoft.com/msads.manage"
        elif name == "sandbox":
            # The scope is observed in both SDKs; no page states one for the sandbox.
            host, scope = f"api.{SANDBOX_DOMAIN}", "https://si.ads.microsoft.com/msads.manage"
        else:
            raise ConfigurationError(
                f"Microsoft Advertising has no environment {name!r}. Choose production or sandbox, or give the base "
                "URL of another host."
            )
        return cls(
            name=name,
            bulk_url=f"https://bulk.{host}/Bulk/v13",
            campaign_url=f"https://campaign.{host}/CampaignManagement/v13",
            customer_url=f"https://clientcenter.{host}/CustomerManagement/v13",
            scopes=(scope,),
            sandbox=name == "sandbox",
            domain=SANDBOX_DOMAIN if name == "sandbox" else DOMAIN,
        )

    @classmethod
    def at(cls, base_url: str, *, sandbox: bool = False) -> Self:
        """A simulator or gateway with all three services and the token endpoint under one base URL.

        Args:
            base_url: For example `http://127.0.0.1:8080`; a path is kept.
            sandbox: Whether the sandbox's limits apply.

        Raises:
            ConfigurationError: It is not a valid http or https URL.
        """
        base = base_url.strip().rstrip("/")
        try:
            url = httpx.URL(base)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query:
            raise ConfigurationError(
                "The base URL of Microsoft Advertising must look like https://host or http://127.0.0.1:8080, "
                "without user, password or query. Correct it on the connection."
            )
        if url.scheme == "http" and not _is_internal(url.host):
            raise ConfigurationError(
                f"The base URL of Microsoft Advertising uses http for {url.host}, which would send tokens and members "
                "unencrypted. Use https:// on the connection; http:// is allowed for this machine (127.0.0.1) and for "
                "names inside a private network, such as http://simulator:8470."
            )
        return cls(
            name=base,
            bulk_url=f"{base}/Bulk/v13",
            campaign_url=f"{base}/CampaignManagement/v13",
            customer_url=f"{base}/CustomerManagement/v13",
            scopes=("https://ads.microsoft.com/msads.manage",),
            sandbox=sandbox,
            token_host=base,
        )

    def of_tenant(self, tenant: str) -> Self:
        """A copy that requests tokens of one tenant, for applications that are registered for that tenant only.

        Args:
            tenant: Its id or domain; empty for `common`, which accepts all users (documented: consent page).

        Raises:
            ConfigurationError: It is not a valid id or domain of a tenant.
        """
        if not tenant.strip():
            return self
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", tenant.strip()):
            raise ConfigurationError(
                "The tenant must be given by its id or domain, such as contoso.onmicrosoft.com. Correct it on the "
                "connection, or leave it empty for all tenants."
            )
        base = self.authority.rpartition("/")[0]
        return self.model_copy(update={"authority": f"{base}/{tenant.strip()}"})

    def with_hosts(self, text: str) -> Self:
        """A copy that trusts further hosts.

        Args:
            text: Host names or `host:port`, separated by commas or spaces. The default port is 443.

        Raises:
            ConfigurationError: One of them is not a host.
        """
        found = frozenset(host.removesuffix(":443") for host in text.lower().replace(",", " ").split())
        for host in sorted(found):
            if not _FURTHER_HOST.fullmatch(host):
                raise ConfigurationError(
                    "The connection's field Further hosts (`hosts`) takes host names separated by commas, such as "
                    "upload.contoso.com or 10.0.0.5:8443, without https:// and without wildcards. Correct it."
                )
        return self.model_copy(update={"further_hosts": found})

    @property
    def origins(self) -> frozenset[tuple[str, str, int | None]]:
        """Scheme, host and port of the services; empty if `domain` defines the hosts."""
        urls = [] if self.domain else [self.bulk_url, self.campaign_url, self.customer_url]
        return frozenset((url.scheme, url.host, url.port) for url in map(httpx.URL, urls))

    def url(self, service: Service) -> str:
        """Base URL of a service, for REST."""
        urls = {
            Service.BULK: self.bulk_url,
            Service.CAMPAIGN: self.campaign_url,
            Service.CUSTOMER: self.customer_url,
        }
        return urls[service]

    def soap_url(self, service: Service) -> str:
        """URL of a service for SOAP, on the same host."""
        return self.url(service).removesuffix(f"/{service}/v13") + _SOAP_PATHS[service]

    @property
    def plain_http(self) -> bool:
        """Whether the services are reached without TLS, as only a simulator is."""
        return not self.bulk_url.startswith("https://")


def _is_internal(host: str) -> bool:
    """Whether a host is this machine, or a name that only a private network resolves (of a container, for example)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return "." not in host or host.rpartition(".")[2] in LOCAL_ENDS
