"""Entities of CDM folders, read as their models say."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_match.errors import ConfigurationError
from customer_match.tables.discovery import discover
from customer_match.tables.opening import open_table
from customer_match.tables.table import Table
from customer_match_sample_lake.cdm import CdmSample, Csv, parquet_content

LOCAL = LocalFileSystem()
COLUMNS = ("CustomerId", "FullName", "Email")


def people(*numbers: int) -> list[dict[str, str]]:
    return [
        {"CustomerId": f"{n:032x}", "FullName": f'Ann "{n}", née\nX', "Email": f"é{n}@example.org"}
        for n in numbers
    ]


def emails(table: Table, column: str = "Email") -> list[str]:
    return [value for batch in table.batches([column]) for value in batch.column(column).to_pylist()]


def addresses(*numbers: int) -> list[str]:
    return [f"é{n}@example.org" for n in numbers]


@pytest.fixture
def lake(tmp_path: Path) -> CdmSample:
    return CdmSample(LOCAL, str(tmp_path / "CustomerInsights_1/LakeExport"))


class TestModelJson:
    @pytest.mark.parametrize("key", ["entities", "tables"])
    def test_only_the_partitions_that_the_model_names_count(self, lake: CdmSample, key: str) -> None:
        lake.key = key
        lake.run("Gold", COLUMNS, [people(1), people(2)], "2026/11/23/0215")
        lake.run("Gold", COLUMNS, [people(3), people(4, 5)], "2026/11/22/0215")  # named last, though older
        lake.run("VIPs", COLUMNS, [people(7)], "2026/11/22/0215")
        found = discover(LOCAL, lake.folder)
        assert found == {name: f"{lake.folder}/model.json/{name}" for name in ("Gold", "VIPs")}
        table = open_table(LOCAL, found["Gold"])
        assert emails(table) == addresses(3, 4, 5)
        assert tuple(table.columns()) == COLUMNS
        assert table.location == f"{lake.folder}/model.json/Gold"
        assert (table.profiles(), len(table.files)) == (None, 2)
        assert table.modified == max(file.modified for file in table.files if file.modified)

    def test_ways_to_name_an_entity(self, lake: CdmSample) -> None:
        lake.run("Gold", COLUMNS, [people(1)], "2026/11/22/0215")
        for path in ("", "/", "/Gold", "/Gold/", "/model.json/Gold"):
            assert emails(open_table(LOCAL, lake.folder + path)) == addresses(1)
            assert emails(open_table(LOCAL, lake.folder + path, "cdm")) == addresses(1)
        lake.run("VIPs", COLUMNS, [people(2)], "2026/11/22/0215")
        assert emails(open_table(LOCAL, f"{lake.folder}/VIPs")) == addresses(2)
        with pytest.raises(ConfigurationError, match="describes 2 tables: Gold, VIPs"):
            open_table(LOCAL, lake.folder)

    def test_models_are_found_below_and_their_files_are_no_tables(
        self, lake: CdmSample, tmp_path: Path
    ) -> None:
        lake.run("Gold", COLUMNS, [people(1)], "2026/11/22/0215")
        lake.file("Left over/x.csv", b"Email\nx\n")
        (tmp_path / "Own.csv").write_text("Email\nx\n")
        assert list(discover(LOCAL, str(tmp_path))) == ["Gold", "Own"]
        assert list(discover(LOCAL, str(tmp_path), format="cdm")) == ["Gold"]
        assert list(discover(LOCAL, lake.folder, format="csv")) == ["Gold", "Left over"]

    @pytest.mark.parametrize("header", [True, False])
    @pytest.mark.parametrize(
        "style",
        [Csv(), Csv(delimiter=";"), Csv(delimiter="\t"), Csv(encoding="UTF-16"), Csv(encoding="latin-1")],
    )
    def test_files_are_read_as_the_model_says(self, lake: CdmSample, style: Csv, header: bool) -> None:
        lake.run("Gold", COLUMNS, [people(1, 2), []], "2026/11/22/0215", replace(style, header=header))
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        assert emails(table) == addresses(1, 2)
        assert emails(table, "FullName") == [person["FullName"] for person in people(1, 2)]

    @pytest.mark.parametrize("style", [Csv(), Csv(header=True), Csv(delimiter=";", encoding="UTF-16")])
    def test_files_may_be_packed_by_gzip(self, lake: CdmSample, style: Csv) -> None:
        packed = replace(style, compressed=True)
        lake.run("Gold", COLUMNS, [people(1, 2), people(3)], "2026/11/22/0215", packed)
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        assert [file.path.rpartition("/")[2] for file in table.files] == ["Gold_1.csv.gz", "Gold_2.csv.gz"]
        assert emails(table) == addresses(1, 2, 3)
        assert emails(table, "FullName") == [person["FullName"] for person in people(1, 2, 3)]

    def test_files_of_several_ways_are_read_in_the_order_of_the_model(self, lake: CdmSample) -> None:
        styles = [Csv(), Csv(), Csv(header=True), Csv(delimiter=";"), Csv(delimiter=";"), Csv()]
        for number, style in enumerate(styles):
            lake.file(f"Gold/{9 - number}.csv", style.content(COLUMNS, people(number)))
        lake.file("Gold/a.parquet", parquet_content(COLUMNS, people(6)))
        partitions = [lake.partition(f"Gold/{9 - number}.csv", style) for number, style in enumerate(styles)]
        lake.entity("Gold", COLUMNS, [*partitions, lake.partition("Gold/a.parquet")])
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        assert emails(table) == addresses(0, 1, 2, 3, 4, 5, 6)
        assert len(table.files) == 7

    def test_gzip_is_seen_by_the_first_bytes_and_not_by_the_name(self, lake: CdmSample) -> None:
        lake.file("Gold/a.csv", Csv(compressed=True).content(COLUMNS, people(1)))
        lake.file("Gold/b.csv.gz", Csv().content(COLUMNS, people(2)))
        lake.file("Gold/c", Csv(compressed=True).content(COLUMNS, people(3)) * 2)
        lake.entity("Gold", COLUMNS, [lake.partition(f"Gold/{name}") for name in ("a.csv", "b.csv.gz", "c")])
        assert emails(open_table(LOCAL, f"{lake.folder}/Gold")) == addresses(1, 2, 3, 3)

    def test_what_is_not_said_is_comma_quotes_utf_8_and_no_header(self, lake: CdmSample) -> None:
        lake.file("Gold/x.csv", Csv().content(COLUMNS, people(1, 2)))
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv")])
        assert emails(open_table(LOCAL, f"{lake.folder}/Gold")) == addresses(1, 2)

    def test_a_header_that_the_model_denies_is_no_person(self, lake: CdmSample) -> None:
        lake.file(
            "Gold/x.csv", b"\xef\xbb\xbf" + Csv(header=True).content(["customerid", *COLUMNS[1:]], people(1))
        )
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv", Csv())])
        assert len(emails(open_table(LOCAL, f"{lake.folder}/Gold"))) == 1

    @pytest.mark.parametrize("packed", [False, True])
    def test_rows_that_are_older_than_a_column_lack_it(self, lake: CdmSample, packed: bool) -> None:
        """Documented for Synapse Link: a column that is added goes to the end, and older rows stay as they are."""
        rows = (
            b'"1","a@x"\r\n"2","b@x","gold"\r\n"3"\r\n\r\n"4","c\r\n@x"\r\n"5","d@x","a ""b"""\r\n"6","e@x"'
        )
        lake.file("Gold/x.csv", gzip.compress(rows) if packed else rows)
        lake.file("Gold/old.csv", b"7,f@x\n8,g@x\n")
        lake.entity(
            "Gold", ("Id", "Email", "Tier"), [lake.partition("Gold/x.csv"), lake.partition("Gold/old.csv")]
        )
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        assert emails(table) == ["a@x", "b@x", "", "c\r\n@x", "d@x", "e@x", "f@x", "g@x"]
        assert emails(table, "Tier") == ["", "gold", "", "", 'a "b"', "", "", ""]
        assert emails(table, "Id") == list("12345678")

    @pytest.mark.parametrize("header", [False, True])
    def test_headers_that_are_older_than_a_column_lack_it(self, lake: CdmSample, header: bool) -> None:
        """Whether the model says that there is a header or not; and its rows may be newer than it."""
        lake.file("Gold/x.csv", b"id,email\n1,a@x\n2,b@x,gold\n")
        lake.entity("Gold", ("Id", "Email", "Tier"), [lake.partition("Gold/x.csv", Csv(header=header))])
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        names = ("email", "Tier") if header else ("Email", "Tier")
        assert [emails(table, name) for name in names] == [["a@x", "b@x"], ["", "gold"]]

    def test_files_that_are_older_than_a_column_lack_it(self, lake: CdmSample) -> None:
        """Unless they have columns that the model does not know: then one may have another name."""
        columns = (*COLUMNS, "Tier")
        newer = [{**person, "Tier": "gold"} for person in people(2)]
        lake.file("Gold/a.parquet", parquet_content(COLUMNS, people(1)))
        lake.file("Gold/b.parquet", parquet_content(columns, newer))
        lake.file("Gold/c.csv", Csv(header=True).content(COLUMNS[::-1], people(3)))
        parts = [lake.partition("Gold/a.parquet"), lake.partition("Gold/b.parquet")]
        lake.entity("Gold", columns, [*parts, lake.partition("Gold/c.csv", Csv(header=True))])
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        assert emails(table) == addresses(1, 2, 3)
        assert emails(table, "Tier") == [None, "gold", None]
        assert [batch.num_rows for batch in table.batches(["Tier"])] == [1, 1, 1]
        lake.file("Gold/b.parquet", parquet_content((*COLUMNS, "Level"), people(2)))
        with pytest.raises(ConfigurationError, match=r"'Tier' is missing in .*Gold/b\.parquet"):
            emails(open_table(LOCAL, f"{lake.folder}/Gold"), "Tier")

    def test_short_rows_cross_blocks(self, lake: CdmSample, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("customer_match.tables.csv.table.BLOCK_BYTES", 50)
        rows = [f"{n},p{n}@x{',gold' * (n % 3)}" for n in range(200)]
        lake.file("Gold/x.csv", "\n".join(rows).encode())
        lake.entity("Gold", ("Id", "Email", "Tier", "New"), [lake.partition("Gold/x.csv")])
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        assert emails(table) == [f"p{n}@x" for n in range(200)]
        assert emails(table, "Tier") == ["gold" if n % 3 else "" for n in range(200)]

    def test_without_quoting_quotation_marks_are_text(self, lake: CdmSample) -> None:
        rows = [{"CustomerId": "1", "FullName": '"', "Email": '"a'}, {"Email": "b"}]
        lake.run("Gold", COLUMNS, [rows], "2026/11/22/0215", Csv(quoted=False))
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        assert (emails(table), emails(table, "FullName")) == (['"a', "b"], ['"', ""])

    def test_partitions_of_parquet_are_read(self, lake: CdmSample) -> None:
        lake.file("Gold/a.parquet", parquet_content(COLUMNS, people(1)))
        lake.file("Gold/b", parquet_content(COLUMNS, people(2)))
        said = {**lake.partition("Gold/b"), "fileFormatSettings": {"$type": "ParquetFormatSettings"}}
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/a.parquet"), said])
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        assert (emails(table), table.profiles()) == (addresses(1, 2), 2)

    def test_an_entity_without_files_is_an_empty_table(self, lake: CdmSample) -> None:
        lake.entity("Gold", COLUMNS, [{"name": "x", "location": None}])
        lake.entity("VIPs", COLUMNS, [])
        for name in ("Gold", "VIPs"):
            table = open_table(LOCAL, f"{lake.folder}/{name}")
            assert (table.profiles(), table.files, emails(table)) == (0, (), [])
            assert tuple(table.columns()) == COLUMNS
            assert table.modified is not None

    def test_a_copied_folder_may_have_another_name(self, lake: CdmSample, tmp_path: Path) -> None:
        lake.run("Gold", COLUMNS, [people(1)], "2026/11/22/0215")
        shutil.copytree(lake.folder, tmp_path / "copy")
        assert emails(open_table(LOCAL, str(tmp_path / "copy/Gold"))) == addresses(1)

    def test_relative_locations_begin_at_the_model(self, lake: CdmSample) -> None:
        lake.address = ""
        lake.run("Gold", COLUMNS, [people(1)], "2026/11/22/0215")
        assert emails(open_table(LOCAL, f"{lake.folder}/Gold")) == addresses(1)

    def test_json_of_something_else_is_no_model(self, tmp_path: Path) -> None:
        (tmp_path / "model.json").write_text('{"layers": []}')
        (tmp_path / "Gold.csv").write_text("Email\nx\n")
        assert list(discover(LOCAL, str(tmp_path))) == ["Gold"]
        assert emails(open_table(LOCAL, str(tmp_path / "Gold.csv"))) == ["x"]
        with pytest.raises(ConfigurationError, match="does not have the format CDM folder"):
            open_table(LOCAL, str(tmp_path), "cdm")

    @pytest.mark.parametrize("name", ["High value, new", "Gold/old", "Größe ☃", 'a"b'])
    def test_names_of_all_kinds(self, lake: CdmSample, name: str) -> None:
        lake.file("x.csv", Csv().content(COLUMNS, people(1)))
        lake.entity(name, COLUMNS, [lake.partition("x.csv")])
        found = discover(LOCAL, lake.folder)
        assert list(found) == [name]
        assert emails(open_table(LOCAL, found[name])) == addresses(1)


class TestManifest:
    def entity(self, lake: CdmSample, **more: Any) -> dict[str, Any]:
        path = lake.definition("Gold", COLUMNS)
        return {"type": "LocalEntity", "entityName": "Gold", "entityPath": path, **more}

    @pytest.mark.parametrize("header", [True, False])
    @pytest.mark.parametrize("location", ["Gold/a.csv", "local:/Gold/a.csv", "/Gold/a.csv"])
    def test_only_the_partitions_of_the_manifest_are_read(
        self, lake: CdmSample, location: str, header: bool
    ) -> None:
        style = Csv(header=header, delimiter=";")
        lake.file("Gold/a.csv", style.content(COLUMNS, people(1, 2)))
        lake.file("Gold/left over.csv", style.content(COLUMNS, people(3)))
        part = {"location": location, "exhibitsTraits": ["is.other", style.trait()]}
        lake.manifest([self.entity(lake, dataPartitions=[part])])
        found = discover(LOCAL, lake.folder)
        assert found == {"Gold": f"{lake.folder}/default.manifest.cdm.json/Gold"}
        for path in (found["Gold"], lake.folder, f"{lake.folder}/Gold"):
            assert emails(open_table(LOCAL, path)) == addresses(1, 2)

    @pytest.mark.parametrize(
        ("pattern", "numbers"),
        [
            ({"rootLocation": "Gold", "globPattern": "/*.csv"}, [1]),
            ({"rootLocation": "Gold/", "globPattern": "*.csv"}, [1]),
            ({"rootLocation": "Gold", "globPattern": "**/*.csv"}, [1, 2, 3]),
            ({"rootLocation": "Gold", "globPattern": "20??\\*.csv"}, [2]),
            ({"rootLocation": "Gold", "regularExpression": "/(\\d{4})/b\\.csv$"}, [2]),
            ({"rootLocation": "Gold", "regularExpression": ".+\\.(csv)"}, [1, 2, 3]),
            ({"rootLocation": "Gold/2026", "globPattern": "*.csv"}, [2]),
            ({"globPattern": "Gold/*.csv"}, [1]),
            ({"rootLocation": "Nowhere", "globPattern": "*.csv"}, []),
        ],
    )
    def test_patterns_find_the_files_of_a_partition(
        self, lake: CdmSample, pattern: dict[str, Any], numbers: list[int]
    ) -> None:
        for number, path in enumerate(("Gold/a.csv", "Gold/2026/b.csv", "Gold/x/y/c.csv", "Gold/d.txt"), 1):
            lake.file(path, Csv().content(COLUMNS, people(number)))
        lake.manifest(
            [self.entity(lake, dataPartitionPatterns=[{**pattern, "exhibitsTraits": [Csv().trait()]}])]
        )
        assert sorted(emails(open_table(LOCAL, f"{lake.folder}/Gold"))) == addresses(*numbers)

    @pytest.mark.parametrize("pattern", ["*.csv.gz", "*"])
    def test_patterns_find_packed_files(self, lake: CdmSample, pattern: str) -> None:
        style = Csv(header=True, compressed=True)
        lake.file("Gold/a.csv.gz", style.content(COLUMNS, people(1)))
        traits = [style.trait()]
        part = {"rootLocation": "Gold", "globPattern": pattern, "exhibitsTraits": traits}
        lake.manifest([self.entity(lake, dataPartitionPatterns=[part])])
        assert emails(open_table(LOCAL, f"{lake.folder}/Gold")) == addresses(1)

    def test_a_listed_partition_goes_before_a_pattern(self, lake: CdmSample) -> None:
        lake.file("Gold/a.csv", Csv(header=True, delimiter="|").content(COLUMNS, people(1)))
        part = {"location": "Gold/a.csv", "exhibitsTraits": [Csv(header=True, delimiter="|").trait()]}
        pattern = {"rootLocation": "Gold", "globPattern": "*", "exhibitsTraits": [Csv().trait()]}
        lake.manifest([self.entity(lake, dataPartitions=[part], dataPartitionPatterns=[pattern])])
        assert emails(open_table(LOCAL, f"{lake.folder}/Gold")) == addresses(1)

    def test_parquet_and_escapes(self, lake: CdmSample) -> None:
        lake.file("Gold/a.parquet", parquet_content(COLUMNS, people(1)))
        lake.file("Gold/b.csv", b'1,"a \\"quoted\\" name",b\n')
        trait = Csv().trait()
        trait["arguments"].append({"name": "escape", "value": "\\"})
        parts = [
            {"location": "Gold/a.parquet", "exhibitsTraits": ["is.partition.format.parquet"]},
            {"location": "Gold/b.csv", "exhibitsTraits": [trait]},
        ]
        lake.manifest([self.entity(lake, dataPartitions=parts)])
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        assert emails(table) == [*addresses(1), "b"]
        assert emails(table, "FullName")[1] == 'a "quoted" name'

    def test_several_manifests_and_which_counts(self, lake: CdmSample) -> None:
        gold = self.entity(lake)
        lake.manifest([gold], "a")
        lake.manifest([{**gold, "entityName": "VIPs"}], "b")
        assert list(discover(LOCAL, lake.folder)) == ["Gold", "VIPs"]
        assert open_table(LOCAL, f"{lake.folder}/VIPs").location.endswith("b.manifest.cdm.json/VIPs")
        lake.manifest([{**gold, "entityName": "Own"}])
        assert list(discover(LOCAL, lake.folder)) == ["Own"]
        lake.entity("Newest", COLUMNS, [])
        assert list(discover(LOCAL, lake.folder)) == ["Newest"]

    @pytest.mark.bad_input
    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ({"incrementalPartitions": [{"location": "x"}]}, "keeps changes in partitions of their own"),
            ({"incrementalPartitionPatterns": [{}]}, "keeps changes in partitions of their own"),
            ({"dataPartitions": {}, "dataPartitionPatterns": "x"}, "unexpected at `dataPartitionPatterns`"),
            ({"dataPartitions": [{}]}, "without a `location`"),
            ({"dataPartitionPatterns": [{"rootLocation": "Gold"}]}, "without a pattern"),
            (
                {"dataPartitionPatterns": [{"regularExpression": "("}]},
                "pattern of partitions `(`, which cannot be read here",
            ),
            (
                {"dataPartitionPatterns": [{"rootLocation": "../x", "globPattern": "*"}]},
                "outside of the model's",
            ),
            ({"entityPath": "cdm:/core/Gold.cdm.json/Gold"}, "not described where they can be read"),
            ({"entityPath": "../Gold.cdm.json/Gold"}, "not described where they can be read"),
            ({"entityPath": "Gold.cdm.json/Other"}, "not described where they can be read"),
            (
                {"entityPath": "Lost.cdm.json/Lost"},
                "Lost.cdm.json, which defines the entity 'Lost', is missing",
            ),
        ],
    )
    def test_what_cannot_be_read_is_told(self, lake: CdmSample, more: dict[str, Any], words: str) -> None:
        lake.file("Gold/a.csv", Csv().content(COLUMNS, people(1)))
        usual = {"dataPartitions": [{"location": "Gold/a.csv"}]}
        lake.manifest([self.entity(lake, **(usual | more))])
        with pytest.raises(ConfigurationError) as raised:
            open_table(LOCAL, f"{lake.folder}/Gold")
        assert words in str(raised.value)
        assert lake.folder in str(raised.value)


