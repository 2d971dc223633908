"""The simulated sign-in page in a real browser, as `customer-match login` uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from customer_match.errors import ConfigurationError
from microsoft_advertising.auth.redirect_listener import Listener
from microsoft_advertising.auth.sign_in import AnswerMode, SignIn, native_client_page, read_answer
from microsoft_advertising.environment import Environment
from tests.browser import NEEDS_CHROMIUM, chromium
from tests.microsoft_advertising_simulator.api import Simulator

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    running = Simulator(tmp_path_factory.mktemp("simulator"))
    yield running
    running.end()


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        yield page


def test_accepting_in_the_browser(simulator: Simulator, page: Page) -> None:
    """The answer is posted to the command: no code is left in the address bar."""
    secret = SecretStr(simulator.ready["client_secret"])
    environment = Environment.at(simulator.ready["base_url"])
    with (
        Listener() as listener,
        SignIn(
            simulator.ready["client_id"], secret, environment, listener.redirect_uri, mode=AnswerMode.FORM
        ) as sign_in,
    ):
        page.goto(sign_in.address)
        expect(page.get_by_text("Sample web application")).to_be_visible()
        expect(page.get_by_text("manage your Microsoft Advertising accounts")).to_be_visible()
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_role("heading", name="Return to the command line")).to_be_visible()
        assert page.url == f"{listener.redirect_uri}/"
        assert sign_in.finish(listener.wait(30)).get_secret_value()


def test_declining_in_the_browser(simulator: Simulator, page: Page) -> None:
    secret = SecretStr(simulator.ready["client_secret"])
    environment = Environment.at(simulator.ready["base_url"])
    with (
        Listener() as listener,
        SignIn(
            simulator.ready["client_id"], secret, environment, listener.redirect_uri, mode=AnswerMode.FORM
        ) as sign_in,
    ):
        page.goto(sign_in.address)
        page.get_by_role("button", name="Decline").click()
        expect(page.get_by_role("heading", name="Return to the command line")).to_be_visible()
        with pytest.raises(ConfigurationError, match="the user declined"):
            sign_in.finish(listener.wait(30))


def test_copying_the_address(simulator: Simulator, page: Page) -> None:
    environment = Environment.at(simulator.ready["base_url"])
    public = simulator.ready["public_client_id"]
    with SignIn(public, None, environment, native_client_page(environment)) as sign_in:
        page.goto(sign_in.address)
        expect(page.get_by_text("Sample native application")).to_be_visible()
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_text("Copy the whole address")).to_be_visible()
        assert sign_in.finish(read_answer(page.url)).get_secret_value()
