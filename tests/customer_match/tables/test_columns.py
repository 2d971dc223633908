import pyarrow as pa
import pytest

from customer_match.errors import ConfigurationError
from customer_match.tables.columns import find_column, merge_columns, repeated, resolve_column

TABLE = {"CustomerId": pa.string(), "Email": pa.string(), "Score": pa.int64(), "Photo": pa.binary(4)}


@pytest.mark.parametrize("wanted", ["Email", "email", " EMAIL "])
def test_a_column_is_found_in_any_case(wanted: str) -> None:
    assert resolve_column(TABLE, wanted) == "Email"


@pytest.mark.parametrize("wanted", ["Größe", "Gro\u0308ße", "GRO\u0308SSE"])
def test_accents_in_one_piece_or_in_two_do_not_matter(wanted: str) -> None:
    for name in ("Größe", "Gro\u0308ße"):
        assert resolve_column({"Id": pa.string(), name: pa.string()}, wanted) == name


def test_outer_spaces_of_a_header_do_not_matter_but_stay_part_of_the_name() -> None:
    assert resolve_column({"Id": pa.string(), " Email": pa.string()}, "email") == " Email"


def test_the_exact_name_wins_over_one_in_another_case() -> None:
    assert resolve_column({"EMAIL": pa.string(), "Email": pa.string()}, "Email") == "Email"


def test_two_candidates_are_told() -> None:
    with pytest.raises(ConfigurationError, match=r"could be 'EMAIL' or 'Email'"):
        resolve_column({"EMAIL": pa.string(), "Email": pa.string()}, "email")


def test_a_missing_column_is_told_with_what_is_meant_and_what_is_there() -> None:
    with pytest.raises(ConfigurationError) as raised:
        resolve_column(TABLE, "Emial")
    assert "Did you mean 'Email'?" in str(raised.value)
    assert "CustomerId, Email, Score, Photo" in str(raised.value)


@pytest.mark.parametrize(("wanted", "kind"), [("score", "int64"), ("Photo", "4 bytes a value")])
def test_a_column_that_is_not_text_is_refused(wanted: str, kind: str) -> None:
    with pytest.raises(ConfigurationError, match=f"holds {kind}, not text"):
        resolve_column(TABLE, wanted)


@pytest.mark.parametrize(
    "kind",
    [pa.large_string(), pa.string_view(), pa.null(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_every_kind_of_text_will_do(kind: pa.DataType) -> None:
    assert resolve_column({"Email": kind}, "Email") == "Email"


def test_values_that_stand_where_names_should_are_not_shown() -> None:
    digest = "ab" * 32
    columns = dict.fromkeys(["ann@example.org", digest, "+49 123 456", "Country"], pa.string())
    with pytest.raises(ConfigurationError) as raised:
        resolve_column(columns, "Email")
    message = str(raised.value)
    assert "Country" in message
    assert message.count("[a value]") == 3
    assert not any(value in message for value in ("example", digest, "123"))


def test_long_lists_of_columns_are_cut() -> None:
    with pytest.raises(ConfigurationError, match="and 70 more"):
        resolve_column({f"c{index}x": pa.string() for index in range(100)}, "Email")


def test_a_column_that_one_file_lacks_names_the_file() -> None:
    columns = merge_columns(
        {"a.csv": {"Id": pa.string(), "Email": pa.string()}, "b.csv": {"Id": pa.string()}}
    )
    assert resolve_column(columns, "Id") == "Id"
    with pytest.raises(ConfigurationError, match=r"'Email' is missing in b\.csv"):
        resolve_column(columns, "Email")


def test_a_column_of_another_type_in_one_file_names_the_file() -> None:
    columns = merge_columns({"a.parquet": {"Email": pa.string()}, "b.parquet": {"Email": pa.int64()}})
    with pytest.raises(ConfigurationError, match=r"holds int64 in b\.parquet"):
        resolve_column(columns, "Email")


def test_types_that_can_be_told_together_are() -> None:
    files: dict[str, dict[str, pa.DataType]] = {
        "a": {
            "n": pa.int32(),
            "x": pa.int64(),
            "t": pa.large_string(),
            "l": pa.list_(pa.large_string()),
            "o": pa.null(),
            "b": pa.binary(),
            "u": pa.uuid(),
            "d": pa.timestamp("us"),
        },
        "b": {
            "n": pa.int64(),
            "x": pa.float64(),
            "t": pa.string(),
            "l": pa.list_(pa.string()),
            "o": pa.bool_(),
            "b": pa.string(),
            "u": pa.string(),
            "d": pa.date32(),
        },
    }
    assert merge_columns(files) == {
        "n": pa.int64(), "x": pa.float64(), "t": pa.string(), "l": pa.list_(pa.string()), "o": pa.bool_(),
        "b": pa.string(), "u": pa.string(), "d": pa.timestamp("us"),
    }  # fmt: skip
    assert merge_columns(files).faults == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.string(), pa.binary(4)),
        (pa.date32(), pa.timestamp("us", "UTC")),
        (pa.binary(), pa.int64()),
        (pa.bool_(), pa.int64()),
        (pa.string(), pa.list_(pa.string())),
        (pa.timestamp("us"), pa.timestamp("us", "UTC")),
        (pa.list_(pa.string()), pa.list_(pa.int64())),
        (pa.date32(), pa.string()),
    ],
)
def test_types_that_cannot_are_a_fault_of_their_column_alone(one: pa.DataType, other: pa.DataType) -> None:
    columns = merge_columns({"a": {"x": one, "y": one}, "b": {"x": other, "y": one}})
    assert find_column(columns, "Y") == "y"
    with pytest.raises(ConfigurationError, match=r"'x' holds .* in b, not .* as in other files.*`where`"):
        find_column(columns, "x", "where")


def test_any_column_is_found_where_no_addresses_are_wanted() -> None:
    assert find_column(TABLE, " photo", "row_key") == "Photo"
    with pytest.raises(
        ConfigurationError, match=r"no column 'Phto'\. Did you mean 'Photo'\?.*Correct `row_key`"
    ):
        find_column(TABLE, "Phto", "row_key")
    with pytest.raises(ConfigurationError, match=r"could be 'A ' or 'A' or 'a'.*`consent.column`"):
        find_column({"A ": pa.int64(), "A": pa.int64(), "a": pa.int64()}, "a ", "consent.column")


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.string(), 3), pa.list_(pa.null())],
    ids=str,
)
def test_lists_of_text_hold_addresses(kind: pa.DataType) -> None:
    assert resolve_column({"Email": kind}, "Email") == "Email"


def test_names_that_stand_more_than_once() -> None:
    assert repeated(["b", "a", "b", "c", "a", "b"]) == ["b", "a"]
    assert repeated([]) == []


@pytest.mark.timeout(30)
def test_many_names_take_no_longer_than_a_look_at_each() -> None:
    """Looking for each among all would take hours."""
    names = [f"c{number}" for number in range(500_000)]
    assert repeated([*names, "c7"]) == ["c7"]