@pytest.mark.bad_input
class TestRefused:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"1,a@x\n2,b@x,gold,secret\n", "row 2: 4 values, but the table's columns are 3"),
            (b"1,a@x,x\n2,m\xfcller\n", "row 2 (the header is row 1): the text is not UTF-8"),
        ],
    )
    def test_rows_that_are_longer_or_no_text(self, lake: CdmSample, content: bytes, words: str) -> None:
        lake.file("Gold/x.csv", content)
        lake.entity("Gold", ("Id", "Email", "Tier"), [lake.partition("Gold/x.csv")])
        with pytest.raises(ConfigurationError) as raised:
            emails(open_table(LOCAL, f"{lake.folder}/Gold"))
        assert "x.csv" in str(raised.value)
        assert words in str(raised.value)
        assert not any(value in str(raised.value) for value in ("secret", "a@x", "ller"))

    def refused(self, lake: CdmSample, *words: str, path: str = "/Gold") -> None:
        with pytest.raises(ConfigurationError) as raised:
            emails(open_table(LOCAL, lake.folder + path))
        for word in (lake.folder, *words):
            assert word in str(raised.value)

    def test_a_partition_that_is_missing(self, lake: CdmSample) -> None:
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv")])
        self.refused(lake, "model.json: the entity 'Gold' has a file that does not exist", "Gold/x.csv")

    @pytest.mark.parametrize(
        "location",
        ["../other/x.csv", "a/" + "../" * 50 + "etc/passwd", "/etc/passwd", "file:///etc/passwd",
         "https://acme.dfs.core.windows.net/elsewhere/Other/x.csv?sig=SECRET"],
    )  # fmt: skip
    def test_a_location_outside(self, lake: CdmSample, location: str) -> None:
        lake.entity("Gold", COLUMNS, [{"name": "x", "location": location}])
        self.refused(lake, "outside of the model's folder")
        with pytest.raises(ConfigurationError) as raised:
            open_table(LOCAL, f"{lake.folder}/Gold")
        assert "SECRET" not in str(raised.value)

    def test_a_link_out_of_the_folder(self, lake: CdmSample, tmp_path: Path) -> None:
        (tmp_path / "secret.csv").write_text("a,b,c\n")
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv")])
        Path(lake.folder, "Gold").mkdir()
        Path(lake.folder, "Gold/x.csv").symlink_to(tmp_path / "secret.csv")
        self.refused(lake, "outside of the model's folder")

    def test_a_folder_as_a_file(self, lake: CdmSample) -> None:
        lake.file("Gold/x.csv/y", b"")
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv")])
        self.refused(lake, "which is not a file")

    @pytest.mark.parametrize("content", [b"", b'{"entities": [', b"\xff\xfe{", b"[" * 100_000])
    def test_a_model_that_is_not_whole(self, lake: CdmSample, content: bytes) -> None:
        lake.file("model.json", content)
        self.refused(lake, "model.json is not whole JSON", "set `format`", path="/model.json/Gold")
        with pytest.raises(ConfigurationError, match="not whole JSON"):
            discover(LOCAL, lake.folder)

    def test_a_model_without_entities_that_is_named(self, lake: CdmSample) -> None:
        lake.file("model.json", b"[1]")
        self.refused(lake, "has no list of entities", path="/model.json/Gold")

    def test_an_entity_that_there_is_not(self, lake: CdmSample) -> None:
        lake.entity("VIPs", COLUMNS, [])
        self.refused(lake, "no entity 'Gold'", "VIPs", path="/model.json/Gold")
        self.refused(lake, "There is no file or folder")

    def test_more_values_than_columns(self, lake: CdmSample) -> None:
        lake.file("Gold/x.csv", b"1,a,b\n2,SECRET,b,c\n")
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv")])
        self.refused(lake, "x.csv, row 2: 4 values, but the table's columns are 3")

    def test_a_file_in_another_encoding_than_said(self, lake: CdmSample) -> None:
        lake.file("Gold/x.csv", "1,é,bb\n".encode("latin-1"))
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv", Csv(encoding="UTF-16-LE"))])
        self.refused(lake, "the text is not utf-16-le")
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv")])
        table = open_table(LOCAL, f"{lake.folder}/Gold")
        with pytest.raises(ConfigurationError, match="not UTF-8"):
            emails(table, "FullName")

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"delimiter": "||"}, "has an invalid delimiter"),
            ({"delimiter": '"'}, "has an invalid delimiter"),
            ({"encoding": "klingon"}, "unknown text encoding"),
            ({"encoding": "base64"}, "unknown text encoding"),
            ({"columnHeaders": "perhaps"}, "unexpected at `partitions.0.fileFormatSettings.columnHeaders`"),
        ],
    )
    def test_settings_that_cannot_be(self, lake: CdmSample, changes: dict[str, Any], words: str) -> None:
        lake.file("Gold/x.csv", b"1,a,b\n")
        part = lake.partition("Gold/x.csv", Csv())
        part["fileFormatSettings"] |= changes
        lake.entity("Gold", COLUMNS, [part])
        self.refused(lake, words)

    def test_a_column_twice(self, lake: CdmSample) -> None:
        lake.entity("Gold", ["Email", "Id", "Email"], [])
        self.refused(lake, "has the column 'Email' twice")

    def test_no_columns_and_no_header(self, lake: CdmSample) -> None:
        lake.file("Gold/x.csv", b"1,a,b\n")
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv")])
        model = json.loads(Path(lake.folder, "model.json").read_text())
        model["entities"][0]["attributes"] = []
        lake.file("model.json", json.dumps(model).encode())
        self.refused(lake, "without a header row, and its columns are not described")

    def test_a_reference_to_another_model(self, lake: CdmSample) -> None:
        model = {"entities": [{"$type": "ReferenceEntity", "name": "Gold", "source": "Gold", "modelId": "x"}]}
        lake.file("model.json", json.dumps(model).encode())
        assert discover(LOCAL, lake.folder) == {}
        self.refused(lake, "only a reference to another model")

    @pytest.mark.parametrize("name", ["x.csv.snappy", "x.zip", "x.csv.bz2", "x.CSV.ZST", "x.deflate"])
    def test_files_that_are_packed_otherwise(self, lake: CdmSample, name: str) -> None:
        lake.file(f"Gold/{name}", b"x")
        lake.entity("Gold", COLUMNS, [lake.partition(f"Gold/{name}")])
        self.refused(lake, "an unsupported compression", name, "as CSV, plain or compressed with gzip")

    @pytest.mark.parametrize(
        ("start", "words"),
        [
            (b"PK\x03\x04", "zip archive"),
            (b"\xff\x06\0\0sNaPpY", "compressed with Snappy"),
            (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
            (b"\x04\x22\x4d\x18", "compressed with LZ4"),
            (b"BZh91AY&SY", "compressed with bzip2"),
        ],
    )
    def test_files_that_are_packed_otherwise_under_a_plain_name(
        self, lake: CdmSample, start: bytes, words: str
    ) -> None:
        lake.file("Gold/x.csv", start + b"Id,Email" * 9)
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv")])
        with pytest.raises(ConfigurationError, match=f"{words}.*, not CSV.*plain or compressed with gzip"):
            open_table(LOCAL, f"{lake.folder}/Gold").columns()

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (gzip.compress(b"1,x,y\n" * 9)[:-5], "is truncated"),
            (gzip.compress(b"1,x,y\n" * 9) + b"x", "something else follows"),
            (gzip.compress((b"1," + b"x" * 9_000 + b",y\n") * 8_000), "gzip bomb"),
            (gzip.compress(b"PAR1"), "is a Parquet file"),
        ],
        ids=["cut", "more behind it", "bomb", "Parquet"],
    )
    def test_gzip_that_is_damaged_or_too_much(self, lake: CdmSample, content: bytes, words: str) -> None:
        lake.file("Gold/x.csv.gz", content)
        lake.entity("Gold", COLUMNS, [lake.partition("Gold/x.csv.gz", Csv())])
        with pytest.raises(ConfigurationError, match=rf"x\.csv\.gz .*{words}.*Have the table written"):
            emails(open_table(LOCAL, f"{lake.folder}/Gold"))

    def test_two_models_with_one_name(self, lake: CdmSample, tmp_path: Path) -> None:
        lake.entity("Gold", COLUMNS, [])
        CdmSample(LOCAL, str(tmp_path / "Other")).entity("Gold", COLUMNS, [])
        faults = discover(LOCAL, str(tmp_path)).faults
        assert "'Gold' could be CustomerInsights_1/LakeExport/model.json/Gold" in faults["Gold"]


