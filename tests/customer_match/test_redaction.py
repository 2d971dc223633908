"""Addresses are replaced in every spelling of `@`; other text stays readable."""

from __future__ import annotations

import json
import logging
import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from customer_match.redaction import (
    PERSONAL,
    holds_address,
    logger,
    may_be_address,
    printable,
    without_addresses,
    without_addresses_in,
)

SIGNS = [
    *("@", "\uff20", "\ufe6b"),
    *(
        "%40",
        "%2540",
        "%252540",
        "%EF%BC%A0",
        "%ef%bc%a0",
        "%25EF%25BC%25A0",
        "%EF%B9%AB",
        "%u0040",
        "%uFF20",
    ),
    *(
        "&#64;",
        "&#064;",
        "&#x40;",
        "&#X0040;",
        "&commat;",
        "&amp;#64;",
        "&amp;amp;#x40;",
        "&#65312;",
        "&#xFE6B;",
    ),
    *("\\u0040", "\\\\u0040", "\\uff20", "\\u{40}", "\\x40", "\\100", "\\U00000040", "\\N{COMMERCIAL AT}"),
    *("=40", "=EF=BC=A0", "_x0040_", "+AEA-"),
]
LOCALS = [
    *(
        "anna",
        "ANNA.Muster",
        "anna+tag",
        "o'brien",
        "'anna",
        "anna'",
        "an&na",
        "a{n}na",
        "an%61na",
        "jörg",
        "用户",
    ),
    *("anna!#$%&'*+-=?^_`{|}~", '"anna muster"', '"an\\"na"', "anna.", ".anna"),
]
DOMAINS = ["example.com", "EXAMPLE.COM", "müller.example", "xn--mller-kva.example", "例え.jp", "mail.co.uk"]
FRAMES = [
    *(
        "{}",
        "'{}'",
        '"{}"',
        "<{}>",
        "({})",
        "[{}]",
        "`{}`",
        "mailto:{}",
        "p={}",
        "Row 7: {}.",
        "{}, and {}; or {}",
    ),
    *("/lake/Gold/p={}/part-0.parquet", "abfs://lake@account.dfs.core.windows.net/Gold/p={}/part-0.parquet"),
    *("https://account.blob.core.windows.net/lake/{}?sv=1", "s3://bucket/{}.csv", "Gold/p={}/x.csv"),
]
TRACES = ("anna", "muster", "brien", "jörg", "用户", "example", "müller", "mller", "例え", "mail.co")


@pytest.mark.parametrize("sign", SIGNS)
def test_no_spelling_of_an_address_is_left(sign: str) -> None:
    for local in LOCALS:
        for domain in DOMAINS:
            address = f"{local}{sign}{domain}"
            for frame in FRAMES:
                shown = without_addresses(frame.replace("{}", address))
                assert "[address]" in shown, (frame, address)
                left = [trace for trace in TRACES if trace in shown.lower()]
                assert not left, (frame, address, shown)
            assert holds_address(address), address
            assert may_be_address(address)


@pytest.mark.parametrize("sign", SIGNS)
def test_keys_are_redacted_by_the_same_rule(sign: str) -> None:
    assert pc.match_substring_regex(pa.array([f"anna{sign}example.com"]), PERSONAL).to_pylist() == [True]


@pytest.mark.parametrize(
    "text",
    [
        "The table of segment 'Gold' (abfs://lake@account.dfs.core.windows.net/segments/Gold) is empty.",
        "abfss://lake@account.dfs.core.windows.net/segments: the storage account refuses access (HTTP 403).",
        "wasbs://lake@account.blob.core.chinacloudapi.cn/C#/50%41",
        "'abfs://lake@account.dfs.core.windows.net'",
        "abfs://Sales%20EU@onelake.dfs.fabric.microsoft.com/Crm.Lakehouse/Tables: the storage account refuses access.",
        "a preset (@hourly, @daily, @weekly, @monthly), or none",
        "a pattern that begins with a wildcard, such as '%@contoso.com'",
        "what follows the @ must be the host; `@`",
        "Sale @ Christmas",
        "/data/lake/Gold/country=DE/day=2026-01-01/part-0.parquet: 12,000 of 13,000 profiles (92 %).",
        "score=40/part-0.parquet, limit=40.5, p=40a.parquet, p=40.csv.gz",
        "d" * 64,
        "50%41 40% %4 &#65; \\u0041 =41",
        'Unexpected KeyError at read (/opt/airflow/include/x.py:40): "a"',
        "",
    ],
)
def test_text_without_an_address_stays(text: str) -> None:
    assert without_addresses(text) == text


