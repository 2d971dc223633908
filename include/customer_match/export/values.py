"""Single values of the export file: what may be written, and what to say where it may not.

Each rule takes what was written and returns what is kept, or raises ValueError with what is wrong and the
remedy, without repeating the value: it may be a secret or an address in the wrong place.
"""

from __future__ import annotations

import codecs
import datetime as dt
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo

from customer_match.date_templates import check_template, is_template, sample
from customer_match.redaction import holds_address
from customer_match.storage.location import Location

__all__ = [
    "MAX_AUDIENCE_NAME",
    "MAX_MEMBERSHIP_DAYS",
    "MAX_PROFILES_PER_PART",
    "NEVER_EXPIRES",
    "PARSE_CONDITIONS",
    "PRESETS",
    "Allowed",
    "AudienceName",
    "Column",
    "Columns",
    "Condition",
    "ConnectionId",
    "DatedRoot",
    "Delimiter",
    "Encoding",
    "Faults",
    "Hours",
    "KeyPath",
    "Label",
    "ListId",
    "Markdown",
    "MembershipDays",
    "Minutes",
    "Name",
    "Root",
    "Schedule",
    "Separator",
    "ServiceId",
    "Share",
    "Sign",
    "StartDate",
    "Switch",
    "TablePath",
    "Tags",
    "Text",
    "TimeZone",
    "Whole",
    "check_audience_name",
    "comparable",
    "not_empty",
]

T = TypeVar("T")

KeyPath = tuple[str | int, ...]
"""The way to a value of the file: keys of mappings and (from 0) places in lists."""

MAX_AUDIENCE_NAME: Final = 128  # documented: customer-list; counted as .NET does (assumed), in UTF-16 units
MAX_PROFILES_PER_PART: Final = 4_000_000  # documented: rows of one file, Bulk guide
MAX_MEMBERSHIP_DAYS: Final = 390  # documented: customerlist; other pages say 180 or nothing
NEVER_EXPIRES: Final = -1  # documented: customer-list
MAX_ID: Final = 2**63 - 1  # documented: WSDL, `long`
MAX_DAG_ID: Final = 250  # Airflow's column `dag_id`
MAX_TAG: Final = 100  # Airflow's column of tags
MAX_LABEL: Final = 2000  # Airflow's columns of display names and owners
MAX_CONDITION: Final = 4000  # characters; ours
MAX_HOURS: Final = 24 * 3650  # ten years; beyond some bound, times overflow

PARSE_CONDITIONS: Final = "parse_conditions"
"""Key of pydantic's validation context: whether conditions are parsed too. That takes a library which reading the
DAGs must not pay for; tasks parse them anyway, beside the columns that they name."""

PRESETS: Final = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_CRON_FIELDS: Final = 5  # croniter takes more, but reads them unlike other crons; Airflow describes only five
_ADDRESS = re.compile(r"[^\s'\"%]%*@")  # a pattern may begin with a wildcard: then it is a domain
_DOMAIN_PATTERN = re.compile(r"(?<=['\"])%*@")
_DIGEST = re.compile(r"[0-9a-fA-F]{32,}")
_NO_ENCODINGS: Final = frozenset(
    {"rot13", "unicode_escape", "unicode-escape", "raw-unicode-escape", "idna", "punycode"}
)
_SECRET = re.compile(r"[?&;](?:sig|se|sv|sp)=|AccountKey=|SharedAccess|://[^/@]*:[^/@]*@", re.IGNORECASE)


class Faults(ValueError):
    """Faults inside one value, each with its place below it; pydantic alone would carry a single one."""

    def __init__(self, faults: Sequence[tuple[KeyPath, str]]) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = tuple(faults)


def comparable(name: str) -> str:
    """What two names of audiences have in common if they may be one and the same to the service.

    Whether it compares names by case is documented nowhere; the stricter reading is safe.
    """
    return unicodedata.normalize("NFKC", name).casefold()


def check_audience_name(name: str) -> str:
    """Return the name of an audience, or raise ValueError with what is wrong with it."""
    return _audience_name(_line_of_text(name))


# --- Rules -------------------------------------------------------------------------------------------------


def _line_of_text(value: str) -> str:
    if not value:
        raise ValueError("is empty. Give it a value, or remove the key")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in value):
        raise ValueError("holds a line break or another control character. Write it in one line")
    return value


def _dag_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        raise ValueError(
            "may hold only letters a to z, digits, `_`, `.` and `-`, because it becomes the DAG id. "
            "Change it, and show people the `title`"
        )
    return _not_longer(_without_address(value), MAX_DAG_ID, "Airflow")


def _audience_name(value: str) -> str:
    if holds_address(value):
        raise ValueError(
            "holds an e-mail address, and the name of an audience is shown at Microsoft Advertising and kept by "
            "Airflow. Give it an `audience` without one"
        )
    return _not_longer(value, MAX_AUDIENCE_NAME, "Microsoft Advertising")