VALUES = st.text(alphabet="ab,;\"\n\r é\t'\\", max_size=6)


@pytest.mark.slow
@given(
    parts=st.lists(st.lists(st.tuples(VALUES, VALUES), max_size=6), max_size=3),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    header=st.booleans(),
    encoding=st.sampled_from(["UTF-8", "UTF-16", "latin-1"]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_read_back(
    tmp_path: Path, parts: Sequence[Sequence[tuple[str, str]]], delimiter: str, header: bool, encoding: str
) -> None:
    lake = CdmSample(LOCAL, str(tmp_path / "LakeExport"))
    rows = [[{"Id": "1", "Name": name, "Email": email} for name, email in part] for part in parts]
    lake.run(
        "Gold", ("Id", "Name", "Email"), rows, "2026/11/22/0215", Csv(header, delimiter, encoding=encoding)
    )
    table = open_table(LOCAL, f"{lake.folder}/Gold")
    assert emails(table) == [row["Email"] for part in rows for row in part]


@pytest.mark.azurite
def test_on_azure_storage(lake_container: Any) -> None:
    folder = f"{lake_container.name}/CustomerInsights_1/LakeExport"
    lake = CdmSample(lake_container.filesystem, folder, f"https://acme.dfs.core.windows.net/{folder}")
    lake.run("Gold", COLUMNS, [people(1)], "2026/11/21/0215")
    lake.run("Gold", COLUMNS, [people(2), people(3, 4)], "2026/11/22/0215")
    lake.entity("Nobody", COLUMNS, [])
    found = discover(lake_container.filesystem, f"{lake_container.name}/CustomerInsights_1")
    assert found == {name: f"{folder}/model.json/{name}" for name in ("Gold", "Nobody")}
    for path in (found["Gold"], f"{folder}/Gold"):
        table = open_table(lake_container.filesystem, path)
        assert emails(table) == addresses(2, 3, 4)
        assert table.location == f"abfs://{folder}/model.json/Gold"
    assert open_table(lake_container.filesystem, f"{folder}/Nobody").profiles() == 0
    lake.entity("Gold", COLUMNS, [lake.partition("Gold/gone.csv")])
    with pytest.raises(ConfigurationError, match="a file that does not exist: abfs://"):
        open_table(lake_container.filesystem, found["Gold"])
