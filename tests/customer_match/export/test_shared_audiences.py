"""Two exports that share an audience of one account are detected from their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from customer_match.export.loading import BrokenExport, load_files, reject_shared

BASE = {"cid": 1, "aid": 2, "source": "lake", "email": "Email", "segments": ["Gold"]}


def validated(folder: Path, first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """The problems of two files, in order; empty for a valid one."""
    paths = []
    for name, keys in {"autumn": first, "winter": second}.items():
        paths.append(folder / f"{name}.yaml")
        paths[-1].write_text(yaml.safe_dump(BASE | keys))
    results = reject_shared(paths, load_files(paths))
    return [str(result.error) if isinstance(result, BrokenExport) else "" for result in results]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({}, {"source": "elsewhere"}),
        ({}, {"adopt": True}),
        ({"adopt": True}, {"adopt": True}),
        ({}, {"workspace": "another"}),
        ({}, {"segments": [{"table": "Silver", "audience": "GOLD"}]}),
        ({}, {"segments": [{"table": "Silver", "audience": "Gold", "audience_id": 7}]}),
        (
            {"segments": [{"table": "Gold", "audience_id": 7}]},
            {"segments": [{"table": "Silver", "audience_id": 7}]},
        ),
        ({}, {"segments": "all"}),
        ({"segments": "all"}, {"segments": "all"}),
        ({"segments": ["G*"]}, {"segments": "all"}),
        ({"segments": ["G*"]}, {"segments": ["G*"]}),
    ],
)
def test_an_audience_of_two_exports_is_reported_in_both_files(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    autumn, winter = validated(tmp_path, first, second)
    assert autumn.startswith("autumn.yaml, line")
    assert "segments[0]: the export 'winter' of the same account also writes to the" in autumn
    assert "'autumn'" in winter


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("segments", "words"),
    [
        ("all", "also writes to the audiences of all tables of this folder: each would"),
        (["G*"], "also writes to the audiences of all tables like 'G*': each would"),
        (["Gold"], "also writes to the audiences of the table 'Gold': each would"),
    ],
)
def test_what_is_shared_is_said_in_words(tmp_path: Path, segments: str | list[str], words: str) -> None:
    autumn, _ = validated(tmp_path, {"segments": "all"}, {"segments": segments})
    assert words in autumn


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"segments": ["Silver"]}),
        ({}, {"aid": 3}),
        ({}, {"connection": "sandbox", "workspace": "sandbox"}),
        ({"segments": "all"}, {"segments": "all", "source": "elsewhere"}),
        ({"segments": ["G*"]}, {"segments": ["Silver"]}),
        ({"segments": "all"}, {"segments": [{"table": "Gold", "audience": "Other"}]}),
        ({"segments": [{"table": "Gold", "audience_id": 7}]}, {"segments": [{"table": "S", "audience_id": 8}]}),
    ],
)  # fmt: skip
def test_exports_with_separate_audiences_are_valid(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert validated(tmp_path, first, second) == ["", ""]


@pytest.mark.bad_input
def test_one_file_is_compared_with_the_others_of_its_folder(tmp_path: Path) -> None:
    validated(tmp_path, {}, {})
    path = tmp_path / "winter.yaml"
    [result] = reject_shared([path], load_files([path]))
    assert isinstance(result, BrokenExport)
