"""Whatever is done to a finished trail is found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_match.audit.chain import Head, as_line, digest_of, head_of
from customer_match.audit.verification import TrailFile, Verdict, verify
from customer_match.project import PROJECT
from tests.customer_match.audit.trails import EXPORT, Heads, new_trail, run_through
from tests.memory_storage import MemoryStorage


def written(*runs: tuple[str, ...]) -> tuple[bytes, Head]:
    """The lines of some runs, each of which delivers some audiences, and the last entry."""
    storage, heads = MemoryStorage(), Heads()
    trail = new_trail(storage, heads)
    for number, audiences in enumerate(runs):
        run_through(trail, f"r{number}", *audiences)
    assert heads.head is not None
    return b"".join(storage.files[name] for name in sorted(storage.files)), heads.head


def verdict(content: bytes, known: Head | None = None) -> Verdict:
    return verify([TrailFile("trail", 1, content)], export=EXPORT, known=known)


RUNS = st.lists(st.lists(st.text(min_size=1, max_size=8), max_size=3).map(tuple), min_size=1, max_size=4)
SMALL = written(("Gold", "Größe"), ("Gold",))


def test_a_trail_is_sound() -> None:
    content, head = SMALL
    found = verdict(content, head)
    assert found.sound
    assert (found.entries, found.first, found.head) == (7, 1, head)


@given(RUNS)
def test_every_trail_is_sound(runs: list[tuple[str, ...]]) -> None:
    assert verdict(*written(*runs)).faults == ()


@pytest.mark.parametrize("change", [0x01, 0x20, 0x80, 0xFF])
def test_any_single_changed_byte(change: int) -> None:
    """Every byte of a trail; also without the last entry being known."""
    content, _ = SMALL
    unseen = []
    for place, byte in enumerate(content):
        changed = content[:place] + bytes([byte ^ change]) + content[place + 1 :]
        if verdict(changed).sound:
            unseen.append(place)
    assert unseen == []


@given(RUNS, st.data())
def test_any_byte_of_any_trail_changed_to_any_other(runs: list[tuple[str, ...]], data: st.DataObject) -> None:
    content, head = written(*runs)
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda one: one != content[place]))
    assert not verdict(content[:place] + bytes([other]) + content[place + 1 :], head).sound


@given(RUNS, st.data())
def test_any_byte_removed_or_added(runs: list[tuple[str, ...]], data: st.DataObject) -> None:
    content, head = written(*runs)
    place = data.draw(st.integers(0, len(content) - 1))
    assert not verdict(content[:place] + content[place + 1 :], head).sound
    added = bytes([data.draw(st.integers(0, 255))])
    assert not verdict(content[:place] + added + content[place:], head).sound


@given(RUNS, st.data())
def test_any_lines_removed(runs: list[tuple[str, ...]], data: st.DataObject) -> None:
    content, head = written(*runs)
    lines = content.splitlines(keepends=True)
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    assert not verdict(b"".join(lines[:start] + lines[end:]), head).sound


@given(RUNS, st.data())
def test_any_two_lines_exchanged(runs: list[tuple[str, ...]], data: st.DataObject) -> None:
    content, head = written(*runs)
    lines = content.splitlines(keepends=True)
    one, other = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    if one == other:
        return
    lines[one], lines[other] = lines[other], lines[one]
    assert not verdict(b"".join(lines), head).sound


class TestMessages:
    """They say which line, and what is wrong with it."""

    LINES = SMALL[0].splitlines(keepends=True)

    def faults(self, *lines: bytes, known: Head | None = None) -> tuple[str, ...]:
        return verdict(b"".join(lines), known).faults

    def test_a_changed_line(self) -> None:
        changed = self.LINES[1].replace(b'"members":3', b'"members":4')
        [fault] = self.faults(self.LINES[0], changed, *self.LINES[2:])
        assert fault == "trail, line 2: entry 2 does not match its hash: it was changed"

    def test_a_changed_line_whose_hash_was_computed_again(self) -> None:
        entry = {**json.loads(self.LINES[1]), "members": 4}
        forged = as_line({**entry, "hash": digest_of(entry)}) + b"\n"
        [fault] = self.faults(self.LINES[0], forged, *self.LINES[2:])
        assert fault.startswith("trail, line 3: entry 3 does not follow the entry before it")

    def test_everything_after_a_change_was_computed_again(self) -> None:
        """Only an entry that is known from elsewhere finds that."""
        other, _ = written(("Gold", "Silver"), ("Gold",))
        assert verdict(other).sound
        assert verdict(other, SMALL[1]).faults == (
            "Entry 7 is not the one that was written: the trail was made again",
        )

    def test_removed_lines(self) -> None:
        assert self.faults(*self.LINES[:2], *self.LINES[3:]) == (
            "trail, line 3: entry 3 is missing before entry 4",
        )
        assert self.faults(self.LINES[0], *self.LINES[3:]) == (
            "trail, line 2: entries 2 to 3 are missing before entry 4",
        )

    def test_a_removed_beginning(self) -> None:
        *_, fault = self.faults(*self.LINES[1:])
        assert fault == "trail, line 1: entry 1 is missing before entry 2"

    def test_a_repeated_line(self) -> None:
        [fault] = self.faults(*self.LINES[:2], self.LINES[1], *self.LINES[2:])
        assert fault == "trail, line 3: entry 2 comes after entry 2: lines were moved, repeated or added"

    @pytest.mark.parametrize("kept", range(7))
    def test_a_cut_off_end(self, kept: int) -> None:
        head = SMALL[1]
        end = f"ends at entry {kept}" if kept else "has no entry"
        [fault] = (
            self.faults(*self.LINES[:kept], known=head)
            if kept
            else verify([], export=EXPORT, known=head).faults
        )
        assert fault == f"The trail {end}, but entry 7 is known to have been written: the end was cut off"

    @pytest.mark.parametrize(
        "foreign",
        [
            b"nothing\n", b"[]\n", b"\n", b"\xff\n", b"[" * 100_000 + b"\n", b'{"sequence":true}\n',
            b'{"hash":"h","previous":null,"sequence":0}\n', b'{"hash":"h","sequence":1}\n',
        ],
    )  # fmt: skip
    def test_a_foreign_line(self, foreign: bytes) -> None:
        first, *_ = self.faults(foreign, *self.LINES)
        assert first == "trail, line 1: this is not an entry: it was changed, or something else wrote it"

    @pytest.mark.parametrize(
        ("written", "other"), [(b'"aid":', b'"aid": '), (b"maria", b"mari\\u0061"), (b"{", b'{"aid":"1",')]
    )
    def test_a_line_that_means_the_same(self, written: bytes, other: bytes) -> None:
        """A space, another spelling, and a key that the second one of its name replaces."""
        changed = self.LINES[0].replace(written, other, 1)
        assert changed != self.LINES[0]
        [fault] = self.faults(changed, *self.LINES[1:])
        assert fault == "trail, line 1: entry 1 does not match its hash: it was changed"

    def test_half_of_a_pair_of_surrogates(self) -> None:
        changed = self.LINES[0].replace(b"maria", b"\\ud800")
        [fault] = self.faults(changed, *self.LINES[1:])
        assert "entry 1 does not match its hash" in fault

    def test_an_unfinished_line(self) -> None:
        assert self.faults(*self.LINES, b"x") == ("trail, line 8: the end of the line is missing",)

    def test_an_entry_of_another_export(self) -> None:
        found = verify([TrailFile("trail", 1, SMALL[0])], export="Autumn", known=None).faults
        assert found[0] == "trail, line 1: entry 1 belongs to another export"

    def test_a_renamed_file(self) -> None:
        found = verify([TrailFile("0000000009", 9, SMALL[0])], export=EXPORT).faults
        assert found == (
            "0000000009, line 1: the name of the file is that of entry 9, but the line is entry 1",
        )


def test_what_the_document_shows_finds_a_change_without_this_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (PROJECT / "docs" / "audit.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("trail.jsonl").write_bytes(SMALL[0])
    exec(compile(code, "audit.md", "exec"), {})
    Path("trail.jsonl").write_bytes(SMALL[0].replace(b'"members":3', b'"members":4', 1))
    with pytest.raises(AssertionError):
        exec(compile(code, "audit.md", "exec"), {})


def test_entries_after_the_known_one_are_no_fault() -> None:
    """Programs without access to Airflow append entries too."""
    content, _ = SMALL
    third = head_of(content.splitlines()[2])
    assert verdict(content, third).sound
