"""Read YAML text as plain values, each with its line, which the messages about an export file need.

The values are those of YAML 1.2's core schema (yaml.org, 10.3): text, whole numbers, numbers, true/false and
null, and nothing else. The YAML 1.1 rules of PyYAML would read a table named `No` as false, `0123` as 83 and
`12:30` as 750. Aliases and tags are rejected: a file this small does not need them.

ruamel.yaml 0.19.1 was tried and not adopted. With the same rules it took 260 lines instead of 241 and loaded the
demo's export 1,000 times in 2.1 s instead of 1.5 s. Its round-trip loader without these rules (169 lines, 2.8 s) failed
25 of the 414 tests of export files: it reads `0123` as 123 and a date as a date, accepts aliases and tags, and stops at
the first duplicate key without the line of the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from customer_match.export.base import KeyPath

__all__ = ["Document", "Problem", "key_text", "read_document", "root_node"]

MAX_BYTES: Final = 1 << 20
"""A larger file cannot be an export; typical ones have a few hundred bytes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in an export file.

    Attributes:
        line: Starting at 1; None if the problem concerns the whole file.
        key: Path of the value, such as `segments[1].audience`; empty if the problem concerns the whole file.
        message: What is wrong and what to do. It never repeats a value that may be a secret.
    """

    line: int | None
    key: str
    message: str


@dataclass(frozen=True)
class Document:
    """The content of a file.

    Attributes:
        values: The mapping; None if the file could not be read as one.
        lines: The line (starting at 1) of every value: the line of its key if it has one.
        problems: What is wrong with the YAML itself.
    """

    values: dict[str, object] | None = None
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def line(self, path: KeyPath) -> int | None:
        """The line of a value, or of the innermost value around it that the file has."""
        return next(
            (self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), None
        )


def key_text(path: KeyPath) -> str:
    """A path as text: `segments[1].audience`. Keys that are not plain words are not repeated."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if re.fullmatch(r"[\w-]{1,40}", step) else "…")
    return text


def read_document(raw: bytes) -> Document:
    """Read the content of a file. It never raises: what is wrong is in the document's problems."""
    try:
        node = _compose(raw)
    except _UnreadableError as fault:
        return Document(problems=(Problem(fault.line, "", fault.message),))
    builder = _Builder()
    values = builder.mapping(node, ())
    return Document(values, builder.lines, tuple(builder.problems))


def root_node(text: str) -> yaml.MappingNode:
    """The structure of a text that `read_document` reads without problems, with the place of each value."""
    return _compose(text.encode())


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
        raise _UnreadableError(None, "lists or mappings are nested too deeply. Remove brackets") from None
    if node is None:
        raise _UnreadableError(None, "the file is empty. Write an export; docs/export-file.md shows how")
    if not isinstance(node, yaml.MappingNode):
        raise _UnreadableError(_line(node), "the file is not a mapping. Write it as `key: value` lines")
    return node


def _decode(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise _UnreadableError(
            None, f"larger than {MAX_BYTES >> 20} MB, so it is not an export file. Remove it"
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _UnreadableError(line, "not UTF-8 text. Save the file as UTF-8") from None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


# --- Syntax ------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Reads the structure. Plain scalars get the tags of YAML 1.2's core schema."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's way of configuring a loader

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Reject aliases, which could also expand a small file to an enormous one."""
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

_CHARACTER: Final = (
    "a value starts with a character that has a special meaning in YAML. Put the value in quotes"
)
_INDENTATION: Final = (
    "a line that is not indented like the lines around it. Use the same indentation, or put a value of several lines "
    "that contains `: ` in quotes"
)
_SECOND_COLON: Final = (
    "a second `: ` on one line. Put a value that contains `: ` in quotes, or correct the indentation"
)
_SYNTAX: Final = (
    (
        "alias",
        'a value starts with `*`, which has a special meaning in YAML. Put the value in quotes: "* 5 * * *"',
    ),
    ("character '\\t'", "a tab, which YAML does not allow. Indent with spaces"),
    ("cannot start any token", _CHARACTER),
    ("an anchor", _CHARACTER),
    ("a tag", _CHARACTER),
    ("a directive", "a line starts with `%`, which has a special meaning in YAML. Remove the line"),
    ("mapping values are not allowed", _SECOND_COLON),
    ("another document", "a second `---`. Write one export per file"),
    (
        "escape character",
        "a backslash in double quotes. Use single quotes, where a backslash has no special meaning",
    ),
    ("simple key", "a line that is not `key: value`. Add a colon and a space after the key"),
    ("block scalar", "text after a `|` or `>`. Start the text on the next line, or put the value in quotes"),
    ("quoted scalar", "a quotation mark that is not closed. Close it"),
    ("flow", "a bracket or brace that is not closed. Close it"),
    ("sequence entries", "a list item in the wrong position. Start the list on the line after its key"),
    ("document start", "text that does not belong to the lines above. Indent it like the lines around it"),
    ("block", "a line that is not indented like the lines around it. Use the same indentation"),
)
"""Explanations of the most common messages of PyYAML; the first entry whose text occurs in a message applies."""


def _explain(error: yaml.YAMLError) -> tuple[int | None, str]:
    """The line and the message of a syntax error, without the text of the line, which PyYAML would quote."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return None, "not YAML: the file contains control characters. Save it as plain text"
    reported = f"{error.context or ''} {error.problem or ''}".strip()
    explained = next((text for part, text in _SYNTAX if part in reported), f"{reported}. Correct this line")
    opened = error.context_mark if re.search("quoted|flow|simple key", reported) else None
    mark = opened or error.problem_mark
    return mark.line + 1 if mark else None, f"not YAML: {_specific(explained, _before(error.problem_mark))}"


def _specific(explained: str, before: str) -> str:
    """Make an explanation fit the line: PyYAML tells a key that is indented too far as a second `: `.

    Args:
        explained: The explanation.
        before: The line up to the fault.
    """
    if explained == _SECOND_COLON and not re.search(r":\s", before):
        return _INDENTATION
    if key := re.match(r"[\s-]*([\w-]{1,40}):\s", before):
        return re.sub("^a value", f"the value of `{key[1]}`", explained)
    return explained


def _before(mark: yaml.Mark | None) -> str:
    """The text of a line up to a mark."""
    if mark is None or mark.buffer is None:
        return ""
    return mark.buffer[mark.pointer - mark.column : mark.pointer]


# --- Values ------------------------------------------------------------------------------------------------

_SCALARS: Final[Mapping[str, Callable[[str], object]]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
    "str": str,
}


class _Builder:
    """Converts nodes to values and records their lines and problems."""

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
                message = f"is a duplicate of the key in line {self.lines[below]}. Remove one of them"
                self.problems.append(Problem(_line(key_node), key_text(below), message))
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
            message = "has a YAML tag (`!…`), and tags are not supported. Remove it"
        except ValueError:
            message = "is a number that cannot be read. Put it in quotes if it is text"
        self.problems.append(Problem(_line(node), key_text(path), message))
        return None
