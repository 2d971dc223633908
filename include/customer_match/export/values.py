"""Single values of the export file: which are valid, and the messages for those that are not.

Each rule takes the written value and returns the value to keep, or raises ValueError with what is wrong and the
remedy. Messages do not repeat the value: it may be a secret or an address in the wrong place.
"""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo

from customer_match.export.base import Faults
from customer_match.redaction import holds_address

__all__ = [
    "MAX_AUDIENCE_NAME",
    "MAX_MEMBERSHIP_DAYS",
    "MAX_PROFILES_PER_PART",
    "MAX_RETRY_DELAY_SECONDS",
    "NEVER_EXPIRES",
    "PARSE_CONDITIONS",
    "Allowed",
    "AudienceName",
    "Character",
    "Column",
    "Columns",
    "Condition",
    "ConnectionId",
    "Delimiter",
    "Encoding",
    "Hours",
    "Label",
    "ListId",
    "Markdown",
    "MembershipDays",
    "Minutes",
    "Name",
    "Retries",
    "Separator",
    "ServiceId",
    "Share",
    "Switch",
    "Tags",
    "Text",
    "Whole",
    "as_list",
    "check_audience_name",
    "comparable",
    "not_empty",
]

T = TypeVar("T")

MAX_AUDIENCE_NAME: Final = 128  # documented: customer-list; counted in UTF-16 units as .NET does (assumed)
MAX_PROFILES_PER_PART: Final = 4_000_000  # documented: rows of one file, Bulk guide
MAX_MEMBERSHIP_DAYS: Final = 390  # documented: customerlist; other pages say 180 or nothing
NEVER_EXPIRES: Final = -1  # documented: customer-list
MAX_ID: Final = 2**63 - 1  # documented: WSDL, `long`
MAX_DAG_ID: Final = 250  # Airflow's column `dag_id`
MAX_TAG: Final = 100  # Airflow's column of tags
MAX_LABEL: Final = 2000  # Airflow's columns of display names and owners
MAX_CONDITION: Final = 4000  # characters; ours
MAX_RETRY_DELAY_SECONDS: Final = 900.0  # ours
MAX_HOURS: Final = 24 * 3650  # ten years; much larger values would overflow

PARSE_CONDITIONS: Final = "parse_conditions"
"""Key of pydantic's validation context: whether conditions are parsed too. The parser is a large
library that must not slow down the reading of the DAGs. Tasks parse conditions anyway, together with the columns that
they name."""

_ADDRESS = re.compile(r"[^\s'\"%]%*@")  # a pattern that starts with a wildcard is a domain
_DOMAIN_PATTERN = re.compile(r"(?<=['\"])%*@")
_DIGEST = re.compile(r"[0-9a-fA-F]{32,}")
_NO_ENCODINGS: Final = frozenset(
    {"rot13", "unicode_escape", "unicode-escape", "raw-unicode-escape", "idna", "punycode"}
)


def comparable(name: str) -> str:
    """A form of an audience's name that is equal for names that the service may treat as the same.

    It is not documented whether the service ignores case. To ignore it here is the safe choice.
    """
    return unicodedata.normalize("NFKC", name).casefold()


def check_audience_name(name: str) -> str:
    """Return the name of an audience, or raise ValueError if it is not valid."""
    return _audience_name(_line_of_text(name))


# --- Rules -------------------------------------------------------------------------------------------------


def _line_of_text(value: str) -> str:
    if not value:
        raise ValueError("is empty. Write a value, or remove the key")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in value):
        raise ValueError("contains a line break or another control character. Write it in one line")
    return value


def _dag_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        raise ValueError(
            "may contain only letters A to Z and a to z, digits, `_`, `.` and `-`, because it is the DAG id. "
            "Change it, and use `title` for the display name"
        )
    return _not_longer(_without_address(value), MAX_DAG_ID, "Airflow")


def _audience_name(value: str) -> str:
    if holds_address(value):
        raise ValueError(
            "contains an e-mail address, but the names of audiences are shown at Microsoft Advertising and stored by "
            "Airflow. Write an `audience` without an address"
        )
    return _not_longer(value, MAX_AUDIENCE_NAME, "Microsoft Advertising")


