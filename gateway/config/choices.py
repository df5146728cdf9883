"""Keys that take a word or a value: one error that names all forms, not one a form."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, Strict, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from gateway.config.section import Shape, problem


def one_of_forms(wanted: str) -> WrapValidator:
    """Whatever is wrong with a value of several forms, say what it may be."""

    def judge(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise problem(f"must be {wanted}") from None

    return WrapValidator(judge)


Flag: TypeAlias = Annotated[bool, Strict(), Shape("true or false")]
"""`yes` and `on` are text."""

AutoOrCount: TypeAlias = Annotated[
    Annotated[int, Strict(), Field(ge=1)] | Literal["auto"],
    one_of_forms("a whole number from 1, or auto"),
    Shape("whole number or `auto`"),
]
"""How many of something, or what the machine has."""
