"""The addresses of the environments."""

from __future__ import annotations

import pytest

from customer_match.errors import ConfigurationError
from microsoft_advertising.environment import Environment, Service


def test_production_and_sandbox() -> None:
    production, sandbox = Environment.named("production"), Environment.named("sandbox")
    assert production.url(Service.BULK) == "https://bulk.api.bingads.microsoft.com/Bulk/v13"
    assert (
        production.url(Service.CUSTOMER)
        == "https://clientcenter.api.bingads.microsoft.com/CustomerManagement/v13"
    )
    assert (
        sandbox.url(Service.CAMPAIGN)
        == "https://campaign.api.sandbox.bingads.microsoft.com/CampaignManagement/v13"
    )
    assert (production.sandbox, sandbox.sandbox) == (False, True)
    assert (production.token_host, production.plain_http) == (None, False)
    assert production.scopes == ("https://ads.microsoft.com/msads.manage",)
    assert sandbox.scopes == ("https://si.ads.microsoft.com/msads.manage",)


def test_another_host_has_everything_under_one_url() -> None:
    environment = Environment.at(" http://127.0.0.1:8080/x/ ", sandbox=True)
    assert environment.url(Service.BULK) == "http://127.0.0.1:8080/x/Bulk/v13"
    assert environment.token_host == environment.name == "http://127.0.0.1:8080/x"
    assert environment.plain_http
    assert environment.sandbox


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "ftp://host", "http://", "http://u:p@host", "http://host:port"]
)
def test_bad_base_url(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must look like") as caught:
        Environment.at(url)
    assert "u:p" not in str(caught.value)


def test_an_unknown_environment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'test'.*production or sandbox"):
        Environment.named("test")


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1]:80",
        "http://127.9.9.9",
        "http://localhost",
        "http://simulator:8470",
        "http://ads.internal",
    ],
)
def test_http_is_allowed_on_this_machine_and_in_private_networks(url: str) -> None:
    assert Environment.at(url).plain_http


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "url", ["http://ads.contoso.com", "http://10.0.0.5", "http://8.8.8.8", "http://[fd00::1]"]
)
def test_http_is_rejected_for_all_other_hosts(url: str) -> None:
    with pytest.raises(ConfigurationError, match="which would send tokens and members unencrypted"):
        Environment.at(url)
