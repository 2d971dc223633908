"""The client of Microsoft Advertising.

A thin layer: `operations` defines requests and how answers are read, `transport` and `bulk.transfer` send them,
`retrying` defines which failures are retried. All calls raise three kinds of errors:

* ConfigurationError: a user must act; the message says what to do.
* TransientError: a later attempt may succeed. `retry_after` holds the wait that the service asked for, if any. Short
  failures and short waits have been retried already.
* TerminalError: the call can never succeed as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self, TypeVar

from microsoft_advertising import operations
from microsoft_advertising.account import Account
from microsoft_advertising.auth.refresh_tokens import TokenStore
from microsoft_advertising.auth.signing import TokenAuth
from microsoft_advertising.auth.tokens import TokenSource
from microsoft_advertising.bulk.results import read_row_errors
from microsoft_advertising.bulk.transfer import Files
from microsoft_advertising.environment import Environment
from microsoft_advertising.limits import NEVER_EXPIRES
from microsoft_advertising.models import (
    AccountInfo,
    Action,
    Audience,
    Identity,
    ItemError,
    RowError,
    Scope,
    UploadStatus,
    UploadTicket,
)
from microsoft_advertising.operations import Operation
from microsoft_advertising.retrying import DEFAULT_RETRIES, RetryPolicy
from microsoft_advertising.transport.choice import TransportName, open_transport
from microsoft_advertising.transport.observer import DOWNLOAD, NOBODY, UPLOAD, Observer, watch
from microsoft_advertising.wire import open_http

if TYPE_CHECKING:
    from microsoft_advertising.operations import Digests

__all__ = ["Client"]

T = TypeVar("T")


class Client:
    """Microsoft Advertising for one account. Thread-safe; close it, or use it in a `with` statement.

    Args:
        account: The advertiser account and its credentials.
        environment: Where the service is.
        store: Stores new refresh tokens durably.
        retries: How often and how long one call is retried.
        transport: The protocol of the calls; nothing else depends on it.
        observer: Gets told of calls, bytes and waits.

    Attributes:
        observer: As given.
    """

    def __init__(
        self,
        account: Account,
        environment: Environment,
        *,
        store: TokenStore | None = None,
        retries: RetryPolicy = DEFAULT_RETRIES,
        transport: TransportName = TransportName.REST,
        observer: Observer = NOBODY,
    ) -> None:
        self.observer: Final = observer
        self._account = account
        self._retries = retries.observed_by(observer)
        self._tokens = TokenSource(account, environment, store)
        self._http = open_http(environment)
        self._transport = open_transport(transport, account, environment, self._tokens, self._http)
        self._files = Files(
            environment=environment, account=account, auth=_upload_auth(self._tokens), http=self._http
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self._tokens.close()

    def list_audiences(self) -> list[Audience]:
        """All customer lists that the account may use."""
        return self._call(operations.list_audiences())

    def get_audience(self, audience_id: str) -> Audience | None:
        """The customer list with this id; None if it does not exist (any more)."""
        return self._call(operations.get_audience(audience_id))

    def create_audience(
        self,
        name: str,
        *,
        description: str,
        scope: Scope = "Customer",
        membership_duration: int = NEVER_EXPIRES,
    ) -> str:
        """Create an empty customer list.

        Args:
            name: Up to 128 characters.
            description: Up to 1,024 characters.
            scope: Whether all accounts of the customer share it, or only this account uses it.
            membership_duration: Days that a member stays in the list; -1: members never expire.

        Returns:
            The new list's id.

        Raises:
            ConfigurationError: The name is taken (code 4853), or another value is refused.
            OutcomeUnknown: The answer was lost. Look for an audience of this name before creating it again.
        """
        operation = operations.create_audience(
            name,
            customer_id=self._account.customer_id,
            account_id=self._account.account_id,
            description=description,
            scope=scope,
            membership_duration=membership_duration,
        )
        return self._call(operation)

    def update_audience(
        self,
        audience_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        scope: Scope | None = None,
        membership_duration: int | None = None,
    ) -> None:
        """Change a customer list; a value of None stays unchanged. Safe to repeat.

        Raises:
            ConfigurationError: A value is refused, for example because the name is taken (code 4853) or the scope
                would become narrower (4855).
            TerminalError: The service does not allow changes of customer lists (its pages disagree).
        """
        operation = operations.update_audience(
            audience_id,
            name=name,
            description=description,
            scope=scope,
            membership_duration=membership_duration,
        )
        self._call(operation)

    def delete_audience(self, audience_id: str) -> None:
        """Delete a customer list. Succeeds also if there is no list with this id."""
        self._call(operations.delete_audience(audience_id))

    def apply_members(
        self,
        audience_id: str,
        action: Action,
        digests: Digests,
        *,
        accept_terms: bool | None = None,
        each_try: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> list[ItemError]:
        """Add, remove or replace members with one synchronous call, without a file. Repeated if the answer is lost.

        Args:
            audience_id: Of the customer list.
            action: What to do; Replace removes all other members.
            digests: Shape (n, 32), 1 to 1,000 of them.
            accept_terms: Accept the Customer Match terms with this call; None leaves the field out.
            each_try: Context manager around each attempt. It sees how the attempt ended; its exceptions propagate.

        Returns:
            The refused members, one item per error. All others were applied.

        Raises:
            ConfigurationError: For example: the list does not exist (any more), or the terms are not accepted.
            OutcomeUnknown: The answer cannot be read, so it is unknown which members were applied.
            TransientError: The same is unknown, or the service did nothing; `retry_after` holds its wait.
        """
        operation = operations.apply_members(audience_id, action, digests, accept_terms=accept_terms)

        def call() -> list[ItemError]:
            with each_try():
                return self._try(operation)

        return self._retries.call(call)

    def request_upload(self) -> UploadTicket:
        """Request an upload ticket: the right to send one file within 15 minutes. Record its request id before sending.

        The results of the upload will list refused rows only.

        Raises:
            ForeignHost: The service names a host that is not its own.
        """
        ticket = self._call(operations.request_upload(account_id=self._account.account_id))
        self._files.check(ticket)
        return ticket

    def upload_file(self, ticket: UploadTicket, path: Path) -> None:
        """Send a Bulk file as a stream. Each ticket is valid for one file.

        A URL that was used before (code 3224) counts as sent, because only an earlier attempt of ours, whose answer
        was lost, can have used it. The upload's status tells whether that file arrived whole.

        Args:
            ticket: From `request_upload`.
            path: A .zip, .csv or .tsv file of at most 100 MB.

        Raises:
            UploadUrlExpired: The ticket cannot be used (any more): request another one.
            TransientError: It is unknown whether the file arrived; try the same ticket again.
            ForeignHost: The ticket, which may have been read from a workspace, names a host that is not the service's.
            TerminalError: The file is too large, or refused.
        """

        def send() -> None:
            with watch(self.observer, UPLOAD):
                self._files.upload(ticket, path)
            self.observer.on_sent(path.stat().st_size)

        self._retries.call(send)

    def upload_status(self, request_id: str) -> UploadStatus:
        """The status of an upload."""
        return self._call(operations.upload_status(request_id))

    def row_errors(self, result_url: str) -> Iterator[RowError]:
        """Download an upload's results and read the refused rows in constant memory. Starts when iterated.

        Args:
            result_url: From the status of a finished upload, not older than five minutes.

        Raises:
            ResultsExpired: Ask for the status again, which gives a new URL.
            TransientError: The download is damaged.
            TerminalError: They cannot be read.
        """

        def fetch() -> IO[bytes]:
            with watch(self.observer, DOWNLOAD):
                return self._files.download(result_url)

        with self._retries.call(fetch) as file:
            yield from read_row_errors(file)

    def whoami(self) -> Identity:
        """The signed-in user and the connection's account. Succeeds only if the credentials work."""
        user_id, user_name = self._call(operations.get_user())
        return Identity(user_id, user_name, (self.account_info(),))

    def account_info(self) -> AccountInfo:
        """The connection's account."""
        return self._call(operations.get_account(self._account.account_id))

    def pilot_features(self) -> frozenset[int]:
        """Numbers of the pilot features that are enabled for the customer."""
        return self._call(operations.pilot_features(self._account.customer_id))

    def accounts(self) -> list[AccountInfo]:
        """The accounts that the signed-in user may access. Works before an account is chosen."""
        user_id, _ = self._call(operations.get_user())
        return self._call(operations.search_accounts(user_id))

    def _call(self, operation: Operation[T]) -> T:
        return self._retries.call(self._try, operation)

    def _try(self, operation: Operation[T]) -> T:
        with watch(self.observer, operation.service):
            return self._transport.call(operation)


def _upload_auth(tokens: TokenSource) -> TokenAuth:
    """The file upload expects the token in its own header (documented: bulk-download-upload)."""
    return TokenAuth(tokens, header="AuthenticationToken", scheme="")
