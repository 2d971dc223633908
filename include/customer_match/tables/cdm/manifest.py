"""`*.manifest.cdm.json`: entities, each described in a file of its own (documented: cdm-manifest)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from customer_match.tables.cdm.entity import Entity, FileSettings, Partition, Pattern, unusable

__all__ = [
    "columns_of",
    "definition_of",
    "entities_of",
    "entity_of",
    "is_reference",
    "manifests_beside",
]

_CSV: Final = "is.partition.format.CSV"
_PARQUET: Final = "is.partition.format.parquet"
_REWRITE: Final = "Have the manifest written again."


def entities_of(manifest: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]] | None:
    """Name and description of each entity; None if the JSON is not a manifest."""
    items = manifest.get("entities")
    if not isinstance(items, list):
        return None
    found = [item for item in items if isinstance(item, dict)]
    return [(str(item["entityName"]), item) for item in found if item.get("entityName")]


def manifests_beside(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The sub-manifests in the manifest's own folder; those in other folders are models of their own."""
    items = manifest.get("subManifests")
    named = (
        [item.get("definition") for item in items if isinstance(item, dict)]
        if isinstance(items, list)
        else []
    )
    return tuple(
        name.removeprefix("./")
        for name in named
        if isinstance(name, str) and "/" not in name.removeprefix("./")
    )


def definition_of(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """File and name of an entity's definition: `Account.cdm.json/Account` is the entity `Account` in that file.

    A path with a name space (`local:/…`) begins at the manifest's folder; one of another name space is None.
    """
    path = item.get("entityPath") or item.get("entitySchema")  # the older name
    space, colon, rest = str(path or "").rpartition(":")
    file, end, name = rest.rpartition(".cdm.json/")
    if not end or (colon and space != "local"):
        return None
    return f"{file.lstrip('/')}.cdm.json", name


def columns_of(document: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """The columns of an entity, from the file that defines it; None if some are defined in other files."""
    definitions = document.get("definitions")
    for definition in definitions if isinstance(definitions, list) else ():
        if isinstance(definition, dict) and definition.get("entityName") == name:
            names = list(_attributes(definition.get("hasAttributes")))
            return None if None in names or not names else tuple(str(found) for found in names)
    return None


def entity_of(item: Mapping[str, Any], columns: tuple[str, ...] | None, where: str) -> Entity:
    """Read an entity.

    Args:
        item: Its description in the manifest.
        columns: Its columns, from its definition.
        where: The manifest, for messages.

    Raises:
        ConfigurationError: The description is incomplete, or changes are kept apart from the data.
    """
    name = str(item.get("entityName"))
    if is_reference(item):
        raise unusable(
            where, name, "is only a reference to another model", "Name that model's folder instead."
        )
    if item.get("incrementalPartitions") or item.get("incrementalPartitionPatterns"):
        raise unusable(
            where,
            name,
            "keeps changes in partitions of their own, which cannot be applied here",
            "Let what writes it write whole tables, or a Delta table.",
        )
    partitions = tuple(_partition(part, where, name) for part in _list(item, "dataPartitions", where, name))
    patterns = tuple(
        _pattern(part, where, name) for part in _list(item, "dataPartitionPatterns", where, name)
    )
    return Entity(name, columns, partitions, patterns)


def is_reference(item: Mapping[str, Any]) -> bool:
    """Whether an entity is only a reference to another model (documented: ReferencedEntity)."""
    return item.get("type") == "ReferencedEntity"


def _attributes(items: Any) -> Iterator[str | None]:
    for item in items if isinstance(items, list) else ():
        group = item.get("attributeGroupReference") if isinstance(item, dict) else None
        if isinstance(group, dict):
            yield from _attributes(group.get("members"))
        else:
            yield item.get("name") if isinstance(item, dict) else None


def _list(item: Mapping[str, Any], key: str, where: str, name: str) -> list[Mapping[str, Any]]:
    parts = item.get(key) or []
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise unusable(where, name, f"has something unexpected at `{key}`", _REWRITE)
    return parts


def _partition(part: Mapping[str, Any], where: str, name: str) -> Partition:
    if not isinstance(part.get("location"), str):
        raise unusable(where, name, "has a partition without a `location`", _REWRITE)
    return Partition(part["location"], _settings(part))


def _pattern(part: Mapping[str, Any], where: str, name: str) -> Pattern:
    glob, regex = part.get("globPattern"), part.get("regularExpression")
    if not (isinstance(glob, str) or isinstance(regex, str)):
        raise unusable(where, name, "has a pattern of partitions without a pattern", _REWRITE)
    return Pattern(str(part.get("rootLocation") or ""), glob, regex, _settings(part))


def _settings(part: Mapping[str, Any]) -> FileSettings:
    """The settings in a partition's traits; each trait is a name, or has arguments."""
    traits = part.get("exhibitsTraits") or part.get("traits") or []
    named = {_trait_name(trait): trait for trait in traits if isinstance(traits, list)}
    if _PARQUET in named:
        return FileSettings(parquet=True)
    if _CSV not in named:
        return FileSettings()
    said = _arguments(named[_CSV])
    return FileSettings(
        parquet=False,
        has_header=said.get("columnHeaders", "").lower() == "true",
        delimiter=said.get("delimiter"),
        quote_style=said.get("quoteStyle"),
        encoding=said.get("encoding"),
        escape=said.get("escape"),
    )


def _trait_name(trait: Any) -> str:
    return str(trait.get("traitReference")) if isinstance(trait, dict) else str(trait)


def _arguments(trait: Any) -> dict[str, str]:
    arguments = trait.get("arguments") if isinstance(trait, dict) else None
    items = arguments if isinstance(arguments, list) else []
    return {str(item.get("name")): str(item.get("value")) for item in items if isinstance(item, dict)}
