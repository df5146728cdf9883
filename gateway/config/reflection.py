"""The models as data: which keys a place can have, and what the documentation calls a type.

Pydantic's own paths hold, beside keys and indexes, the kinds of unions that are told apart by
`type`: ("backends", 0, "dicomweb", "auth", "basic", "password").
"""

import types
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from gateway.config.document import Path
from gateway.config.section import Section, Shape

Models: TypeAlias = list[type[Section]]


def sections_in(annotation: Any) -> Iterator[type[Section]]:
    """Every section that a value of this type may be or hold."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from sections_in(argument)


def all_sections(root: type[Section]) -> list[type[Section]]:
    """The section and all that may be below it, each once."""
    found = [root]
    for section in found:
        fields = section.model_fields.values()
        below = [each for field in fields for each in sections_in(field.annotation)]
        found += [each for each in dict.fromkeys(below) if each not in found]
    return found


def defaults_of(section: type[Section]) -> dict[str, Any]:
    """The keys that need not be given, and their values as they are written in the file."""
    return section.model_construct().model_dump(mode="json")


def file_path(root: type[Section], path: Path, *, unknown: bool = False) -> Path:
    """A path of pydantic as a path of the file; `unknown`: its last step is no key of ours."""
    models: Models = [root]
    steps: list[str | int] = []
    for step in path[:-1] if unknown else path:
        if isinstance(step, int) or not models or _fields(models, step):
            steps.append(step)
        models = _below(models, step)
    return (*steps, *path[-1:]) if unknown else tuple(steps)


def models_at(root: type[Section], path: Path) -> Models:
    """What a value may be at a path of pydantic; nothing where keys are free."""
    models: Models = [root]
    for step in path:
        models = _below(models, step)
    return models


def fields_at(root: type[Section], path: Path) -> list[FieldInfo]:
    """What is known of the key that a path of pydantic ends with."""
    return _fields(models_at(root, path[:-1]), path[-1])


def _fields(models: Models, key: str | int) -> list[FieldInfo]:
    return [model.model_fields[str(key)] for model in models if key in model.model_fields]


def _below(models: Models, step: str | int) -> Models:
    fields = _fields(models, step)
    if fields:
        return [section for field in fields for section in sections_in(field.annotation)]
    return [model for model in models if step in kinds_of(model)] or models


def keys_of(models: Models) -> list[str]:
    """The keys that a mapping can have that is one of these."""
    return sorted({key for model in models for key in model.model_fields})


def words_of(field: FieldInfo) -> list[str]:
    """The words that a key can be, in their order."""
    return _literals(field.annotation)


def _literals(annotation: Any) -> list[str]:
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return [str(each) for each in arguments]
    return [word for each in arguments for word in _literals(each)]


def example_of(field: FieldInfo) -> str:
    """One example as it is written on a line, or nothing."""
    return on_a_line(field.examples[0]) if field.examples else ""


def on_a_line(value: Any) -> str:
    """A value as YAML that fits behind its key."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")


def kinds_of(model: type[Section]) -> tuple[Any, ...]:
    """The values of its `type`, if it is one of several that are told apart by it."""
    kind = model.model_fields.get("type")
    return get_args(kind.annotation) if kind else ()


def shape_of(field: FieldInfo) -> str:
    """What a key takes, in words: `duration`, `true or false`, `list of host[:port]`."""
    own = [each.text for each in field.metadata if isinstance(each, Shape)]
    return own[-1] if own else _shape(field.annotation)


_PLAIN = {str: "text", float: "number", FilePath: "path"}


def _words(words: Iterable[object]) -> str:
    return ", ".join(f"`{each}`" for each in words)


def _shape(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        own = [each.text for each in arguments[1:] if isinstance(each, Shape)]
        return own[-1] if own else _shape(arguments[0])
    if origin is Literal:
        return _words(arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_shape(each) for each in arguments if each is not type(None))
    if origin is tuple:
        return f"list of {_shape(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _words(annotation)
    return _PLAIN.get(annotation, "mapping")
