"""Who may use a connection: in an export, and for runs. The field `used_by` of the connection's extra names them.

The field is a text of names with commas between them: names of Airflow users, roles as `role:NAME`, and the word
`administrators` for nobody else. Whoever may change a connection in Airflow may always use it. Without the field, the
connection is not restricted: Airflow's rights on DAGs decide alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

__all__ = ["ADMINISTRATORS", "USED_BY", "AirflowUser", "Sharing", "may_use", "sharing_of"]

USED_BY: Final = "used_by"
"""The field of the extra."""
ADMINISTRATORS: Final = "administrators"
"""The name for those who may change connections in Airflow: they may use all of them anyway."""
_ROLE: Final = "role:"


class HasExtra(Protocol):
    """What is read of a connection: Airflow's class for tasks has it, and that of the metadata database."""

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The extra fields by name."""


@dataclass(frozen=True)
class AirflowUser:
    """What is known of an Airflow user.

    Attributes:
        name: The user name, as runs that the user starts record it.
        roles: Names of the user's roles; None: not known here.
        is_administrator: Whether the user may change the connection in Airflow; None: not known here.
    """

    name: str
    roles: frozenset[str] | None = None
    is_administrator: bool | None = None


@dataclass(frozen=True)
class Sharing:
    """With whom a connection is shared, beside administrators.

    Attributes:
        users: Names of users.
        roles: Names of roles; upper case does not matter.
    """

    users: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str]) -> Sharing:
        """Sort names into users and roles."""
        known = {name.strip() for name in names} - {"", ADMINISTRATORS}
        roles = {name for name in known if name.startswith(_ROLE)}
        return cls(frozenset(known - roles), frozenset(name.removeprefix(_ROLE).strip() for name in roles))

    def __str__(self) -> str:
        """The value of the field."""
        return ", ".join(
            [ADMINISTRATORS, *sorted(self.users), *(_ROLE + name for name in sorted(self.roles))]
        )

    def includes(self, user: AirflowUser) -> bool:
        """Whether a user is named, or has one of the roles."""
        wanted = {name.casefold() for name in self.roles}
        return user.name in self.users or any(name.casefold() in wanted for name in user.roles or ())


def sharing_of(connection: HasExtra) -> Sharing | None:
    """Return with whom a connection is shared; None if it is not restricted."""
    value = str(connection.extra_dejson.get(USED_BY) or "").strip()
    return Sharing.of(value.split(",")) if value else None


def may_use(connection: HasExtra, user: AirflowUser) -> bool:
    """Whether a user may use a connection in exports, and start runs with it. What is not known counts as no."""
    sharing = sharing_of(connection)
    return sharing is None or bool(user.is_administrator) or sharing.includes(user)