def test_paths_keep_all_names_but_those_with_an_address() -> None:
    path = "abfs://lake@account.dfs.core.windows.net/Gold/p=anna%40example.com/day=2026-01-01/x.parquet"
    assert without_addresses(f"In {path}: damaged.") == (
        "In abfs://lake@account.dfs.core.windows.net/Gold/[address]/day=2026-01-01/x.parquet: damaged."
    )
    onelake = "abfs://anna%40example.com@onelake.dfs.fabric.microsoft.com/Crm.Lakehouse"
    assert "anna" not in without_addresses(f"In {onelake}: damaged.")
    assert without_addresses("/lake/o'brien@example.com/x.csv is empty.") == "/lake/[address]/x.csv is empty."


@pytest.mark.parametrize("before", ["anna@example.com=", "x/anna@example.com:", "a=anna%40example.com&b="])
def test_an_address_right_before_a_place_of_a_lake(before: str) -> None:
    shown = without_addresses(f"'{before}abfs://lake@account.dfs.core.windows.net/Gold'")
    assert "example" not in shown
    assert shown.endswith("abfs://lake@account.dfs.core.windows.net/Gold'")


def test_an_address_with_spaces_around_its_sign() -> None:
    assert without_addresses("of anna @ example.com, and so on") == "of [address] and so on"
    assert holds_address("of anna @ example.com")
    assert not holds_address("Sale @ Christmas 2026")


def test_a_location_of_a_lake_is_not_an_address() -> None:
    assert not holds_address("In abfs://lake@account.dfs.core.windows.net it lies.")
    assert holds_address("In abfs://lake@account.dfs.core.windows.net/anna@example.com it lies.")


def test_nested_values_are_redacted_at_any_depth() -> None:
    given = {"a": ["anna@example.com", {"o'brien%40example.com": 1}], "b": ("x", 2, None), "c": 1.5}
    shown = without_addresses_in(given)
    assert shown == {"a": ["[address]", {"[address]": 1}], "b": ("x", 2, None), "c": 1.5}
    assert "example" not in json.dumps(shown)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Gold", "Gold"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb", "a\\nb"),
        ("caf\udce9", "caf\\udce9"),
        ("ü 例", "ü 例"),
    ],
)
def test_names_stay_on_one_line(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_loggers_have_no_addresses(caplog: pytest.LogCaptureFixture) -> None:
    log = logger("customer_match.test_redaction")
    assert logger("customer_match.test_redaction") is log
    assert len(log.filters) == 1
    with caplog.at_level(logging.INFO, log.name):
        log.info("The table is %s", "/lake/p=anna%40example.com/x.csv")
        log.warning("%d rows of anna@example.com", 3)
    assert [record.getMessage() for record in caplog.records] == [
        "The table is /lake/[address]/x.csv",
        "3 rows of [address]",
    ]
    assert "example" not in str([record.args for record in caplog.records])


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "x" * 50_000 + '"' * 50_000 + "@",
        *(
            piece * 10_000 + "@"
            for piece in ('"\\', "%25", "&amp;", "a ", "=40a.", "\\", "'", "a.b://", "abfs://a@")
        ),
        "=40" + "a." * 10_000 + "@",
        "a" * 50_000 + "@" + "b" * 50_000,
    ],
    ids=lambda text: ascii(text[:8]),
)
def test_long_words_take_no_long_time(text: str) -> None:
    began = time.process_time()
    without_addresses(text)
    holds_address(text)
    assert time.process_time() - began < 3
