"""The sign-in by the button: the browser goes to Microsoft's page and comes back to Airflow's API server.

Between the two, the secrets of the sign-in (state, nonce, code verifier) are in an encrypted cookie that no script can
read. So any of several API servers can finish it, and nothing has to be cleaned up. The cookie names the user and the
connection, works for ten minutes, and is deleted with the first answer; the authority takes each code only once.

The answer comes behind the `#` of the redirect URI. Browsers send that to no server, so the code is in no log of a
server or proxy; the page that the browser arrives at posts it (authorization code flow with PKCE: RFC 7636).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from airflow.configuration import conf
from airflow.utils.session import create_session
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from airflow_microsoft_advertising.connection.fields import environment_of
from airflow_microsoft_advertising.connection.writer import SavedConnection, read_connection, write_connection
from airflow_microsoft_advertising.links import PAGES, airflow_url
from airflow_microsoft_advertising.web.connections.listing import as_connection
from customer_match.errors import ConfigurationError
from microsoft_advertising.auth.sign_in import AnswerMode, SignIn

__all__ = ["COOKIE", "SECONDS", "Begun", "begin", "finish", "opened", "redirect_uri"]

COOKIE: Final = "customer_match_sign_in"
SECONDS: Final = 600
"""How long a sign-in may take."""

_NEEDED: Final = ("state", "redirect_uri", "scope", "code_verifier", "nonce", "claims_challenge")
"""Keys of msal's flow that finish it; its address is long, and would not fit into a cookie."""


@dataclass(frozen=True)
class Begun:
    """A sign-in that has begun.

    Attributes:
        conn_id: The connection that it is for.
        user: Id of the Airflow user who began it.
        flow: What finishes it, with secrets.
    """

    conn_id: str
    user: str
    flow: Mapping[str, Any] = field(repr=False)

    def sealed(self) -> str:
        """The value of the cookie."""
        kept = {"conn_id": self.conn_id, "user": self.user, "flow": dict(self.flow)}
        return _fernet().encrypt(json.dumps(kept).encode()).decode()


def redirect_uri() -> str:
    """Return the address that Microsoft's page leads back to; it has to be registered for the application.

    Raises:
        ConfigurationError: Airflow's settings do not say where Airflow is.
    """
    if not airflow_url():
        raise ConfigurationError(
            "Airflow's setting [api] base_url is empty, so nobody can be led back here after a sign-in. Set it to "
            "Airflow's address."
        )
    return f"{airflow_url()}{PAGES}/connections/signed-in"


def begin(conn_id: str, user: str) -> tuple[str, Begun]:
    """Begin a sign-in for a connection: the address of the authority's page, and what finishes it.

    Raises:
        ConfigurationError: There is no such connection, it is not complete, or the authority refuses.
        TransientError: The authority cannot be reached.
    """
    with _sign_in(_saved(conn_id), conn_id, None) as sign_in:
        flow = {key: value for key, value in sign_in.flow.items() if key in _NEEDED}
        return sign_in.address, Begun(conn_id, user, flow)


def opened(cookie: str | None, user: str) -> Begun:
    """Open the cookie of a sign-in.

    Raises:
        ConfigurationError: There is none, it is older than ten minutes, or another user's.
    """
    try:
        kept = json.loads(_fernet().decrypt((cookie or "").encode(), ttl=SECONDS))
    except InvalidToken:
        raise ConfigurationError(
            f"This browser has begun no sign-in in the last {SECONDS // 60} minutes. Begin again at the connection, in "
            f"this browser and at the address {airflow_url()}."
        ) from None
    if kept["user"] != user:
        raise ConfigurationError(
            "Another Airflow user has begun this sign-in. Begin again at the connection."
        )
    return Begun(**kept)


def finish(begun: Begun, answer: Mapping[str, str]) -> None:
    """Redeem the answer of the authority, and save the refresh token in the connection.

    Raises:
        ConfigurationError: The user declined, the answer belongs to another sign-in, or the authority refuses.
        TransientError: The authority cannot be reached.
    """
    saved = _saved(begun.conn_id)
    with _sign_in(saved, begun.conn_id, begun.flow) as sign_in:
        token = sign_in.finish(answer)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    fields = {"refresh_token": token.get_secret_value(), "signed_in_on": now}
    with create_session() as session:
        write_connection(
            begun.conn_id, SavedConnection(saved.client_id, saved.client_secret, fields), session
        )


def _saved(conn_id: str) -> SavedConnection:
    with create_session() as session:
        saved = read_connection(conn_id, session)
    if saved is None:
        raise ConfigurationError(f"There is no connection {conn_id!r} any more. Add it again.")
    return saved


def _sign_in(saved: SavedConnection, conn_id: str, flow: Mapping[str, Any] | None) -> SignIn:
    secret = SecretStr(saved.client_secret) if saved.client_secret else None
    environment = environment_of(as_connection(conn_id, saved))
    return SignIn(saved.client_id, secret, environment, redirect_uri(), mode=AnswerMode.FRAGMENT, flow=flow)


def _fernet() -> Fernet:
    """Encrypt with a key of its own, made of the secret that all API servers share (documented: [api] secret_key)."""
    secret = conf.get_mandatory_value("api", "secret_key")
    return Fernet(
        base64.urlsafe_b64encode(hashlib.sha256(f"customer-match sign-in\n{secret}".encode()).digest())
    )
