"""`model.json`: all entities of a folder in one file (documented: model-json; `tables` is its newer key)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from customer_match.tables.cdm.entity import Entity, FileSettings, Partition, unusable

__all__ = ["entities_of", "entity_of"]

_REWRITE = "Have the model written again."


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Settings(_Part):
    kind: str | None = Field(default=None, alias="$type")
    column_headers: bool | None = Field(default=None, alias="columnHeaders")
    delimiter: str | None = None
    quote_style: str | None = Field(default=None, alias="quoteStyle")
    encoding: str | None = None


class _Partition(_Part):
    location: str | None = None
    settings: _Settings | None = Field(default=None, alias="fileFormatSettings")


class _Attribute(_Part):
    name: str


class _Entity(_Part):
    kind: str | None = Field(default=None, alias="$type")
    name: str
    attributes: list[_Attribute] | None = None
    partitions: list[_Partition] | None = None


def entities_of(model: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]] | None:
    """Name and description of each entity; None if the JSON is not a model."""
    lists = [model[key] for key in ("entities", "tables") if isinstance(model.get(key), list)]
    if not lists:
        return None
    items = [item for items in lists for item in items if isinstance(item, dict)]
    return [(str(item["name"]), item) for item in items if item.get("name")]


def entity_of(item: Mapping[str, Any], where: str) -> Entity:
    """Read an entity.

    Args:
        item: Its description in the model.
        where: The model, for messages.

    Raises:
        ConfigurationError: The description is incomplete, or the entity belongs to another model.
    """
    name = str(item.get("name"))
    try:
        entity = _Entity.model_validate(item)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise unusable(where, name, f"has something unexpected at `{place}`", _REWRITE) from None
    if entity.kind == "ReferenceEntity":
        raise unusable(
            where, name, "is only a reference to another model", "Name that model's folder instead."
        )
    return Entity(
        name,
        tuple(attribute.name for attribute in entity.attributes) if entity.attributes else None,
        tuple(
            Partition(partition.location, _settings_of(partition.settings))
            for partition in entity.partitions or ()
            if partition.location  # documented: none means that there are no data, only columns
        ),
    )


def _settings_of(settings: _Settings | None) -> FileSettings:
    if settings is None:
        return FileSettings()
    kind = (settings.kind or "").lower()
    return FileSettings(
        parquet=True if "parquet" in kind else False if "csv" in kind else None,
        has_header=settings.column_headers,
        delimiter=settings.delimiter,
        quote_style=settings.quote_style,
        encoding=settings.encoding,
    )