def _tag(value: str) -> str:
    return _not_longer(_without_address(value), MAX_TAG, "Airflow")


def _label(value: str) -> str:
    return _not_longer(_without_address(value), MAX_LABEL, "Airflow")


def _without_address(value: str) -> str:
    """What Airflow keeps in its database and shows to all who may see the DAG."""
    if holds_address(value):
        raise ValueError("holds an e-mail address, and Airflow keeps and shows it. Write it without one")
    return value


def _not_longer(value: str, limit: int, who: str) -> str:
    length = len(value.encode("utf-16-le")) // 2
    if length > limit:
        raise ValueError(f"longer than {limit} characters ({length}). Shorten it: {who} allows {limit}")
    return value


def _connection_id(value: str) -> str:
    if not re.fullmatch(r"[\w#!()\-.:/\\]{1,250}", value) or "://" in value:
        raise ValueError(
            "is not the id of an Airflow connection. Create the connection in Airflow (Admin, Connections), "
            "keep all addresses and secrets there, and write only its id here"
        )
    return _without_address(value)


def _service_id(value: object) -> str:
    where = "the address bar of ui.ads.microsoft.com: `cid=` is the customer, `aid=` the account"
    return _digits(value, where)


def _list_id(value: object) -> str:
    return _digits(value, "the output of `customer-match audiences`")


def _digits(value: object, where: str) -> str:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > MAX_ID:
        raise ValueError(f"must be a number in digits alone, without leading zeros. Copy it from {where}")
    return text


def _column(value: str) -> str:
    if re.search(r"\S@\S+\.\S", value) or holds_address(value):
        raise ValueError("is an address. Give the name of the column that holds the addresses")
    return value


def _separator(value: str) -> str:
    if not value or len(value) > 8 or re.search(r"[\w@.+'-]", value):  # noqa: PLR2004 (longer ones are mistakes)
        raise ValueError(
            'must be what stands between two addresses, in quotes, such as ";": one to eight signs, none that '
            "addresses are made of"
        )
    return value


def _delimiter(value: str) -> str:
    char = "\t" if value.strip().lower() in ("tab", "\\t") else value
    return _ascii_sign(char, forbidden='"\r\n')


def _sign(value: object) -> object:
    if isinstance(value, str):
        return None if value.strip().lower() == "none" else _ascii_sign(value, forbidden="\r\n")
    return value


def _ascii_sign(value: str, forbidden: str) -> str:
    if len(value) != 1 or not value.isascii() or value.isalnum() or value in forbidden:
        raise ValueError("must be one ASCII sign in quotes, such as ';', no letter, digit or line break")
    return value


def _encoding(value: str) -> str:
    """The name by which Python knows it; codecs that are no encodings of text (`base64`) are refused."""
    try:
        found = codecs.lookup(value).name
        is_of_text = codecs.getincrementaldecoder(found)().decode(b"") == ""
    except (LookupError, TypeError, ValueError):
        is_of_text = False
    if not is_of_text or found in _NO_ENCODINGS:
        raise ValueError("is not a known text encoding. Write utf-8, cp1252, latin-1, utf-16 or the like")
    return "utf-8" if found in ("utf-8", "utf-8-sig", "ascii") else found


def _condition(value: str, info: ValidationInfo) -> str:
    if not value:
        raise ValueError("is empty. Give it a condition, or remove the key")
    if len(value) > MAX_CONDITION:
        raise ValueError(
            f"longer than {MAX_CONDITION} characters ({len(value)}). Let the table have a column for it"
        )
    if any(
        unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t" for character in value
    ):
        raise ValueError("holds a control character. Type the condition anew")
    spelled = holds_address(_DOMAIN_PATTERN.sub("", value))
    if spelled or _ADDRESS.search(value) or _DIGEST.search(value):
        raise ValueError(
            "holds an address or a digest, and this file is no place for personal data. Keep single people out by "
            "`suppress`, and a whole domain by a pattern that begins with a wildcard, such as '%@contoso.com'"
        )
    if (info.context or {}).get(PARSE_CONDITIONS):
        _parsed_condition(value)
    return value


def _parsed_condition(value: str) -> None:
    from customer_match.conditions.checking import UnusableCondition, parsed  # noqa: PLC0415 (as said above)

    try:
        parsed(value)
    except UnusableCondition as error:
        raise ValueError(error.what) from None


def _allowed(value: object) -> str | bool | int | float:
    if isinstance(value, str) and value.strip():
        return _without_address(value.strip())
    if isinstance(value, bool | int | float) and abs(value) < math.inf:
        return value
    fault = (
        "must be text, a number, true or false. A profile without a value never counts as one that consents"
    )
    raise ValueError(fault)


