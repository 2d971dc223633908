"""YAML text to plain values, with the line of each: what the messages about an export file need.

The values are those of YAML 1.2's core schema (yaml.org, 10.3): text, whole numbers, numbers, true/false and
null, and nothing else. PyYAML's own YAML 1.1 would read a table named `No` as false, `0123` as 83 and
`12:30` as 750. Aliases and tags are refused: a file this small needs none.

ruamel.yaml 0.19.1 was tried and not adopted: with the same rules it took 260 lines in place of 241 and loaded the
demo's export 1,000 times in 2.1 s in place of 1.5 s, and its round-trip loader without them (169 lines, 2.8 s) failed
25 of the 414 tests of export files, because it reads `0123` as 123 and a date as a date, lets aliases and tags pass,
and stops at the first duplicate key without the line of the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from customer_match.export.base import KeyPath

__all__ = ["Document", "Problem", "key_text", "read_document"]

MAX_BYTES: Final = 1 << 20
"""Size beyond which a file surely is no export; ours are a few hundred bytes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in an export file.

    Attributes:
        line: From 1; None where the whole file is meant.
        key: Way to the value, such as `segments[1].audience`; empty where the whole file is meant.
        message: What is wrong and what to do; repeats no value that may be a secret.
    """

    line: int | None
    key: str
    message: str


@dataclass(frozen=True)
class Document:
    """What a file says.

    Attributes:
        values: The mapping; None if the file could not be read as one.
        lines: The line (from 1) of every value; a key's line where the value has a key.
        problems: What is wrong with the YAML itself.
    """

    values: dict[str, object] | None = None
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def line(self, path: KeyPath) -> int | None:
        """The line of a value, or of the nearest thing around it that the file has."""
        return next(
            (self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), None
        )


def key_text(path: KeyPath) -> str:
    """A path as people read it: `segments[1].audience`. Keys that are no plain words are not repeated."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if re.fullmatch(r"[\w-]{1,40}", step) else "…")
    return text


def read_document(raw: bytes) -> Document:
    """Read a file's content; never raises: what is wrong is among the document's problems."""
    try:
        node = _compose(raw)
    except _UnreadableError as fault:
        return Document(problems=(Problem(fault.line, "", fault.message),))
    builder = _Builder()
    values = builder.mapping(node, ())
    return Document(values, builder.lines, tuple(builder.problems))


class _UnreadableError(Exception):
    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def _compose(raw: bytes) -> yaml.MappingNode:
    try:
        node = _Loader(_decode(raw)).get_single_node()
    except yaml.YAMLError as error:
        raise _UnreadableError(*_explain(error)) from None
    except RecursionError:
        raise _UnreadableError(None, "lists or mappings are nested far too deep. Remove brackets") from None
    if node is None:
        raise _UnreadableError(
            None, "the file is empty. Write an export into it; docs/export-file.md shows how"
        )
    if not isinstance(node, yaml.MappingNode):
        raise _UnreadableError(_line(node), "the file is no mapping. Write it as `key: value` lines")
    return node


def _decode(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise _UnreadableError(None, f"larger than {MAX_BYTES >> 20} MB: this is no export file. Remove it")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _UnreadableError(line, "not UTF-8 text. Save the file as UTF-8") from None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


# --- Syntax ------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Reads the structure; plain scalars get the tags of YAML 1.2's core schema."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's way of configuring a loader

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases, which could also make a small file explode."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # bare in types-PyYAML
            raise yaml.composer.ComposerError(None, None, "alias", mark)
        return super().compose_node(parent, index)


_TAG: Final = "tag:yaml.org,2002:"
for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), _first)

_CHARACTER: Final = "a value begins with a character that means something in YAML. Put it in quotes"
_SYNTAX: Final = (
    ("alias", 'a value begins with `*`, which means something else in YAML. Put it in quotes: "* 5 * * *"'),
    ("character '\\t'", "a tab. Indent with spaces: YAML allows no tabs"),
    ("cannot start any token", _CHARACTER),
    ("an anchor", _CHARACTER),
    ("a tag", _CHARACTER),
    ("a directive", "a line begins with `%`, which means something else in YAML. Remove it"),
    (
        "mapping values are not allowed",
        "a second `: `. Put a value that holds one in quotes, or indent alike",
    ),
    ("another document", "a second `---`. Write one export per file"),
    ("escape character", "a backslash in double quotes. Use single quotes, where it means itself"),
    ("simple key", "a line that is no `key: value`. Add the colon and a space behind it"),
    ("block scalar", "text behind a `|` or `>`. Begin it on the next line, or put the value in quotes"),
    ("quoted scalar", "a quote that is opened and not closed. Close it"),
    ("flow", "a bracket or brace that is opened and not closed. Close it"),
    ("sequence entries", "a list item where none may be. Begin the list in the line after its key"),
    ("document start", "text that does not belong to the lines above. Indent it like its neighbours"),
    ("block", "a line that is not indented like its neighbours. Indent them alike"),
)
"""What PyYAML's commonest messages (the first part that occurs in one decides) mean to people."""


def _explain(error: yaml.YAMLError) -> tuple[int | None, str]:
    """The line and the message of a syntax error; without the line's text, which PyYAML would quote."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return None, "not YAML: it holds control characters. Save it as plain text"
    said = f"{error.context or ''} {error.problem or ''}".strip()
    explained = next((text for part, text in _SYNTAX if part in said), f"{said}. Correct it")
    opened = error.context_mark if re.search("quoted|flow|simple key", said) else None
    mark = opened or error.problem_mark
    return mark.line + 1 if mark else None, f"not YAML: {explained}"


# --- Values ------------------------------------------------------------------------------------------------

_SCALARS: Final[Mapping[str, Callable[[str], object]]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
    "str": str,
}


class _Builder:
    """Turns nodes into values and notes lines and problems on the way."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            below = (*path, key)
            if key in values:
                said = f"is given a second time; first in line {self.lines[below]}. Remove one"
                self.problems.append(Problem(_line(key_node), key_text(below), said))
                continue
            self.lines[below] = _line(key_node)
            values[key] = self._value(value_node, below)
        return values

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str":
            return str(node.value)
        self.problems.append(Problem(_line(node), key_text(path), "a key must be text. Put it in quotes"))
        return None

    def _value(self, node: yaml.Node, path: KeyPath) -> object:
        self.lines.setdefault(path, _line(node))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        convert = _SCALARS.get(node.tag.removeprefix(_TAG))
        try:
            if convert is not None:
                return convert(node.value)
            message = "has a YAML tag (`!…`), and they are not used here. Remove it"
        except ValueError:
            message = "is a number that cannot be read. Put it in quotes if text is meant"
        self.problems.append(Problem(_line(node), key_text(path), message))
        return None
