"""Finds export files for commands: by the name of the export, by the path of its file, or all of a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from customer_match.errors import ConfigurationError
from customer_match.project import exports_folder

if TYPE_CHECKING:
    from customer_match.export.loading import BrokenExport
    from customer_match.export.model import Export
    from customer_match.export.segments import Segment

__all__ = [
    "ExportArgument",
    "ExportFile",
    "complete_exports",
    "find_export",
    "find_export_file",
    "find_files",
]

_SUFFIXES: Final = (".yaml", ".yml")
_NAME: Final = re.compile(r"^name:\s*['\"]?([A-Za-z0-9_.-]+)", re.MULTILINE)


@dataclass(frozen=True)
class ExportFile:
    """A valid export, and the file that it was read from."""

    path: Path
    export: Export

    def place(self, key: str, segment: Segment | None = None) -> tuple[int | None, str]:
        """Find where the file has a key.

        Args:
            key: The key, such as `consent.column`; empty: that of the segment.
            segment: The segment that the key is about; its own keys take precedence over the export's.

        Returns:
            The line, or None, and the key as it is written in messages.
        """
        from customer_match.export.yaml_document import key_text, read_document  # noqa: PLC0415 - keeps --help quick

        steps: tuple[str | int, ...] = tuple(key.split(".")) if key else ("segments",)
        found = self.export.selection_of(segment) if segment else None
        if found and (not key or getattr(found[1], str(steps[0]), None) is not None):
            steps = ("segments", found[0], *(steps if key else ()))
        document = read_document(self.path.read_bytes())
        while len(steps) > 1 and steps not in document.lines:
            steps = steps[:-1]
        return document.line(steps), key_text(steps)

    def describe(self, error: ConfigurationError) -> str:
        """The message of an error, with the place of its key in the file."""
        if not error.key:
            return str(error)
        line, key = self.place(error.key)
        return f"{self.path.name}, line {line}, {key}: {error}" if line else str(error)


def find_export(name: str) -> Export:
    """As `find_export_file`, without the file."""
    return find_export_file(name).export


def find_export_file(given: str) -> ExportFile:
    """Find an export by its name in the folder of export files, or by the path of its file.

    Raises:
        ConfigurationError: There is none, or its file is not valid.
    """
    from customer_match.export.loading import BrokenExport, export_files, load_files  # noqa: PLC0415 - as above

    folder = Path(given).parent if _is_path(given) else exports_folder()
    wanted = Path(given).resolve() if _is_path(given) else None
    paths = export_files(folder) if folder.is_dir() or wanted is None else []
    if wanted and wanted not in [path.resolve() for path in paths]:
        paths = [*paths, Path(given)]
    results = load_files(paths, parse_conditions=True)
    for path, result in zip(paths, results, strict=True):
        if path.resolve() == wanted or (wanted is None and result.name == given):
            if isinstance(result, BrokenExport):
                raise result.error
            return ExportFile(path, result)
    raise _not_found(given, results)


def find_files(given: Sequence[str]) -> list[Path]:
    """Find export files by names, paths and folders, each file once; nothing given: all of the project.

    Raises:
        ConfigurationError: There is no export of a name, or a folder has no export file.
    """
    paths: dict[Path, Path] = {}
    for one in given or [str(exports_folder())]:
        paths.update((path.resolve(), path) for path in _files_of(one))
    return list(paths.values())


def complete_exports(incomplete: str) -> list[str]:
    """Names of exports that begin like this, for the completion of a shell. It parses no YAML, to be quick."""
    try:
        files = [path for path in exports_folder().iterdir() if path.suffix in _SUFFIXES]
        names = [(_NAME.findall(path.read_text(encoding="utf-8")) or [path.stem])[0] for path in files]
    except (OSError, UnicodeDecodeError):
        return []
    return sorted(name for name in names if name.startswith(incomplete))


ExportArgument = Annotated[
    str,
    typer.Argument(
        metavar="EXPORT", help="Name of the export, or path of its file.", autocompletion=complete_exports
    ),
]
"""The argument of commands that need one export."""


def _files_of(given: str) -> list[Path]:
    from customer_match.export.loading import export_files, load_files  # noqa: PLC0415 - as above

    path = Path(given)
    if path.is_dir() or path == exports_folder():
        if found := export_files(path):
            return found
        raise ConfigurationError(
            f"{given}: this folder contains no export files (*.yaml). Name another folder."
        )
    if path.exists() or _is_path(given):
        return [path]
    paths = export_files(exports_folder())
    results = load_files(paths)
    named = [path for path, result in zip(paths, results, strict=True) if result.name == given]
    if not named:
        raise _not_found(given, results)
    return named


def _is_path(given: str) -> bool:
    return "/" in given or given.endswith(_SUFFIXES)


def _not_found(given: str, results: Sequence[Export | BrokenExport]) -> ConfigurationError:
    names = [result.name for result in results]
    near = get_close_matches(given, names, 1)
    return ConfigurationError(
        f"There is no export {given!r} in {exports_folder()}{f' (did you mean {near[0]!r}?)' if near else ''}. "
        f"Exports: {', '.join(names) or 'none'}. Name one of them, or the path of an export file."
    )
