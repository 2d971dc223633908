"""Which hosts get tokens and files, and which ones results are fetched from: the one place for this rule.

The service answers with addresses of its own making (`UploadUrl`, `ResultFileUrl`), and one of them is kept in the
workspace until the file is sent. An answer or a workspace that somebody has written to must not make this program
hand its tokens to a stranger, nor fetch from inside the network that it runs in.

* Tokens and members go to the hosts of the environment alone. Production and sandbox: below `bingads.microsoft.com`
  and `sandbox.bingads.microsoft.com`, where all services are (documented: guides/web-service-addresses) and where
  files went (observed: `fileupload.api.sandbox.bingads.microsoft.com`; documented nowhere). Elsewhere: the host of
  the base URL. Everywhere: the hosts that the connection names.
* Sign-ins go to the authority's host alone (documented: authentication-oauth-get-tokens).
* Results may lie anywhere ("You should not take a dependency on the domain": getbulkuploadstatus; observed:
  `bingadsappsstorageprod.blob.core.windows.net`), but at a public address, over https. They are asked for without
  any token. Who is connected is looked at before anything is sent: a name can lead anywhere.
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
"""Names of hosts, and IPv4 addresses: no dot at the end, nothing that is decoded later."""
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""What libraries take for an IPv4 address, in one of its old forms (URL standard: "ends in a number")."""
_EMBEDDING: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
"""Networks of IPv6 whose addresses end with one of IPv4 (RFC 6052, RFC 2765, RFC 4291)."""
_INSIDE: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b:1::/48", "fec0::/10", "192.0.0.0/24", "168.63.129.16/32"))
)
"""Not everybody's, though Python 3.11 says so: RFC 8215, RFC 3879, RFC 6890, and Azure's own services for a machine."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForeignHost(ServiceTerminalError):
    """The service, or the workspace, names a host that must not get what it asks for."""


def address_of_upload(text: str, environment: Environment, origin: Origin) -> httpx.URL:
    """Where a file may be sent, with our tokens.

    Raises:
        ForeignHost: It is none of the environment's hosts.
        ServiceTerminalError: It is no address.
    """
    url = _parse_url(text, origin)
    if _is_ours(url, environment) or _is_the_services(url, environment):
        return url
    raise ForeignHost(
        f"{origin}: the service, or the ledger in the workspace, names {_host_of(url)} to send members and tokens to, "
        f"and that is no host of the environment {environment.name}. Nothing was sent there. Find out who wrote it. "
        "If Microsoft Advertising, or your own gateway, does use this host, add it to the connection's field "
        "Further hosts (`hosts`)."
    )


def address_of_results(text: str, environment: Environment, origin: Origin) -> httpx.URL:
    """Where results may be fetched from, as far as the address tells; see `check_peer` for the rest.

    Raises:
        ForeignHost: It is plain http, or no public address.
        ServiceTerminalError: It is no address.
    """
    url = _parse_url(text, origin)
    if _is_ours(url, environment):
        return url
    if url.scheme != "https":
        raise ForeignHost(
            f"{origin}: the service names an address that is not https ({_host_of(url)}). It was not called."
        )
    if not _may_be_public(_host(url)):
        raise _inside(origin, _host_of(url))
    return url


def check_peer(peer: str, url: httpx.URL, environment: Environment, origin: Origin) -> None:
    """Look at who is connected before anything is sent: the name is resolved by nobody a second time.

    Args:
        peer: IP address.
        url: Where results are to be fetched from, as `address_of_results` let it pass.
        environment: Whose hosts may lie anywhere.
        origin: For the message.

    Raises:
        ForeignHost: The peer is of a private network.
    """
    if not (_is_ours(url, environment) or is_public(ipaddress.ip_address(peer.partition("%")[0]))):
        raise _inside(origin, _host_of(url))


def address_of_authority(text: str, environment: Environment, origin: Origin) -> httpx.URL:
    """Where secrets of the sign-in may be sent: the authority says by itself where its endpoints are.

    Raises:
        ForeignHost: It is another host than the authority's.
    """
    url, authority = _parse_url(text, origin), httpx.URL(environment.authority)
    if (url.scheme, url.host, url.port) == (authority.scheme, authority.host, authority.port):
        return url
    raise ForeignHost(
        f"{origin}: the authority names {_host_of(url)}, which is not {authority.host}. Nothing was sent there. Check "
        "proxies, the environment and the base URL on the connection."
    )


def is_public(address: Address) -> bool:
    """Whether an address is everybody's: not of this machine, of a network inside, or of a cloud's own services."""
    embedded: Address | None = None
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in _EMBEDDING):
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if embedded is not None:
        return is_public(embedded)
    is_inside = any(address in network for network in _INSIDE)
    return address.is_global and not (is_inside or address.is_multicast)


def _parse_url(text: str, origin: Origin) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise ServiceTerminalError(f"{origin}: the service names an address that cannot be read") from None
    if url.scheme not in {"http", "https"} or url.userinfo or not _is_host(url):
        raise ServiceTerminalError(f"{origin}: the service names an address that cannot be used")
    return url


def _is_host(url: httpx.URL) -> bool:
    """Whether the host is written as hosts are. What is looked at is what will be connected to."""
    host = _host(url)
    return bool(_NAME.fullmatch(host)) or _literal(host) is not None


def _host(url: httpx.URL) -> str:
    """In ASCII and lower case, as it is looked up."""
    return url.raw_host.decode("ascii")


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_ours(url: httpx.URL, environment: Environment) -> bool:
    """Whether it is the base URL's host and port, or one that the connection names."""
    if (url.scheme, url.host, url.port) in environment.origins:
        return True
    is_safe = url.scheme == "https" or environment.plain_http
    return is_safe and _host_of(url) in environment.further_hosts


def _is_the_services(url: httpx.URL, environment: Environment) -> bool:
    """Whether it is one of Microsoft's own, and of this environment."""
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
    """The host, and the port if it is none of the usual: the rest of an address is a secret."""
    host = _host(url)
    host = f"[{host}]" if ":" in host else host
    return host if url.port is None else f"{host}:{url.port}"


def _inside(origin: Origin, host: str) -> ForeignHost:
    return ForeignHost(
        f"{origin}: the service names {host}, which leads into a private network. Nothing was asked for there. Find "
        "out who wrote it, or whether DNS answers as it should. If it is right here, add it to the connection's "
        "field Further hosts (`hosts`)."
    )