def _tag(value: str) -> str:
    return _not_longer(_without_address(value), MAX_TAG, "Airflow")


def _label(value: str) -> str:
    return _not_longer(_without_address(value), MAX_LABEL, "Airflow")


def _without_address(value: str) -> str:
    """Check a value that Airflow stores in its database and shows to everyone who may see the DAG."""
    if holds_address(value):
        raise ValueError(
            "contains an e-mail address, and Airflow stores and shows this value. Remove the address"
        )
    return value


def _not_longer(value: str, limit: int, who: str) -> str:
    length = len(value.encode("utf-16-le")) // 2
    if length > limit:
        raise ValueError(f"is longer than the {limit} characters that {who} allows ({length}). Shorten it")
    return value


def _connection_id(value: str) -> str:
    if not re.fullmatch(r"[\w#!()\-.:/\\]{1,250}", value) or "://" in value:
        raise ValueError(
            "is not the id of an Airflow connection. Create the connection in Airflow (Admin, Connections), "
            "keep URLs and secrets there, and write only its id here"
        )
    return _without_address(value)


def _service_id(value: object) -> str:
    where = "the address bar at ui.ads.microsoft.com: `cid=` is the customer, `aid=` the account"
    return _digits(value, where)


def _list_id(value: object) -> str:
    return _digits(value, "the output of `customer-match audiences`")


def _digits(value: object, where: str) -> str:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > MAX_ID:
        raise ValueError(f"must be a positive number in digits, without leading zeros. Copy it from {where}")
    return text


def _column(value: str) -> str:
    if re.search(r"\S@\S+\.\S", value) or holds_address(value):
        raise ValueError("is an e-mail address. Write the name of a column")
    return value


def _separator(value: str) -> str:
    if not value or len(value) > 8 or re.search(r"[\w@.+'-]", value):  # noqa: PLR2004 (longer ones are mistakes)
        raise ValueError(
            "must be one to eight characters that do not occur in addresses. Write, for example, "
            '`separator: ";"`'
        )
    return value


def _delimiter(value: str) -> str:
    char = "\t" if value.strip().lower() in ("tab", "\\t") else value
    return _ascii_character(char, forbidden='"\r\n')


def _character(value: object) -> object:
    if isinstance(value, str):
        return None if value.strip().lower() == "none" else _ascii_character(value, forbidden="\r\n")
    return value


def _ascii_character(value: str, forbidden: str) -> str:
    if len(value) != 1 or not value.isascii() or value.isalnum() or value in forbidden:
        raise ValueError(
            "must be one ASCII character in quotes, such as ';', but no letter, digit or line break"
        )
    return value


def _encoding(value: str) -> str:
    """Return Python's name of an encoding; codecs that do not encode text (`base64`) are rejected."""
    try:
        found = codecs.lookup(value).name
        is_of_text = codecs.getincrementaldecoder(found)().decode(b"") == ""
    except (LookupError, TypeError, ValueError):
        is_of_text = False
    if not is_of_text or found in _NO_ENCODINGS:
        raise ValueError("is not a known text encoding. Write, for example, utf-8, cp1252, latin-1 or utf-16")
    return "utf-8" if found in ("utf-8", "utf-8-sig", "ascii") else found


def _condition(value: str, info: ValidationInfo) -> str:
    if not value:
        raise ValueError("is empty. Write a condition, or remove the key")
    if len(value) > MAX_CONDITION:
        raise ValueError(
            f"is longer than {MAX_CONDITION} characters ({len(value)}). Shorten it, or add a column for it to the table"
        )
    if any(
        unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t" for character in value
    ):
        raise ValueError("contains a control character. Type the condition again")
    spelled = holds_address(_DOMAIN_PATTERN.sub("", value))
    if spelled or _ADDRESS.search(value) or _DIGEST.search(value):
        raise ValueError(
            "contains an address or a digest, but this file must not contain personal data. Use `suppress` to keep "
            "individual addresses out, and a pattern that starts with a wildcard, such as '%@contoso.com', for a domain"
        )
    if (info.context or {}).get(PARSE_CONDITIONS):
        _check_condition(value)
    return value


