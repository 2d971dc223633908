import gzip
import io

import pytest
from isal import igzip

from customer_match.errors import ConfigurationError
from customer_match.tables.csv.streams import Gunzip, Transcoder


def unpacked(packed: bytes, size: int = -1) -> bytes:
    stream, content = Gunzip(io.BytesIO(packed), "a.csv.gz"), b""
    while more := stream.read(size):
        assert size < 0 or len(more) <= size
        content += more
    return content


class TestGunzip:
    @pytest.mark.parametrize("size", [-1, 1, 7, 4096])
    @pytest.mark.parametrize("members", [1, 3])
    @pytest.mark.parametrize("padding", [b"", b"\0" * 512])
    def test_members_are_read_one_after_another(self, size: int, members: int, padding: bytes) -> None:
        content = b"Id,Email\n" + b"1,x\n" * 300
        packed = padding.join([gzip.compress(content)] * members) + padding
        assert unpacked(packed, size) == content * members

    def test_a_member_may_be_empty(self) -> None:
        assert unpacked(gzip.compress(b"") + gzip.compress(b"x") + gzip.compress(b"")) == b"x"

    def test_a_read_gives_all_that_is_asked_for_however_small_the_members_are(self) -> None:
        stream = Gunzip(io.BytesIO(gzip.compress(b"ab") * 10), "a.csv.gz")
        assert [stream.read(15), stream.read(15), stream.read(15)] == [
            b"ab" * 7 + b"a",
            b"b" + b"ab" * 2,
            b"",
        ]

    def test_what_was_read_already_counts(self) -> None:
        packed = gzip.compress(b"Id,Email")
        rest = io.BytesIO(packed)
        assert Gunzip(rest, "a.csv.gz", rest.read(7)).read() == b"Id,Email"

    @pytest.mark.slow
    def test_large_members_are_read_in_pieces(self) -> None:
        content = b"".join(b"%d,x%d\n" % (i, i * i) for i in range(300_000))
        assert unpacked(gzip.compress(content, 1), 2**20) == content

    @pytest.mark.bad_input
    @pytest.mark.parametrize("kept", [2, 10, 0.5, 0.9, -1, -8])
    def test_a_truncated_gzip_file_is_refused(self, kept: float) -> None:
        packed = gzip.compress(b"".join(b"%d,x%d\n" % (i, i * i) for i in range(10_000)))
        cut = int(kept * len(packed)) if 0 < kept < 1 else int(kept)
        with pytest.raises(ConfigurationError, match=r"a\.csv\.gz is truncated.*written again"):
            unpacked(packed[:cut])

    @pytest.mark.bad_input
    def test_a_damaged_gzip_file_is_refused(self) -> None:
        packed = bytearray(gzip.compress(b"Id,Email\n" * 100))
        packed[-6] ^= 0xFF  # the checksum
        with pytest.raises(ConfigurationError, match="damaged, or its checksum is wrong"):
            unpacked(bytes(packed))

    @pytest.mark.bad_input
    def test_something_else_behind_it(self) -> None:
        with pytest.raises(ConfigurationError, match="something else follows"):
            unpacked(gzip.compress(b"x") + b"PK\x03\x04")

    @pytest.mark.bad_input
    def test_a_bomb_is_not_read_on(self) -> None:
        packed = io.BytesIO(igzip.compress(b"0" * 2**27))
        stream = Gunzip(packed, "a.csv.gz")
        assert all(len(stream.read(2**20)) == 2**20 for _ in range(32))
        with pytest.raises(ConfigurationError, match="gzip bomb"):
            list(iter(lambda: stream.read(2**20), b""))

    @pytest.mark.slow
    def test_a_well_packed_table_is_no_bomb(self) -> None:
        content = b"".join(b"%d,,,,,,\n" % i for i in range(1_500_000))
        assert len(unpacked(igzip.compress(content, 3))) == len(content)


class TestTranscoder:
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1", "shift_jis", "utf-8"])
    def test_whatever_the_sizes_of_reads(self, encoding: str) -> None:
        text = ("ü" if encoding == "latin-1" else "日本") * 999 + "\n"
        stream, read = Transcoder(io.BytesIO(text.encode(encoding)), encoding, "a.csv"), b""
        while more := stream.read(101):
            read += more
        assert read.decode() == text

    @pytest.mark.bad_input
    @pytest.mark.parametrize(
        ("content", "encoding", "line"),
        [
            (b"Id\n1\n\x81\n2\n", "cp1252", 3),
            ("a\nb\nc".encode("utf-16-be") + b"\xd8\x00\x00\x41", "utf-16-be", 3),
            ("a\nb".encode("utf-16-le") + b"\x00", "utf-16-le", 2),
            (b"\x81", "shift_jis", 1),
        ],
    )
    def test_a_fault_is_told_by_its_line(self, content: bytes, encoding: str, line: int) -> None:
        with pytest.raises(ConfigurationError, match=rf"a\.csv, line {line}: the text is not {encoding}"):
            Transcoder(io.BytesIO(content), encoding, "a.csv").read()
