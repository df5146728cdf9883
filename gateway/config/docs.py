"""docs/configuration.md, made from the models: every key, what it takes, default and meaning."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_origin

import yaml
from pydantic.fields import FieldInfo

from gateway.config.backends import DicomWebBackendConfig
from gateway.config.docs_head import HEAD
from gateway.config.model import Config
from gateway.config.reflection import (
    defaults_of,
    example_of,
    kinds_of,
    on_a_line,
    sections_in,
    shape_of,
)
from gateway.config.section import Idle, Lacking, Section

_HEADER = "| key | takes | default | meaning |\n|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Row:
    """One key of a table."""

    path: str
    takes: str
    field: FieldInfo
    default: Any
    """As it is written."""
    mark: str


def configuration_docs() -> str:
    """The whole page, in Markdown."""
    sections = [
        _section(key, field) for key, field in Config.model_fields.items() if key != "version"
    ]
    return "\n\n".join([HEAD.strip(), *sections]) + "\n"


def _section(key: str, field: FieldInfo) -> str:
    model = next(sections_in(field.annotation))
    many = get_origin(field.annotation) is tuple
    parts = [
        f"## `{key}`",
        _one_line(field.description if many else model.__doc__),
        _mark(field),
        _block({key: [_backend()] if many else model().model_dump(mode="json")}),
        _table(_rows(model, "", "")),
        *_kinds(model, key),
    ]
    return "\n\n".join(part for part in parts if part)


def _backend() -> dict[str, Any]:
    """The least that must be given, and all that is then the default."""
    needed = {
        key: field.examples[0]
        for key, field in DicomWebBackendConfig.model_fields.items()
        if field.is_required() and field.examples
    }
    backend = DicomWebBackendConfig.model_validate({**needed, "type": "dicomweb"})
    return backend.model_dump(mode="json")


def _block(data: dict[str, Any]) -> str:
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=100)
    return f"```yaml\n{text.rstrip()}\n```"


def _rows(model: type[Section], prefix: str, mark: str) -> Iterator[Row]:
    """A row a key; sections below it are told key by key."""
    defaults = defaults_of(model)
    for key, field in model.model_fields.items():
        path, own = f"{prefix}{key}", _mark(field) or mark
        takes = shape_of(field)
        inside = list(sections_in(field.annotation)) if "mapping" in takes else []
        plain = field.annotation in inside
        if not plain:
            yield Row(path, takes, field, defaults.get(key), own)
        if len(inside) == 1:
            many = get_origin(field.annotation) is tuple
            yield from _rows(inside[0], f"{path}[]." if many else f"{path}.", own if plain else "")


def _kinds(model: type[Section], path: str) -> Iterator[str]:
    """A table a kind, for each key that takes one of several kinds."""
    for key, field in model.model_fields.items():
        kinds = list(sections_in(field.annotation))
        if len(kinds) > 1:
            yield f"### Kinds of `{path}.{key}`"
            yield from (_kind(kind) for kind in kinds)


def _kind(model: type[Section]) -> str:
    head = f"`type: {kinds_of(model)[0]}` {_one_line(model.__doc__)}"
    rows = [row for row in _rows(model, "", "") if row.path != "type"]
    return f"{head}\n\n{_table(iter(rows))}" if rows else head


def _table(rows: Iterator[Row]) -> str:
    return "\n".join([_HEADER, *(_row(row) for row in rows)])


def _row(row: Row) -> str:
    example = example_of(row.field)
    meaning = [
        _one_line(row.field.description),
        f"E.g. `{example}`." if example else "",
        row.mark,
    ]
    cells = (
        f"`{row.path}`",
        row.takes,
        _default(row),
        " ".join(each for each in meaning if each),
    )
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _default(row: Row) -> str:
    return "**required**" if row.field.is_required() else f"`{on_a_line(row.default)}`"


def _mark(field: FieldInfo) -> str:
    for each in field.metadata:
        if isinstance(each, Idle):
            return "*Does nothing in this version.*"
        if isinstance(each, Lacking):
            only = isinstance(each.off, str)
            return f"*Only `{each.off}` in this version.*" if only else "*Not in this version.*"
    return ""


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
