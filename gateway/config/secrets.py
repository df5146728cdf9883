"""Secrets: never in the configuration itself, only where one is found: an environment variable
or a file. They are held as `SecretStr`, which shows no value in a repr, a log or an error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    BeforeValidator,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from gateway.config.section import Section, Shape, problem

ENVIRON = "environ"
"""Where the environment is found in the context of a validation."""

_MAX_BYTES = 64 * 1024
_FORMS = "{ env: NAME } or { file: PATH }"
_KINDS = ("env", "file")


class SecretReference(Section):
    """Where a secret is found, of what is off or not in this version: it is not read."""

    env: str | None = None
    """The environment variable that holds it."""
    file: Path | None = None
    """The file that holds it; a line break at its end does not count."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise problem(f"must be {_FORMS}")
        return self


def read_secret(value: object, info: ValidationInfo) -> SecretStr:
    """The secret that `{env}` or `{file}` names; the words of its errors never hold a value."""
    if isinstance(value, SecretStr):
        return value
    kind, place = _reference(value)
    environ: Mapping[str, str] = (info.context or {}).get(ENVIRON, {})
    text = _from_environ(place, environ) if kind == "env" else _from_file(Path(place))
    if not text:
        raise problem(f"{_named(kind, place)} is empty: put the secret into it")
    return SecretStr(text)


def read_line(value: object, info: ValidationInfo) -> SecretStr:
    """A secret that goes into a header, so that it must be a single line."""
    secret = read_secret(value, info)
    if not secret.get_secret_value().isprintable():
        raise problem("the secret holds a line break or a control character: store it without")
    return secret


def read_text_or_line(value: object, info: ValidationInfo) -> SecretStr:
    """Plain text, which is no secret, or a secret of one line."""
    if isinstance(value, str):
        return SecretStr(value)
    if not isinstance(value, dict | SecretStr):
        raise problem(f"must be text in quotes, or {_FORMS}")
    return read_line(value, info)


def _reference(value: object) -> tuple[str, str]:
    if not isinstance(value, dict):
        raise problem(f"a secret is never written here: store it elsewhere and say {_FORMS}")
    named = [(kind, value[kind]) for kind in _KINDS if value.get(kind)]
    if len(named) != 1 or set(value) - set(_KINDS) or not isinstance(named[0][1], str):
        raise problem(f"must be {_FORMS}")
    return named[0]


def _named(kind: str, place: str) -> str:
    return f"environment variable {place}" if kind == "env" else f"file {place}"


def _from_environ(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise problem(f"{_named('env', name)} is not set: set it where the gateway starts")
    return environ[name]


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise problem(f"file {path} is over {_MAX_BYTES // 1024} KiB: is it the right one?")
        return content.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise problem(f"file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise problem(f"file {path} is not text in UTF-8: is it the right one?") from None


_SCHEMA: dict[str, Any] = {
    "type": "object",
    "oneOf": [
        {
            "properties": {kind: {"type": "string"}},
            "required": [kind],
            "additionalProperties": False,
        }
        for kind in _KINDS
    ],
}

UnreadSecret: TypeAlias = Annotated[SecretReference, WithJsonSchema(_SCHEMA), Shape("secret")]

Secret: TypeAlias = Annotated[
    SecretStr, BeforeValidator(read_line), WithJsonSchema(_SCHEMA), Shape("secret")
]
"""A secret of one line; read while the configuration is read."""

SecretDocument: TypeAlias = Annotated[
    SecretStr, BeforeValidator(read_secret), WithJsonSchema(_SCHEMA), Shape("secret")
]
"""A secret of many lines, such as a key in JSON."""

SecretOrText: TypeAlias = Annotated[
    SecretStr,
    BeforeValidator(read_text_or_line),
    WithJsonSchema({"anyOf": [{"type": "string"}, _SCHEMA]}),
    Shape("text or secret"),
]
"""The value of a header: plain, or a secret; held as one either way."""
