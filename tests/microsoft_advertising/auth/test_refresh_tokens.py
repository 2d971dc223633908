"""The choice of the next refresh token, also with concurrent renewals by several processes."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.errors import ConfigurationError
from microsoft_advertising.account import Account
from microsoft_advertising.auth import refresh_tokens
from microsoft_advertising.auth.refresh_tokens import InMemoryTokenStore, NewestRefreshToken
from microsoft_advertising.auth.tokens import MAX_TRIES, TokenSource
from microsoft_advertising.environment import Environment

LOOKS = len(refresh_tokens._DELAYS)


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh_tokens, "_DELAYS", (0.0,) * LOOKS)


class Broken:
    """A store that can neither read nor write."""

    def load(self) -> str | None:
        return None

    def save(self, refresh_token: str) -> None:
        pass


def test_a_stored_token_takes_precedence_over_the_connections() -> None:
    store = InMemoryTokenStore()
    store.save("stored")
    assert NewestRefreshToken("first", store).next() == "stored"
    assert NewestRefreshToken("first", InMemoryTokenStore()).next() == "first"


def test_a_token_stored_by_another_process_is_used_at_the_next_renewal() -> None:
    store = InMemoryTokenStore()
    newest = NewestRefreshToken("first", store)
    newest.next()
    newest.keep("ours")
    assert store.refresh_token == "ours"
    store.save("theirs")
    assert newest.next() == "theirs"


def test_a_store_with_an_old_token_does_not_take_precedence() -> None:
    """The store can be read but not written: the token in memory is newer."""

    class ReadOnly(InMemoryTokenStore):
        def save(self, refresh_token: str) -> None:
            pass

    store = ReadOnly()
    store.refresh_token = "old"
    newest = NewestRefreshToken("first", store)
    assert newest.next() == "old"
    newest.keep("renewed")
    assert newest.next() == "renewed"


def test_a_failing_store_loses_only_the_stored_copy() -> None:
    newest = NewestRefreshToken("first", Broken())
    assert newest.next() == "first"
    newest.keep("second")
    assert newest.next() == "second"
    assert newest.after_refusal("second") == "first"
    assert newest.after_refusal("first") is None


def test_the_connections_own_token_is_the_last_resort() -> None:
    store = InMemoryTokenStore()
    store.save("damaged")
    newest = NewestRefreshToken("first", store)
    assert newest.next() == "damaged"
    assert newest.after_refusal("damaged") == "first"
    newest.keep("fresh")
    assert store.refresh_token == "fresh"


# --- One-time refresh tokens, and other processes ----------------------------------------------------------


class OneTimeAuthority:
    """Each refresh token works once, then its successor."""

    def __init__(self) -> None:
        self.valid = "token-0"
        self.issued = 0
        self.asked: list[str] = []

    def redeem(self, token: str) -> str | None:
        if token != self.valid:
            return None
        self.issued += 1
        self.valid = f"token-{self.issued}"
        return self.valid


class World(InMemoryTokenStore):
    """The shared store, and other processes that redeem and store between our steps.

    Args:
        delays: For each renewal by others: after how many of our looks at the store its token gets there.
    """

    def __init__(self, authority: OneTimeAuthority, delays: list[int]) -> None:
        super().__init__()
        self.authority = authority
        self.delays = deque(delays)
        self.under_way: tuple[int, str] | None = None

    def others_act(self) -> None:
        """Another process redeems the current token, if it has read it."""
        known = self.refresh_token or "token-0"
        if self.under_way is None and self.delays and known == self.authority.valid:
            token = self.authority.redeem(known)
            assert token
            self.under_way = (self.delays.popleft(), token)

    def load(self) -> str | None:
        if self.under_way:
            left, token = self.under_way
            if left == 0:
                self.refresh_token, self.under_way = token, None
            else:
                self.under_way = (left - 1, token)
        return self.refresh_token


def source(world: World, account: Account, monkeypatch: pytest.MonkeyPatch) -> TokenSource:
    tokens = TokenSource(account, Environment.at("http://127.0.0.1:9"), world)

    def ask(refresh_token: str) -> dict[str, Any]:
        world.others_act()
        world.authority.asked.append(refresh_token)
        token = world.authority.redeem(refresh_token)
        if token is None:
            return {"error": "invalid_grant"}
        return {"access_token": f"access for {token}", "refresh_token": token, "expires_in": 3600}

    monkeypatch.setattr(tokens, "_ask", ask)
    return tokens


def account_with(token: str) -> Account:
    return Account.model_validate(
        {
            "client_id": "app",
            "refresh_token": token,
            "developer_token": "d",
            "customer_id": "1",
            "account_id": "2",
        }
    )


@given(
    delays=st.lists(st.integers(0, LOOKS - 1), max_size=MAX_TRIES - 2),
    renewals=st.integers(1, 4),
)
def test_a_process_that_loses_the_race_uses_the_winners_token(delays: list[int], renewals: int) -> None:
    world = World(OneTimeAuthority(), delays)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refresh_tokens, "_DELAYS", (0.0,) * LOOKS)
        tokens = source(world, account_with("token-0"), patch)
        token = None
        for _ in range(renewals):
            token = tokens.access_token(refused=token)
            assert token == f"access for {world.authority.valid}"
            assert world.refresh_token == world.authority.valid, "what is stored works"
    assert len(set(world.authority.asked)) == len(world.authority.asked), "a refused token was tried again"


@given(delay=st.integers(LOOKS + 1, LOOKS + 5))
def test_a_token_that_never_arrives_needs_a_user(delay: int) -> None:
    """The other process died before it stored the new token, which is lost."""
    world = World(OneTimeAuthority(), [delay])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refresh_tokens, "_DELAYS", (0.0,) * LOOKS)
        tokens = source(world, account_with("token-0"), patch)
        with pytest.raises(ConfigurationError, match="Sign in again"):
            tokens.access_token()
    assert world.authority.asked == ["token-0"]


def test_other_refusals_do_not_renew_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    store = InMemoryTokenStore()
    store.save("stored")
    tokens = TokenSource(account_with("first"), Environment.at("http://127.0.0.1:9"), store)
    asked: list[str] = []

    def ask(refresh_token: str) -> dict[str, Any]:
        asked.append(refresh_token)
        return {"error": "invalid_client", "error_description": "AADSTS7000222: expired"}

    monkeypatch.setattr(tokens, "_ask", ask)
    with pytest.raises(ConfigurationError, match="client secret has expired"):
        tokens.access_token()
    assert asked == ["stored"]
