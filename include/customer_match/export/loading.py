"""Export files: found, read and checked; a file that is wrong says so and takes no other down."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from customer_match.errors import ConfigurationError
from customer_match.export.model import Export
from customer_match.export.problems import problems_of
from customer_match.export.shared_audiences import shared_audiences
from customer_match.export.values import PARSE_CONDITIONS
from customer_match.export.yaml_document import Document, Problem, key_text, read_document
from customer_match.redaction import holds_address, without_addresses

__all__ = [
    "BrokenExport",
    "InvalidExport",
    "Problem",
    "export_files",
    "load_export",
    "load_exports",
    "load_files",
    "refuse_shared",
]


class InvalidExport(ConfigurationError):
    """An export file is wrong; the message has a line for each of its problems.

    Args:
        file: Its name.
        problems: In the order of the file.
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
    """A file that is no export; it still gets a DAG, which tells why.

    Attributes:
        path: The file.
        name: A DAG id that no other file of the folder has; where it can be told, the file's own.
        error: What is wrong.
    """

    path: Path
    name: str
    error: InvalidExport

    @property
    def error_message(self) -> str:
        """What is wrong, a line for each problem."""
        return str(self.error)


def load_export(path: Path) -> Export:
    """Read an export file.

    Raises:
        InvalidExport: It cannot be read or is wrong; all problems at once.
    """
    return _validate(path, _read(path))


def load_exports(folder: Path, *, parse_conditions: bool = False) -> list[Export | BrokenExport]:
    """Read all export files of a folder, in the order of their names; `parse_conditions` as in `load_files`.

    Raises:
        ConfigurationError: The folder is not there. A broken file raises nothing: it is a BrokenExport.
    """
    return load_files(export_files(folder), parse_conditions=parse_conditions)


def export_files(folder: Path) -> list[Path]:
    """The export files (`*.yaml`, `*.yml`) of a folder, in the order of their names.

    Hidden files are left out: they are editors' leftovers.

    Raises:
        ConfigurationError: The folder is not there.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder. Create it and put export files (*.yaml) in it.")
    files = (path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    return sorted(path for path in files if not path.name.startswith("."))


def load_files(paths: Sequence[Path], *, parse_conditions: bool = False) -> list[Export | BrokenExport]:
    """Read export files, one result for each; no two of a folder may have the same name.

    With `parse_conditions` a condition that is no SQL is a problem as well. Else the run's tasks are the first to say
    so: reading the DAGs must not pay for the library that parses it.

    Of files with the same name, the one that is called so (`autumn.yaml`) keeps it and the others are
    broken. Where that is none or several, all are: nobody can tell which is meant, and to send the wrong
    segments is worse than to send none.
    """
    loaded = [_load(path, parse_conditions=parse_conditions) for path in paths]
    for index, rivals in _clashes(paths, loaded).items():
        loaded[index] = _refuse_name(paths[index], rivals)
    taken = {result.name for result in loaded if isinstance(result, Export)}
    return [
        result if isinstance(result, Export) else replace(result, name=_free_name(result, taken))
        for result in loaded
    ]


def refuse_shared(
    paths: Sequence[Path], results: Sequence[Export | BrokenExport]
) -> list[Export | BrokenExport]:
    """The results of files, with those as broken whose audiences another export of their folder has too.

    A run does not ask for this: whose the audience is stands in its ledger and in its mark, and the other one of the
    two is refused there. So a new file stops no old one.
    """
    known = {
        folder: [one for one in load_exports(folder) if isinstance(one, Export)]
        for folder in {path.parent for path in paths}
    }
    return [
        _refuse_if_shared(path, result, known[path.parent]) if isinstance(result, Export) else result
        for path, result in zip(paths, results, strict=True)
    ]


def _refuse_if_shared(path: Path, export: Export, others: Sequence[Export]) -> Export | BrokenExport:
    document = _read(path)
    problems = [
        Problem(document.line(shared.key), key_text(shared.key), str(shared))
        for shared in shared_audiences(export, others)
    ]
    return BrokenExport(path, export.name, InvalidExport(path.name, problems)) if problems else export


def _read(path: Path) -> Document:
    try:
        return read_document(path.read_bytes())
    except OSError as error:
        said = f"cannot be read ({error.strerror}). Check that the file is there and may be read"
        return Document(problems=(Problem(None, "", said),))


def _validate(path: Path, document: Document, *, parse_conditions: bool = False) -> Export:
    if document.values is None:
        raise InvalidExport(path.name, document.problems)
    try:
        export = Export.model_validate(
            {"name": path.stem, **document.values}, context={PARSE_CONDITIONS: parse_conditions}
        )
    except ValidationError as error:
        # Without its cause, whose text would repeat the values.
        raise InvalidExport(path.name, problems_of(error, document)) from None
    if document.problems:
        raise InvalidExport(path.name, document.problems)
    return export


def _load(path: Path, *, parse_conditions: bool) -> Export | BrokenExport:
    document = Document()
    try:
        document = _read(path)
        return _validate(path, document, parse_conditions=parse_conditions)
    except InvalidExport as error:
        broken = error
    except Exception as error:  # noqa: BLE001 (whatever one file does to us, the others go on)
        said = f"cannot be judged ({type(error).__name__}). Simplify it, and please report this"
        broken = InvalidExport(path.name, [Problem(None, "", said)])
    name = (document.values or {}).get("name")
    usable = (
        isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,240}", name) and not holds_address(name)
    )
    return BrokenExport(path, str(name) if usable else _slug(path.stem), broken)


def _clashes(paths: Sequence[Path], loaded: Sequence[Export | BrokenExport]) -> dict[int, list[Path]]:
    """The indices of exports that must not keep their names, each with the files that have it too."""
    same: dict[tuple[Path, str], list[int]] = defaultdict(list)
    for index, result in enumerate(loaded):
        if isinstance(result, Export):
            same[paths[index].parent, result.name].append(index)
    clashes = {}
    for (_, name), indices in same.items():
        keepers = [index for index in indices if paths[index].stem == name]
        for index in indices:
            if len(indices) > 1 and keepers != [index]:
                clashes[index] = [paths[other] for other in indices if other != index]
    return clashes


def _refuse_name(path: Path, rivals: Sequence[Path]) -> BrokenExport:
    names = ", ".join(rival.name for rival in rivals)
    said = f"{names} has the same name, and names become DAG ids. Give each file a `name` of its own"
    problem = Problem(_read(path).line(("name",)), "name", said)
    return BrokenExport(path, _slug(path.name), InvalidExport(path.name, [problem]))


def _slug(text: str) -> str:
    """A DAG id like a file's name, of which an address would stay readable (`anna_example.org`)."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", without_addresses(text))[:240]


def _free_name(broken: BrokenExport, taken: set[str]) -> str:
    file = _slug(broken.path.name)
    numbered = (f"{file}_{number}" for number in range(2, len(taken) + 3))
    name = next(name for name in (broken.name, file, *numbered) if name not in taken)
    taken.add(name)
    return name
