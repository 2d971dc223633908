"""Change values in the text of an export file; comments, order and spelling of everything else stay as they are.

Only the text of the changed values is replaced: the parser says where each value begins and ends. ruamel.yaml 0.19.1,
whose documents keep comments, was tried and not adopted: it attaches a comment to the value before it, so that the
comment above a key is lost together with the key before it; and it writes lists with an indentation of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple

import yaml

from customer_match.errors import ConfigurationError
from customer_match.export.yaml_document import read_document, root_node

__all__ = ["changed_text", "inline"]

_UNCHANGEABLE: Final = (
    "This file is written in a way that cannot be changed here without touching more than the values that you changed. "
    "Change it with a text editor."
)


class _Edit(NamedTuple):
    """Replace a piece of the text: from `start` up to `end`, in characters."""

    start: int
    end: int
    text: str


class _NotByLines(Exception):
    """A part of a mapping or list does not have lines of its own."""


def changed_text(text: str, values: Mapping[str, object]) -> str:
    """Change the values of an export file.

    Args:
        text: The file.
        values: All its values after the change, as `read_document` returns them.

    Raises:
        ConfigurationError: The file is not a YAML mapping, or is written in an unusual way.
    """
    document = read_document(text.encode())
    if document.values is None or document.problems:
        raise ConfigurationError("This file is not valid YAML. Correct it with a text editor first.")
    edits = _Writer(text).edits(root_node(text), document.values, dict(values))
    line_end = "\r\n" if "\r\n" in text else "\n"
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text.replace("\n", line_end) + text[edit.end :]
    written = read_document(text.encode())
    if written.problems or not _same(written.values, values):
        raise ConfigurationError(_UNCHANGEABLE)
    return text


def inline(value: object, *, flow: bool = False) -> str:
    """Write a value in one line, so that `read_document` reads it again.

    Args:
        value: The value.
        flow: Whether it is for a place between braces, where text cannot hold a comma without quotation marks.
    """
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=float("inf")
    )
    text = text.removesuffix("\n").removesuffix("\n...").removesuffix("\n")
    read = read_document((f"{{value: {text}}}" if flow else f"value: {text}").encode())
    is_read = not read.problems and "\n" not in text and _same(read.values, {"value": value})
    # JSON is YAML too. PyYAML writes by the rules of YAML 1.1, where `1e3` is text.
    return text if is_read else json.dumps(value, ensure_ascii=False)


def _same(one: object, other: object) -> bool:
    """Whether values are equal; other than in Python, `true` is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _named(item: object) -> str:
    """What tells the items of a list apart: the first value of a mapping, such as the table of a segment."""
    return str(next(iter(item.values()))) if isinstance(item, dict) and item else str(item)


@dataclass(frozen=True)
class _Writer:
    """Finds the edits of a text."""

    text: str

    def edits(self, node: yaml.Node, old: Any, new: Any, *, flow: bool = False) -> Iterator[_Edit]:
        """The edits that make `new` of `old`, which `node` is; `flow`: between braces."""
        if _same(old, new):
            return
        try:
            if isinstance(node, yaml.MappingNode) and isinstance(new, dict) and new and old:
                found = self._of_flow_mapping if node.flow_style else self._of_mapping
                yield from list(found(node, old, new))
                return
            if isinstance(node, yaml.SequenceNode) and isinstance(new, list) and new and not node.flow_style:
                yield from list(self._of_list(node, old, new))
                return
        except _NotByLines:
            pass
        yield self._replacement(node, new, flow=flow)

    def _replacement(self, node: yaml.Node, new: object, *, flow: bool) -> _Edit:
        start, end = node.start_mark.index, self._end(node)
        before = self.text[self._line_start(node) : start]
        # `key:` without a value; and a list may begin in the column of its key, where nothing else may.
        space = "  " if not before.strip() else "" if before.endswith(" ") else " "
        return _Edit(start, end, space + inline(new, flow=flow))

    def _of_flow_mapping(
        self, node: yaml.MappingNode, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Iterator[_Edit]:
        if set(old) - set(new):
            raise _NotByLines
        for key, value in node.value:
            yield from self.edits(value, old[key.value], new[key.value], flow=True)
        added = "".join(f", {key}: {inline(new[key], flow=True)}" for key in new if key not in old)
        end = self._end(node.value[-1][1])
        if added:
            yield _Edit(end, end, added)

    def _of_mapping(
        self, node: yaml.MappingNode, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Iterator[_Edit]:
        for key, value in node.value:
            if key.value in new:
                yield from self.edits(value, old[key.value], new[key.value])
            else:
                yield self._removal(key, value, before="")
        indent = " " * int(node.value[0][0].start_mark.column)
        added = [f"{indent}{key}: {inline(new[key])}\n" for key in new if key not in old]
        if added:
            yield self._insertion(node.value[-1][1], "".join(added))

    def _of_list(self, node: yaml.SequenceNode, old: Sequence[Any], new: Sequence[Any]) -> Iterator[_Edit]:
        items: list[yaml.Node] = node.value
        dash = " " * int(node.start_mark.column) + "- "
        named = [[_named(one) for one in values] for values in (old, new)]
        for _, first, last, begin, end in SequenceMatcher(
            None, named[0], named[1], autojunk=False
        ).get_opcodes():
            pairs = min(last - first, end - begin)
            for at in range(pairs):
                yield from self.edits(items[first + at], old[first + at], new[begin + at])
            for at in range(first + pairs, last):
                yield self._removal(items[at], items[at], before="-")
            added = "".join(f"{dash}{inline(one)}\n" for one in new[begin + pairs : end])
            if added and first + pairs:
                yield self._insertion(items[first + pairs - 1], added)
            elif added:
                start = self._own_line(items[0], before="-")
                yield _Edit(start, start, added)

    def _removal(self, first: yaml.Node, last: yaml.Node, *, before: str) -> _Edit:
        """Remove the lines of a key with its value, or of an item; `before` is all that may be before it."""
        return _Edit(self._own_line(first, before=before), self._line_end(last), "")

    def _insertion(self, after: yaml.Node, lines: str) -> _Edit:
        """Insert lines after those of a value."""
        end = self._line_end(after)
        is_complete = self.text[end - 1 : end] == "\n"
        return _Edit(end, end, lines if is_complete else f"\n{lines}")

    def _own_line(self, node: yaml.Node, *, before: str) -> int:
        """Where the line of a key or item begins, before which nothing else is in it."""
        start = self._line_start(node)
        if self.text[start : node.start_mark.index].strip() != before:
            raise _NotByLines
        return start

    def _line_start(self, node: yaml.Node) -> int:
        return self.text.rfind("\n", 0, node.start_mark.index) + 1

    def _line_end(self, node: yaml.Node) -> int:
        found = self.text.find("\n", self._end(node))
        return len(self.text) if found < 0 else found + 1

    def _end(self, node: yaml.Node) -> int:
        """Where the text of a value ends, without what follows it: PyYAML ends blocks where the next one begins."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(node, yaml.MappingNode) else last)
        start = int(node.start_mark.index)
        return start + len(self.text[start : node.end_mark.index].rstrip(" \t\r\n"))
