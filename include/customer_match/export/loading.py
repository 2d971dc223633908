"""Find, read and check export files. A wrong file reports its problems and does not affect the others."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from customer_match.errors import ConfigurationError
from customer_match.export.base import KeyPath
from customer_match.export.model import Export, ExportOfTask
from customer_match.export.problems import path_in_file, problems_of
from customer_match.export.shared_audiences import shared_audiences
from customer_match.export.sources import BASE
from customer_match.export.values import PARSE_CONDITIONS
from customer_match.export.yaml_document import Document, Problem, key_text, read_document
from customer_match.project import PROJECT
from customer_match.redaction import holds_address, without_addresses

__all__ = [
    "BrokenExport",
    "InvalidExport",
    "Problem",
    "export_files",
    "export_of_task",
    "load_export",
    "load_exports",
    "load_files",
    "read_export",
    "reject_shared",
    "reject_where",
]

E = TypeVar("E", bound=Export)


class InvalidExport(ConfigurationError):
    """An export file is not valid; the message has one line per problem.

    Args:
        file: Name of the file.
        problems: Its problems, in the order of the file.
    """

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self._describe(problem) for problem in self.problems)

    def _describe(self, problem: Problem) -> str:
        line = f"line {problem.line}" if problem.line else ""
        where = ", ".join(part for part in (self.file, line, problem.key) if part)
        return f"{where}: {problem.message}" + ("" if problem.message.endswith("?") else ".")


@dataclass(frozen=True)
class BrokenExport:
    """A file that is not a valid export. It still gets a DAG, which shows the reason.

    Attributes:
        path: The file.
        name: A DAG id that no other file of the folder has: the name in the file if it is readable.
        error: What is wrong.
    """

    path: Path
    name: str
    error: InvalidExport

    @property
    def error_message(self) -> str:
        """What is wrong, one line per problem."""
        return str(self.error)


def load_export(path: Path, *, base: Path = PROJECT) -> Export:
    """Read an export file.

    Args:
        path: The file.
        base: The folder in which its relative local folders begin.

    Raises:
        InvalidExport: The file cannot be read or is not valid. The error has all problems.
    """
    return _validate(path, _read(path), {BASE: base}, Export)


def read_export(
    path: Path,
    raw: bytes,
    *,
    parse_conditions: bool = False,
    others: Sequence[Export] = (),
    base: Path = PROJECT,
) -> Export:
    """Read the content of an export file that is not written yet.

    Args:
        path: The file that it will be; its name is the export's name unless the content has one.
        raw: The content.
        parse_conditions: As for `load_files`.
        others: Exports with which it must not share an audience, as in `reject_shared`.
        base: The folder in which its relative local folders begin.

    Raises:
        InvalidExport: It is not valid. The error has all problems.
    """
    document = read_document(raw)
    export = _validate(path, document, {PARSE_CONDITIONS: parse_conditions, BASE: base}, Export)
    if problems := _problems_of_sharing(export, others, document):
        raise InvalidExport(path.name, problems)
    return export


def export_of_task(values: Mapping[str, object], origin: str, *, base: Path = PROJECT) -> ExportOfTask:
    """An export that has no file, from its keys and values.

    Args:
        values: As an export file has them; `name` is required.
        origin: Where they come from, for messages.
        base: The folder in which relative local folders begin.

    Raises:
        InvalidExport: They are not valid. The error has all problems.
    """
    context = {PARSE_CONDITIONS: True, BASE: base}
    return _validate(Path(origin), Document(values=dict(values)), context, ExportOfTask)


def load_exports(
    folder: Path, *, parse_conditions: bool = False, base: Path = PROJECT
) -> list[Export | BrokenExport]:
    """Read all export files of a folder, in the order of their names; the other arguments are those of `load_files`.

    Raises:
        ConfigurationError: The folder does not exist. A broken file does not raise: it becomes a BrokenExport.
    """
    return load_files(export_files(folder), parse_conditions=parse_conditions, base=base)


def export_files(folder: Path) -> list[Path]:
    """The export files (`*.yaml`, `*.yml`) of a folder, in the order of their names.

    Hidden files are ignored: editors leave them behind.

    Raises:
        ConfigurationError: The folder does not exist.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"{folder}: this folder does not exist. Create it and put export files (*.yaml) in it."
        )
    files = (path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    return sorted(path for path in files if not path.name.startswith("."))


def load_files(
    paths: Sequence[Path], *, parse_conditions: bool = False, base: Path = PROJECT
) -> list[Export | BrokenExport]:
    """Read export files, one result per file. No two files of a folder may have the same name.

    With `parse_conditions`, an invalid condition is a problem as well. Without it, the tasks of a run are the first to
    report one: the reading of the DAGs must not load the library that parses SQL.

    If several files have the same `name`, the one whose file has that name too (`autumn.yaml`) keeps it and the others
    are broken. If that is true for none or for several of them, all are broken: it is unclear which one is meant, and
    sending the wrong segments is worse than sending none.
    """
    context = {PARSE_CONDITIONS: parse_conditions, BASE: base}
    loaded = [_load(path, context) for path in paths]
    for index, others in _name_conflicts(paths, loaded).items():
        loaded[index] = _reject_name(paths[index], others)
    taken = {result.name for result in loaded if isinstance(result, Export)}
    return [
        result if isinstance(result, Export) else replace(result, name=_free_name(result, taken))
        for result in loaded
    ]


def reject_shared(
    paths: Sequence[Path], results: Sequence[Export | BrokenExport]
) -> list[Export | BrokenExport]:
    """Mark results as broken if another export of the same folder also writes to one of their audiences.

    Runs do not check this. The ledger and the mark of an audience state to which export it belongs, and a run of the
    other export is rejected there. So a new file never stops an old one.
    """
    known = {
        folder: [one for one in load_exports(folder) if isinstance(one, Export)]
        for folder in {path.parent for path in paths}
    }
    return [
        _reject_if_shared(path, result, known[path.parent]) if isinstance(result, Export) else result
        for path, result in zip(paths, results, strict=True)
    ]


def reject_where(
    paths: Sequence[Path],
    results: Sequence[Export | BrokenExport],
    faults_of: Callable[[Export], Iterable[tuple[KeyPath, str]]],
) -> list[Export | BrokenExport]:
    """Mark results as broken if a check that needs more than the files finds something.

    Args:
        paths: The files.
        results: What was read from them.
        faults_of: Yields the faults of an export, each with the path to its key and the remedy.
    """
    return [
        _reject_for(path, result, faults)
        if isinstance(result, Export) and (faults := list(faults_of(result)))
        else result
        for path, result in zip(paths, results, strict=True)
    ]


def _reject_for(path: Path, export: Export, faults: Sequence[tuple[KeyPath, str]]) -> BrokenExport:
    document = _read(path)
    written = [(path_in_file(keys, document.values), message) for keys, message in faults]
    problems = [Problem(document.line(keys), key_text(keys), message) for keys, message in written]
    return BrokenExport(path, export.name, InvalidExport(path.name, problems))


def _reject_if_shared(path: Path, export: Export, others: Sequence[Export]) -> Export | BrokenExport:
    problems = _problems_of_sharing(export, others, _read(path))
    return BrokenExport(path, export.name, InvalidExport(path.name, problems)) if problems else export


def _problems_of_sharing(export: Export, others: Sequence[Export], document: Document) -> list[Problem]:
    return [
        Problem(document.line(shared.key), key_text(shared.key), str(shared))
        for shared in shared_audiences(export, others)
    ]


def _read(path: Path) -> Document:
    try:
        return read_document(path.read_bytes())
    except OSError as error:
        message = f"cannot be read ({error.strerror}). Check that the file exists and is readable"
        return Document(problems=(Problem(None, "", message),))


def _validate(path: Path, document: Document, context: Mapping[str, Any], model: type[E]) -> E:
    if document.values is None:
        raise InvalidExport(path.name, document.problems)
    try:
        export = model.model_validate({"name": path.stem, **document.values}, context=context)
    except ValidationError as error:
        # Without the cause, because its text repeats the values.
        raise InvalidExport(path.name, problems_of(error, document)) from None
    if document.problems:
        raise InvalidExport(path.name, document.problems)
    return export


def _load(path: Path, context: Mapping[str, Any]) -> Export | BrokenExport:
    document = Document()
    try:
        document = _read(path)
        return _validate(path, document, context, Export)
    except InvalidExport as error:
        broken = error
    except Exception as error:  # noqa: BLE001 (no file may stop the others)
        message = (
            f"cannot be checked ({type(error).__name__}). Simplify the file, and please report this error"
        )
        broken = InvalidExport(path.name, [Problem(None, "", message)])
    name = (document.values or {}).get("name")
    usable = (
        isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,240}", name) and not holds_address(name)
    )
    return BrokenExport(path, str(name) if usable else _slug(path.stem), broken)


