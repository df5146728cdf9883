"""What all sections of the configuration have in common, and the marks a key can carry."""

from dataclasses import dataclass
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Section(BaseModel):
    """A frozen part of the configuration; the text below a key says what it means.

    A key that is left empty in the file is its default, as if it were not there.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        # A secret in the wrong place must not come back in the text of an error.
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, data: Any) -> Any:
        if data is None:
            return {}
        if isinstance(data, dict):
            return {k: v for k, v in data.items() if v is not None or k not in cls.model_fields}
        return data


@dataclass(frozen=True, slots=True)
class Shape:
    """How the documentation names a type."""

    text: str


@dataclass(frozen=True, slots=True)
class Idle:
    """Marks what is read and checked, and does nothing yet: changing it earns a warning."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """Marks what this version lacks: refused unless it is empty or equal to `off`."""

    off: object = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._judge, handler(source))

    def _judge(self, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            parsed = handler(value)
        except ValidationError:
            # What is inside of a refused section is not judged: nobody has to mend it first.
            if isinstance(value, dict | list) and value:
                raise not_in_this_version() from None
            raise
        if parsed and parsed != self.off:
            raise not_in_this_version(self.off)
        return parsed


def not_in_this_version(instead: object = None) -> PydanticCustomError:
    """The refusal of a key or value that the contract has and this version lacks."""
    shown = str(instead).lower() if isinstance(instead, bool) else instead
    remedy = "remove it" if instead is None else f"remove it or set it to {shown}"
    return problem(f"not in this version: {remedy}")


def problem(text: str, *, below: str = "") -> PydanticCustomError:
    """An error with its own words; `below` is where it lies under the place that raises it."""
    return PydanticCustomError("problem", "{text}", {"text": text, "below": below})
