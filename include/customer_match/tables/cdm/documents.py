"""Finds the models of CDM folders, and reads their entities."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import fsspec

from customer_match.errors import ConfigurationError
from customer_match.storage.files import format_location, storage_faults
from customer_match.storage.paths import list_folder
from customer_match.tables.cdm import manifest, model_json
from customer_match.tables.cdm.entity import Entity
from customer_match.tables.documents import read_document
from customer_match.tables.inside import inside
from customer_match.tables.table import still_there

__all__ = ["MODEL", "Model", "model_in", "models_among", "read_model", "split_path"]

MODEL: Final = "model.json"
_MANIFEST: Final = ".manifest.cdm.json"
_DEFAULT: Final = "default.manifest.cdm.json"
_PATH: Final = re.compile(
    rf"(?P<document>(?:.*/)?(?:{re.escape(MODEL)}|[^/]+{re.escape(_MANIFEST)}))/(?P<entity>.+)"
)
_MAX_BYTES: Final = 64 * 2**20


@dataclass(frozen=True)
class Model:
    """A model.

    Attributes:
        filesystem: The file system.
        path: The model's file.
        entities: The description of each entity, by name.
    """

    filesystem: fsspec.AbstractFileSystem
    path: str
    entities: Mapping[str, Mapping[str, Any]]

    @property
    def folder(self) -> str:
        """The folder of the model."""
        return posixpath.dirname(self.path)

    @property
    def where(self) -> str:
        """The model's location, for messages."""
        return format_location(self.filesystem, self.path)

    def entity(self, name: str) -> Entity:
        """Read an entity.

        Raises:
            ConfigurationError: The entity does not exist, or its description is incomplete.
            TransientError: The storage failed.
        """
        if name not in self.entities:
            raise ConfigurationError(
                f"{self.where} has no entity {name!r}. It has: {', '.join(sorted(self.entities)) or 'none'}. Correct "
                "the segment's table or path in the export file."
            )
        item = self.entities[name]
        if posixpath.basename(self.path) == MODEL:
            return model_json.entity_of(item, self.where)
        return manifest.entity_of(item, self._columns(item), self.where)

    def _columns(self, item: Mapping[str, Any]) -> tuple[str, ...] | None:
        definition = manifest.definition_of(item)
        path = inside(self.filesystem, self.folder, definition[0]) if definition else None
        if definition is None or path is None:
            return None
        try:
            return manifest.columns_of(_json(self.filesystem, path), definition[1])
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self.where}: the file {format_location(self.filesystem, path)}, which defines the entity "
                f"{definition[1]!r}, is missing. Have the folder written again."
            ) from None


def split_path(path: str) -> tuple[str, str] | None:
    """Split a path like `folder/model.json/Entity` into model and entity; None if it has another form."""
    found = _PATH.fullmatch(path)
    return (found["document"], found["entity"]) if found else None


def models_among(files: Iterable[str]) -> dict[str, list[str]]:
    """Find the models among paths; returns them by folder.

    If a folder has several, `model.json` counts, otherwise the default manifest, otherwise every manifest.
    """
    folders: dict[str, list[str]] = {}
    for file in files:
        name = posixpath.basename(file)
        if name == MODEL or name.endswith(_MANIFEST):
            folders.setdefault(posixpath.dirname(file), []).append(file)
    return {folder: _choose_models(found) for folder, found in folders.items()}


def _choose_models(files: list[str]) -> list[str]:
    for name in (MODEL, _DEFAULT):
        if own := [file for file in files if posixpath.basename(file) == name]:
            return own
    return sorted(files)


def model_in(filesystem: fsspec.AbstractFileSystem, folder: str, entity: str) -> Model | None:
    """Find the model in a folder that has an entity of this name; None also if the folder may not be listed."""
    try:
        with storage_faults(format_location(filesystem, folder)):
            names = [str(info["name"]) for info in list_folder(filesystem, folder) if info["type"] == "file"]
    except (FileNotFoundError, ConfigurationError):  # a signature may be valid for the table's folder only
        return None
    for paths in models_among(names).values():
        for path in paths:
            model = read_model(filesystem, path)
            if model and entity in model.entities:
                return model
    return None


def read_model(filesystem: fsspec.AbstractFileSystem, path: str) -> Model | None:
    """Read a model; None if the file is JSON but not a model.

    Raises:
        ConfigurationError: The file is not JSON.
        TransientError: The storage failed, or the file has just disappeared.
    """
    where = format_location(filesystem, path)
    with still_there(where):
        content = _json(filesystem, path)
    if posixpath.basename(path) == MODEL:
        found = model_json.entities_of(content)
    else:
        found = manifest.entities_of(content)
        for name in manifest.manifests_beside(content) if found is not None else ():
            found = [*(found or ()), *_entities_beside(filesystem, path, name)]
    return None if found is None else Model(filesystem, path, _by_name(found, where))


def _entities_beside(
    filesystem: fsspec.AbstractFileSystem, path: str, name: str
) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """The entities of a manifest in the same folder that another manifest names."""
    beside = inside(filesystem, posixpath.dirname(path), name)
    if beside is None:
        return ()
    try:
        return manifest.entities_of(_json(filesystem, beside)) or ()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{format_location(filesystem, path)}: the manifest {format_location(filesystem, beside)}, whose tables "
            "belong to this one, is missing. Have the folder written again."
        ) from None


def _by_name(found: Iterable[tuple[str, Mapping[str, Any]]], where: str) -> dict[str, Mapping[str, Any]]:
    entities: dict[str, Mapping[str, Any]] = {}
    for name, item in found:
        if entities.setdefault(name, item) != item:
            raise ConfigurationError(
                f"{where} describes the entity {name!r} twice, each time in another way. Let the model be written "
                "again."
            )
    return entities


def _json(filesystem: fsspec.AbstractFileSystem, path: str) -> Mapping[str, Any]:
    where = format_location(filesystem, path)
    content = read_document(filesystem, path, _MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ConfigurationError(
            f"{where} is larger than {_MAX_BYTES // 2**20} MiB, too large for a model. Set `format` of the source in "
            "the export file if this folder is not a CDM folder."
        )
    try:
        value = json.loads(content.decode("utf-8-sig"))
        if b"\\ud" in content.lower():  # a lone surrogate, which no name of a file or column can contain
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"{where} contains invalid text: a lone surrogate (\\ud800 to \\udfff). Have it written again."
        ) from None
    except (ValueError, RecursionError):
        raise ConfigurationError(
            f"{where} is not whole JSON: truncated, damaged, or being written. Have it written again; or set "
            "`format` of the source in the export file if this folder is not a CDM folder."
        ) from None
    return value if isinstance(value, dict) else {}