def _name_conflicts(paths: Sequence[Path], loaded: Sequence[Export | BrokenExport]) -> dict[int, list[Path]]:
    """The indices of exports that must not keep their names, each with the other files of that name."""
    same: dict[tuple[Path, str], list[int]] = defaultdict(list)
    for index, result in enumerate(loaded):
        if isinstance(result, Export):
            same[paths[index].parent, result.name].append(index)
    conflicts = {}
    for (_, name), indices in same.items():
        keepers = [index for index in indices if paths[index].stem == name]
        for index in indices:
            if len(indices) > 1 and keepers != [index]:
                conflicts[index] = [paths[other] for other in indices if other != index]
    return conflicts


def _reject_name(path: Path, others: Sequence[Path]) -> BrokenExport:
    names = ", ".join(other.name for other in others)
    message = f"the name is also used by {names}, but it becomes the DAG id. Give each file its own `name`"
    problem = Problem(_read(path).line(("name",)), "name", message)
    return BrokenExport(path, _slug(path.name), InvalidExport(path.name, [problem]))


def _slug(text: str) -> str:
    """A DAG id made from a file's name, without addresses: they would stay readable (`anna_example.org`)."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", without_addresses(text))[:240]


def _free_name(broken: BrokenExport, taken: set[str]) -> str:
    file = _slug(broken.path.name)
    numbered = (f"{file}_{number}" for number in range(2, len(taken) + 3))
    name = next(name for name in (broken.name, file, *numbered) if name not in taken)
    taken.add(name)
    return name
