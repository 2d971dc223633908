"""The hook: creates a client of Microsoft Advertising from an Airflow connection."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Final, TypeVar

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_microsoft_advertising.connection.check import check
from airflow_microsoft_advertising.connection.extra import read_extra
from airflow_microsoft_advertising.connection.fields import account_of, environment_of, transport_of
from airflow_microsoft_advertising.connection.lookup import check_fields, missing_connection
from airflow_microsoft_advertising.connection.place import place_of
from airflow_microsoft_advertising.connection.terms import Terms, terms_of
from airflow_microsoft_advertising.connection.token_store import token_store
from airflow_microsoft_advertising.metrics.observing import observer_of
from airflow_microsoft_advertising.provider_info import CONNECTION_TYPE, DEFAULT_CONNECTION
from customer_match.errors import ConfigurationError
from customer_match.redaction import logger
from microsoft_advertising.account import Account
from microsoft_advertising.async_client import AsyncClient
from microsoft_advertising.client import Client
from microsoft_advertising.environment import Environment
from microsoft_advertising.models import AccountInfo
from microsoft_advertising.retrying import DEFAULT_RETRIES, RetryPolicy
from microsoft_advertising.transport.choice import TransportName, end_notice

__all__ = ["MicrosoftAdvertisingHook"]

_log = logger(__name__)

_NO_IDS: Final = {"customer_id": "0", "account_id": "0"}
"""Stand in for ids that are not chosen yet."""

_Client = TypeVar("_Client", Client, AsyncClient)


class MicrosoftAdvertisingHook(BaseHook):
    """Signs in with an Airflow connection of type `microsoft_advertising`.

    Args:
        microsoft_advertising_conn_id: Id of the connection.
        customer_id: Customer (cid) that overrides the connection's.
        account_id: Account (aid) that overrides the connection's.
    """

    conn_name_attr = "microsoft_advertising_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = CONNECTION_TYPE
    hook_name = "Microsoft Advertising"

    def __init__(
        self,
        microsoft_advertising_conn_id: str = default_conn_name,
        *,
        customer_id: str | None = None,
        account_id: str | None = None,
    ) -> None:
        super().__init__()
        self.microsoft_advertising_conn_id = microsoft_advertising_conn_id
        self._customer_id = customer_id
        self._account_id = account_id

    def connection(self) -> Connection:
        """The Airflow connection.

        Raises:
            ConfigurationError: It does not exist, is of another type, or cannot be read.
            TransientError: Airflow's api-server did not answer.
        """
        conn_id = self.microsoft_advertising_conn_id
        try:
            connection = self.get_connection(conn_id)
        except AirflowNotFoundException as error:
            advice = (
                f"Create it (`customer-match login`, or Admin > Connections with the type {self.hook_name!r}), or set "
                "another one as `connection` in the export file."
            )
            raise missing_connection(conn_id, advice) from error
        if connection.conn_type != CONNECTION_TYPE:
            raise ConfigurationError(
                f"The Airflow connection {conn_id!r} is of type {connection.conn_type!r}, "
                f"not {CONNECTION_TYPE!r}. Correct it {place_of(conn_id)}: in JSON the type is `conn_type`, and a URI "
                "begins with microsoft-advertising://."
            )
        read_extra(connection)
        if connection.schema:
            _warn_once(f"Airflow connection {conn_id!r}: its schema is not used.")
        for key in check_fields(connection):
            _warn_once(f"Airflow connection {conn_id!r}: its extra field {key!r} is unknown and is ignored.")
        return connection

    def account(self) -> Account:
        """The account of the connection."""
        return self._account(self.connection())

    def environment(self) -> Environment:
        """The environment of the connection."""
        return environment_of(self.connection())

    def terms(self) -> Terms | None:
        """Who accepted the Customer Match terms, if the connection records it."""
        return terms_of(self.connection())

    def get_conn(self, *, retries: RetryPolicy = DEFAULT_RETRIES) -> Client:
        """A client; use it as a context manager.

        Args:
            retries: How often and how long one call is retried.

        Raises:
            ConfigurationError: A value of the connection is missing or not valid.
        """
        return self._client(Client, retries)

    def get_async_conn(self, *, retries: RetryPolicy = DEFAULT_RETRIES) -> AsyncClient:
        """A client for the triggerer; use it as an asynchronous context manager. See `get_conn`."""
        return self._client(AsyncClient, retries)

    def accessible_accounts(self, *, retries: RetryPolicy = DEFAULT_RETRIES) -> list[AccountInfo]:
        """The accounts that the connection's user may act on, whatever ids the connection or this hook has, or none."""
        with self._client(Client, retries, has_ids=False) as client:
            return client.accounts()

    def test_connection(self) -> tuple[bool, str]:
        """Sign in and check whether Customer Match can be used (button *Test*)."""
        return check(self)

    def _client(self, kind: type[_Client], retries: RetryPolicy, *, has_ids: bool = True) -> _Client:
        connection = self.connection()
        account = self._account(connection) if has_ids else account_of(connection, **_NO_IDS)
        ids = {} if has_ids else {"customer_id": "", "account_id": ""}
        return kind(
            account.model_copy(update=ids),
            environment_of(connection),
            store=token_store(connection, account),
            retries=retries,
            transport=self._transport(connection),
            observer=observer_of(account.account_id if has_ids else "none"),
        )

    def _transport(self, connection: Connection) -> TransportName:
        transport = transport_of(connection)
        if notice := end_notice(transport, datetime.now(UTC).date()):
            _warn_once(f"Airflow connection {connection.conn_id!r}: {notice}")
        return transport

    def _account(self, connection: Connection) -> Account:
        return account_of(connection, customer_id=self._customer_id, account_id=self._account_id)


@functools.cache
def _warn_once(message: str) -> None:
    """Log a warning once per process, because a task opens many clients."""
    _log.warning(message)
