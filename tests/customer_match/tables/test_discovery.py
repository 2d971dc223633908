"""Which tables lie below a folder."""

from pathlib import Path

import pytest

from customer_match.errors import ConfigurationError
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from tests.customer_match.tables.small_tables import LOCAL, csv, emails, parquet


def test_hidden_folders_above_the_table_do_not_hide_it(tmp_path: Path) -> None:
    parquet(tmp_path / ".demo/_lake/t/part-0.parquet", "a")
    assert emails(open_table(LOCAL, str(tmp_path / ".demo/_lake/t"))) == ["a"]
    assert list(discover(LOCAL, str(tmp_path / ".demo/_lake"))) == ["t"]


class TestDiscover:
    @pytest.fixture
    def lake(self, tmp_path: Path) -> Path:
        parquet(tmp_path / "GoldMembers/part-0.parquet", "a")
        csv(tmp_path / "GoldLapsed/2026/11/21/0215/x.csv", "b")
        csv(tmp_path / "Newsletter.v2.csv", "c")
        parquet(tmp_path / "VIPs.parquet", "d")
        (tmp_path / "model.json").write_text("{}")
        (tmp_path / "Empty").mkdir()
        (tmp_path / "Notes").mkdir()
        (tmp_path / "Notes/readme.md").write_text("x")
        csv(tmp_path / "_staging/x.csv", "e")
        return tmp_path

    def test_folders_with_data_and_single_files_are_tables(self, lake: Path) -> None:
        found = discover(LOCAL, str(lake))
        assert list(found) == ["GoldLapsed", "GoldMembers", "Newsletter.v2", "VIPs"]
        assert found["VIPs"] == str(lake / "VIPs.parquet")
        assert [emails(open_table(LOCAL, path)) for path in found.values()] == [["b"], ["a"], ["c"], ["d"]]

    def test_a_pattern_chooses(self, lake: Path) -> None:
        assert list(discover(LOCAL, str(lake), "Gold*")) == ["GoldLapsed", "GoldMembers"]
        assert discover(LOCAL, str(lake), "gold*") == {}

    def test_a_format_chooses(self, lake: Path) -> None:
        assert list(discover(LOCAL, str(lake), format="csv")) == ["GoldLapsed", "Newsletter.v2"]
        assert list(discover(LOCAL, str(lake), format="parquet")) == ["GoldMembers", "VIPs"]

    def test_a_name_that_could_be_two_tables_is_refused_unless_the_format_tells(self, lake: Path) -> None:
        csv(lake / "VIPs.csv", "x")
        found = discover(LOCAL, str(lake))
        assert list(found.faults) == ["VIPs"]
        assert "'VIPs' could be VIPs.csv and VIPs.parquet" in found.faults["VIPs"]
        assert discover(LOCAL, str(lake), format="csv")["VIPs"] == str(lake / "VIPs.csv")

    def test_a_missing_folder_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="There is no folder"):
            discover(LOCAL, str(tmp_path / "nowhere"))

    def test_a_file_is_no_folder_of_tables(self, lake: Path) -> None:
        with pytest.raises(ConfigurationError, match="is a file"):
            discover(LOCAL, str(lake / "VIPs.parquet"))
