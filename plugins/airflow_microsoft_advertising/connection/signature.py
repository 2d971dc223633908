"""Acts of a person that a connection records in two fields, who and when: one pattern for terms and for consent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_match.errors import ConfigurationError
from customer_match.redaction import may_be_address
from microsoft_advertising.pasted import trim

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["Act"]


@dataclass(frozen=True)
class Act:
    """What a person does, and the fields that record it.

    Attributes:
        by: Field with the name of the person.
        on: Field with the day or time.
        subject: What it is about, in the plural, for messages.
        verb: The past participle of the act.
    """

    by: str
    on: str
    subject: str
    verb: str

    def read(self, connection: Connection) -> tuple[str, str] | None:
        """Return the two fields; None if both are empty.

        Raises:
            ConfigurationError: One of them is empty, or the name is not one.
        """
        who, when = (trim(str(connection.extra_dejson.get(key) or "")) for key in (self.by, self.on))
        if not who and not when:
            return None
        if not who or not when:
            missing = f"who {self.verb} them" if not who else f"the day on which they were {self.verb}"
            raise self.fault(connection, f"need both name and day. Fill in {missing}, or empty both fields.")
        if may_be_address(who) or not who.isprintable():
            raise self.fault(
                connection,
                "need a person's name in one line, not an e-mail address: every report repeats it. Correct it.",
            )
        return who, when

    def fault(self, connection: Connection, words: str) -> ConfigurationError:
        """Return the error for fields that are not valid.

        Args:
            connection: The connection.
            words: What is wrong and what to do; the sentence begins with the subject.
        """
        return ConfigurationError(f"The Airflow connection {connection.conn_id!r}: {self.subject} {words}")