def _none_is_no_schedule(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() == "none" else value


def _schedule(value: str | None) -> str | None:
    if value is None or value in PRESETS:
        return value
    # Only files with a cron expression pay for this import.
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - as said; it has no types

    fields = value.split()
    drawn = any(field[:1] in "HhRr" for field in fields)  # drawn anew at each parsing: the DAG would change
    if len(fields) != _CRON_FIELDS or drawn or not croniter.is_valid(value, strict=True):
        raise ValueError(
            'is not a schedule. Write five cron fields in quotes, such as "0 5 * * *" (daily at 05:00), '
            f"a preset ({', '.join(PRESETS)}), or none to run on demand only"
        )
    return " ".join(fields)


def _date(value: object) -> dt.date:
    # Not left to pydantic, which reads numbers as seconds since 1970. Airflow computes with the date, and
    # overflows near the ends of the calendar.
    if isinstance(value, dt.date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", value):
            return dt.date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("is not a date of this century. Write it as year-month-day, such as 2026-01-01")


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone. Write UTC or a name such as Europe/Berlin") from None
    return value


def _membership_days(value: int) -> int:
    if value != NEVER_EXPIRES and not 1 <= value <= MAX_MEMBERSHIP_DAYS:
        raise ValueError(
            f"must be between 1 and {MAX_MEMBERSHIP_DAYS} days, or {NEVER_EXPIRES} for a membership that "
            "never expires"
        )
    return value


def _root(value: str) -> str:
    _refuse_secrets_and_variables(value)
    return _url(value) if "://" in value else value.rstrip("/") or "/"


def _dated_root(value: str) -> str:
    if not is_template(value):
        return _root(value)
    _root(sample(check_template(value)))
    whole_url = "://" in value
    if "/" not in (value.split("://", 1)[1] if whole_url else value).split("{", 1)[0]:
        raise ValueError("begins with a template. Write at least the container or the first folder as it is")
    return value.rstrip("/")


def _table_path(value: str) -> str:
    form = sample(check_template(value)) if is_template(value) else value
    if "://" not in form and ".." in form.split("/"):
        raise ValueError("leaves the source's root. Write a path below the root, or a whole URL")
    if "://" in value:
        return _dated_root(value)
    whole = _root(form)
    return value.rstrip("/") if is_template(value) else whole


def _refuse_secrets_and_variables(value: str) -> None:
    if _SECRET.search(value):
        raise ValueError("holds a secret. Keep it in the Airflow connection, and remove it from this file")
    if value.startswith("~") or re.search(r"\$\{|\$[A-Za-z]|\{\{", value):
        raise ValueError("holds a variable, and none are replaced here. Write the folder itself")


def _url(value: str) -> str:
    location = Location.of(value)
    if not location.is_local and ("?" in value or "#" in value):
        raise ValueError("holds a `?` or `#`, which no folder here may. Write the folder alone")
    as_written = location.is_local or value.startswith(("abfs://", "abfss://"))
    return value.rstrip("/") if as_written else location.url


def not_empty(values: tuple[T, ...]) -> tuple[T, ...]:
    """Return a list of the file, or raise ValueError if nothing is in it.

    After the items' own checks: a length that pydantic checks counts only the items that are right.
    """
    if not values:
        raise ValueError("is an empty list. Name at least one")
    return values


def _all_different(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = [place for place, value in enumerate(values) if value in values[:place]]
    if repeated:
        raise Faults([((place,), "is listed twice. Remove one") for place in repeated])
    return values


def _as_list(value: object) -> object:
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
Root = Annotated[Text, AfterValidator(_root)]
DatedRoot = Annotated[Text, AfterValidator(_dated_root)]
TablePath = Annotated[Text, AfterValidator(_table_path)]

Schedule = Annotated[str | None, BeforeValidator(_none_is_no_schedule), AfterValidator(_schedule)]
StartDate = Annotated[dt.date, BeforeValidator(_date, json_schema_input_type=dt.date)]
TimeZone = Annotated[Text, AfterValidator(_time_zone)]

Switch = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]  # strict: otherwise pydantic takes `yes` for 1 and "7" for 7
Hours = Annotated[float, Field(strict=True, gt=0, le=MAX_HOURS)]
Minutes = Annotated[float, Field(strict=True, gt=0, le=60 * MAX_HOURS)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
MembershipDays = Annotated[Whole, AfterValidator(_membership_days)]

_OneOrSeveral = BeforeValidator(_as_list, json_schema_input_type=str | list[str])
Column = Annotated[Text, AfterValidator(_column)]
Columns = Annotated[
    tuple[Column, ...],
    _OneOrSeveral,
    AfterValidator(not_empty),
    AfterValidator(_all_different),
]
Separator = Annotated[str, StringConstraints(strip_whitespace=False), AfterValidator(_separator)]
Delimiter = Annotated[str, StringConstraints(strip_whitespace=False), AfterValidator(_delimiter)]
Sign = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=False)] | None,
    BeforeValidator(_sign, json_schema_input_type=str | None),
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
