"""The pages of connections as HTML. No page shows a secret."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_microsoft_advertising.connection.sharing import Sharing
from airflow_microsoft_advertising.web.connections.form import ENVIRONMENTS, SHARED, TRANSPORTS, Form
from airflow_microsoft_advertising.web.templates import Frame, render
from customer_match.data_privacy import current_text_id, privacy_text
from microsoft_advertising.limits import SOAP_ENDS

if TYPE_CHECKING:
    from airflow_microsoft_advertising.web.connections.listing import ListedConnection
    from microsoft_advertising.models import AccountInfo

__all__ = ["Shown", "accounts_html", "form_html", "list_html", "removal_html", "return_html"]


@dataclass(frozen=True)
class Shown:
    """What the page of one connection shows beside its form.

    Attributes:
        connection: The saved connection; None for a new one.
        redirect_uri: The address to register for the application; None if Airflow does not know it.
        errors: What is wrong with the form, by field.
        failure: Why something that the user asked for did not work.
        success: What worked.
        may_remove: Whether the user may remove the connection.
    """

    connection: ListedConnection | None = None
    redirect_uri: str | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None
    success: str | None = None
    may_remove: bool = False


def list_html(
    connections: Sequence[ListedConnection], changeable: Collection[str], *, may_add: bool, frame: Frame
) -> str:
    """Render the list.

    Args:
        connections: Those that the user may see.
        changeable: Ids of those whose details the user may see and change.
        may_add: Whether the user may add one.
        frame: What all pages need.
    """
    words = _translated(ENVIRONMENTS, frame)
    return render(
        "connections.html.j2",
        frame,
        connections=connections,
        changeable=changeable,
        may_add=may_add,
        soap_ends=SOAP_ENDS,
        environment_of=lambda one: words.get(
            one.field("environment") or "production", one.field("environment")
        ),
        people_of=_people,
    )


def _translated(words: Mapping[str, str], frame: Frame) -> dict[str, str]:
    return {key: frame.language.gettext(text) for key, text in words.items()}


def _people(sharing: Sharing) -> str:
    """Names of users and roles, with commas; empty if there are none."""
    return ", ".join([*sorted(sharing.users), *sorted(sharing.roles)])


def form_html(form: Form, shown: Shown, frame: Frame) -> str:
    """Render the page that adds or changes a connection."""
    return render(
        "connection.html.j2",
        frame,
        form=form,
        connection=shown.connection,
        shown=shown,
        errors=_translated(shown.errors, frame),
        environments=_translated(ENVIRONMENTS, frame),
        transports=_translated(TRANSPORTS, frame),
        sharings=_translated(SHARED, frame),
        privacy=privacy_text(frame.language.code),
        text_id=current_text_id(),
    )


def accounts_html(
    connection: ListedConnection, accounts: Sequence[AccountInfo], failure: str | None, frame: Frame
) -> str:
    """Render the page on which the user chooses an account."""
    return render("account.html.j2", frame, connection=connection, accounts=accounts, failure=failure)


def removal_html(connection: ListedConnection, frame: Frame) -> str:
    """Render the page that asks whether a connection shall be removed."""
    return render("connection_removal.html.j2", frame, connection=connection)


def return_html(failure: str | None, frame: Frame) -> str:
    """Render the page that the browser comes back to after a sign-in."""
    return render("signed_in.html.j2", frame, failure=failure)
