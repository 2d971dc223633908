"""Decides which hosts may receive tokens and files, and from which hosts results may be fetched.

The service returns addresses (`UploadUrl`, `ResultFileUrl`), and the upload URL is kept in the workspace until the file
is sent. A forged answer or a manipulated workspace must not make this program send its tokens to a foreign host, nor
fetch from inside its own network.

* Tokens and members go only to the hosts of the environment. Production and sandbox: below `bingads.microsoft.com`
  and `sandbox.bingads.microsoft.com`, where all services are (documented: guides/web-service-addresses) and where
  files are sent (observed: `fileupload.api.sandbox.bingads.microsoft.com`; not documented). Elsewhere: the host of
  the base URL. Everywhere: the hosts that the connection lists.
* Sign-ins go only to the authority's host (documented: authentication-oauth-get-tokens).
* Results may be on any host ("You should not take a dependency on the domain": getbulkuploadstatus; observed:
  `bingadsappsstorageprod.blob.core.windows.net`), but at a public address and over https. They are requested without
  a token. The peer's address is checked before anything is sent, because a name can resolve to any address.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import httpx

from microsoft_advertising.environment import LOCAL_ENDS, SANDBOX_DOMAIN, Environment
from microsoft_advertising.faults import Origin, ServiceTerminalError

__all__ = ["ForeignHost", "address_of_authority", "address_of_results", "address_of_upload", "check_peer"]

_NAME: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
"""Host names and IPv4 addresses, without a dot at the end and without encoded characters."""
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""Names that libraries accept as an IPv4 address in an old notation (URL standard: "ends in a number")."""
_EMBEDDING: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
"""IPv6 networks whose addresses embed an IPv4 address at the end (RFC 6052, RFC 2765, RFC 4291)."""
_NOT_PUBLIC: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b:1::/48", "fec0::/10", "192.0.0.0/24", "168.63.129.16/32"))
)
"""Not public, although Python 3.11 says so: RFC 8215, RFC 3879, RFC 6890, and the Azure platform address."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForeignHost(ServiceTerminalError):
    """The service, or the workspace, names a host that must not be contacted."""


def address_of_upload(text: str, environment: Environment, origin: Origin) -> httpx.URL:
    """Check and parse the address that a file is sent to, together with our tokens.

    Raises:
        ForeignHost: It is not one of the environment's hosts.
        ServiceTerminalError: It is not a valid address.
    """
    url = _parse_url(text, origin)
    if _is_ours(url, environment) or _is_the_services(url, environment):
        return url
    raise ForeignHost(
        f"{origin}: the service, or the ledger in the workspace, gives {_host_of(url)} as the host to send members and "
        f"tokens to, but it is not a host of the environment {environment.name}. Nothing was sent there. Find out "
        "where this address comes from. If Microsoft Advertising or your own gateway does use this host, add it to the "
        "connection's field Further hosts (`hosts`)."
    )


def address_of_results(text: str, environment: Environment, origin: Origin) -> httpx.URL:
    """Check and parse the address of results; `check_peer` checks the connection later.

    Raises:
        ForeignHost: It is plain http, or not a public address.
        ServiceTerminalError: It is not a valid address.
    """
    url = _parse_url(text, origin)
    if _is_ours(url, environment):
        return url
    if url.scheme != "https":
        raise ForeignHost(
            f"{origin}: the service gives an address without https ({_host_of(url)}). Nothing was requested from it."
        )
    if not _may_be_public(_host(url)):
        raise _private_network_error(origin, _host_of(url))
    return url


def check_peer(peer: str, url: httpx.URL, environment: Environment, origin: Origin) -> None:
    """Check the IP address of an open connection before anything is sent. The name is not resolved a second time.

    Args:
        peer: IP address of the peer.
        url: Address of the results, accepted by `address_of_results`.
        environment: Its own hosts may have any address.
        origin: For the message.

    Raises:
        ForeignHost: The peer is in a private network.
    """
    if not (_is_ours(url, environment) or is_public(ipaddress.ip_address(peer.partition("%")[0]))):
        raise _private_network_error(origin, _host_of(url))


def address_of_authority(text: str, environment: Environment, origin: Origin) -> httpx.URL:
    """Check and parse an address that secrets of the sign-in are sent to, as the authority's metadata gives it.

    Raises:
        ForeignHost: It is not on the authority's host.
    """
    url, authority = _parse_url(text, origin), httpx.URL(environment.authority)
    if (url.scheme, url.host, url.port) == (authority.scheme, authority.host, authority.port):
        return url
    raise ForeignHost(
        f"{origin}: the authority names {_host_of(url)}, which is not {authority.host}. Nothing was sent there. Check "
        "any proxy, and the environment and base URL on the connection."
    )


def is_public(address: Address) -> bool:
    """Whether an address is public: not of this machine, a private network, or a cloud platform's own services."""
    embedded: Address | None = None
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in _EMBEDDING):
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if embedded is not None:
        return is_public(embedded)
    is_excluded = any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not (is_excluded or address.is_multicast)


def _parse_url(text: str, origin: Origin) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise ServiceTerminalError(
            f"{origin}: the service returned an address that cannot be parsed"
        ) from None
    if url.scheme not in {"http", "https"} or url.userinfo or not _is_host(url):
        raise ServiceTerminalError(f"{origin}: the service returned an address that cannot be used")
    return url


def _is_host(url: httpx.URL) -> bool:
    """Whether the host is a plain name or address, so that what is checked is what will be connected to."""
    host = _host(url)
    return bool(_NAME.fullmatch(host)) or _literal(host) is not None


def _host(url: httpx.URL) -> str:
    """The host in ASCII and lower case, as it is resolved."""
    return url.raw_host.decode("ascii")


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_ours(url: httpx.URL, environment: Environment) -> bool:
    """Whether it has the base URL's host and port, or those of a host that the connection lists."""
    if (url.scheme, url.host, url.port) in environment.origins:
        return True
    is_safe = url.scheme == "https" or environment.plain_http
    return is_safe and _host_of(url) in environment.further_hosts


def _is_the_services(url: httpx.URL, environment: Environment) -> bool:
    """Whether it is one of Microsoft's hosts for this environment."""
    if environment.domain is None or url.scheme != "https" or url.port is not None:
        return False
    host = _host(url)
    in_sandbox = host.endswith(f".{SANDBOX_DOMAIN}")
    return host.endswith(f".{environment.domain}") and in_sandbox == environment.sandbox


def _may_be_public(host: str) -> bool:
    if address := _literal(host):
        return is_public(address)
    return "." in host and not _NUMBER.fullmatch(host) and host.rpartition(".")[2] not in LOCAL_ENDS


def _host_of(url: httpx.URL) -> str:
    """The host, and the port unless it is the default. The rest of the address is a secret."""
    host = _host(url)
    host = f"[{host}]" if ":" in host else host
    return host if url.port is None else f"{host}:{url.port}"


def _private_network_error(origin: Origin, host: str) -> ForeignHost:
    return ForeignHost(
        f"{origin}: the service gives the host {host}, which resolves to a private network. Nothing was requested "
        "there. Find out where this address comes from, and check DNS. If the host is correct, add it to the "
        "connection's field Further hosts (`hosts`)."
    )
