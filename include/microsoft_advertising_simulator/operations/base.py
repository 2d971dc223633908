"""The common part of all operations: describes a request, checks it, and calls its handler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.alias_generators import to_pascal

from microsoft_advertising_simulator.codes import ServiceFault
from microsoft_advertising_simulator.model import Caller
from microsoft_advertising_simulator.service import Service

__all__ = ["Body", "Context", "Credentials", "LongText", "Operation", "perform"]

# Documented: every 64-bit number is a JSON string.
LongText = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,19}$")]


class Body(BaseModel):
    """A request body: PascalCase keys, strict JSON types, no unknown keys."""

    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid", strict=True, frozen=True)


BodyT = TypeVar("BodyT", bound=Body)


@dataclass(frozen=True)
class Context:
    """What a handler gets in addition to the body."""

    service: Service
    caller: Caller
    base_url: str


@dataclass(frozen=True)
class Operation(Generic[BodyT]):
    """One operation of the service.

    Args:
        in_account: Whether the headers CustomerId and CustomerAccountId are required.
    """

    name: str
    method: str
    path: str
    body: type[BodyT]
    handler: Callable[[Context, BodyT], dict[str, Any]]
    in_account: bool = True


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a call; None = not sent. ``repr`` shows no secrets."""

    token: str | None = field(repr=False)
    developer_token: str | None = field(repr=False)
    customer_id: str | None
    account_id: str | None


def perform(
    service: Service, operation: Operation[Any], credentials: Credentials, content: object, base_url: str
) -> dict[str, Any]:
    """Carry out a call.

    Args:
        service: The simulated service.
        operation: The operation.
        credentials: The caller's credentials.
        content: The request, not checked yet.
        base_url: The simulator's URL, for URLs in the answer.

    Raises:
        ServiceFault: The call is refused.
    """
    caller = _authenticate(service, operation, credentials)
    settings = service.settings()
    if not service.calls.admit(caller.customer_id, now=service.clock.now(), limit=settings.calls_per_minute):
        raise ServiceFault(117, http_status=settings.http_status(117))
    return operation.handler(Context(service, caller, base_url), _parse(operation.body, content))


def _authenticate(service: Service, operation: Operation[Any], credentials: Credentials) -> Caller:
    customer_id, account_id = credentials.customer_id, credentials.account_id
    caller = service.identity.authenticate(
        token=credentials.token,
        developer_token=credentials.developer_token,
        customer_id=customer_id,
        account_id=account_id,
        settings=service.settings(),
    )
    if operation.in_account and (customer_id is None or account_id is None):
        raise ServiceFault(116, "CustomerId and CustomerAccountId are required.")
    return caller


def _parse(model: type[BodyT], content: object) -> BodyT:
    if content is None:
        raise ServiceFault(100, "The request cannot be read.")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # Only locations and rules: the values may be hashes or addresses.
        places = [f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in error.errors()[:5]]
        raise ServiceFault(201, "; ".join(places)) from error