def _check_condition(value: str) -> None:
    from customer_match.conditions.checking import UnusableCondition, parse_condition  # noqa: PLC0415 (as said above)

    try:
        parse_condition(value)
    except UnusableCondition as error:
        raise ValueError(error.what) from None


def _allowed(value: object) -> str | bool | int | float:
    if isinstance(value, str) and value.strip():
        return _without_address(value.strip())
    if isinstance(value, bool | int | float) and abs(value) < math.inf:
        return value
    fault = "must be text, a number, true or false. A profile without a value never counts as consent"
    raise ValueError(fault)


def _membership_days(value: int) -> int:
    if value != NEVER_EXPIRES and not 1 <= value <= MAX_MEMBERSHIP_DAYS:
        raise ValueError(
            f"must be between 1 and {MAX_MEMBERSHIP_DAYS} days, or {NEVER_EXPIRES} for members that never expire"
        )
    return value


def not_empty(values: tuple[T, ...]) -> tuple[T, ...]:
    """Return a list of the file, or raise ValueError if it is empty.

    It runs after the checks of the items. A minimum length of pydantic would count only the valid items.
    """
    if not values:
        raise ValueError("is an empty list. Write at least one item")
    return values


def _all_different(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = [index for index, value in enumerate(values) if value in values[:index]]
    if repeated:
        raise Faults([((index,), "is listed twice. Remove one of them") for index in repeated])
    return values


def as_list(value: object) -> object:
    """Let one text stand for a list of one item."""
    return [value] if isinstance(value, str) else value


def _scalar_as_list(value: object) -> object:
    return [value] if isinstance(value, str | bool | int | float) else value


# --- Types of values ---------------------------------------------------------------------------------------

Text = Annotated[str, AfterValidator(_line_of_text)]
Label = Annotated[Text, AfterValidator(_label)]
Markdown = Annotated[str, AfterValidator(_without_address)]
Name = Annotated[Text, AfterValidator(_dag_id)]
AudienceName = Annotated[
    Text, AfterValidator(_audience_name), Field(json_schema_extra={"maxLength": MAX_AUDIENCE_NAME})
]
ConnectionId = Annotated[Text, AfterValidator(_connection_id)]
ServiceId = Annotated[
    str, BeforeValidator(_service_id, json_schema_input_type=Annotated[int, Field(gt=0)] | str)
]
ListId = Annotated[str, BeforeValidator(_list_id, json_schema_input_type=Annotated[int, Field(gt=0)] | str)]
Switch = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]  # strict: otherwise pydantic takes `yes` for 1 and "7" for 7
Hours = Annotated[float, Field(strict=True, gt=0, le=MAX_HOURS)]
Minutes = Annotated[float, Field(strict=True, gt=0, le=60 * MAX_HOURS)]
Retries = Annotated[Whole, Field(ge=0, le=100)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
MembershipDays = Annotated[Whole, AfterValidator(_membership_days)]

_OneOrSeveral = BeforeValidator(as_list, json_schema_input_type=str | list[str])
Column = Annotated[Text, AfterValidator(_column)]
Columns = Annotated[
    tuple[Column, ...],
    _OneOrSeveral,
    AfterValidator(not_empty),
    AfterValidator(_all_different),
]
Separator = Annotated[str, StringConstraints(strip_whitespace=False), AfterValidator(_separator)]
Delimiter = Annotated[str, StringConstraints(strip_whitespace=False), AfterValidator(_delimiter)]
Character = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=False)] | None,
    BeforeValidator(_character, json_schema_input_type=str | None),
]
Encoding = Annotated[Text, AfterValidator(_encoding)]
Condition = Annotated[str, AfterValidator(_condition)]
_Scalar = str | bool | int | float
Allowed = Annotated[
    tuple[Annotated[_Scalar, BeforeValidator(_allowed, json_schema_input_type=_Scalar)], ...],
    BeforeValidator(_scalar_as_list, json_schema_input_type=_Scalar | list[_Scalar]),
    AfterValidator(not_empty),
]
Tags = Annotated[
    tuple[Annotated[Text, AfterValidator(_tag)], ...], _OneOrSeveral, AfterValidator(_all_different)
]
