"""What pydantic found, in sentences for an operator: path, what is wrong, and the remedy."""

from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config.document import Document, Path, Place, Problem, show_path
from gateway.config.reflection import (
    example_of,
    fields_at,
    file_path,
    keys_of,
    models_at,
    words_of,
)
from gateway.config.section import Section

_SENTENCES: dict[str, str] = {
    "missing": "must be given{such_as}",
    "union_tag_not_found": "must be given, one of {choices}",
    "union_tag_invalid": "must be one of {choices}",
    "literal_error": "must be one of {choices}",
    "extra_forbidden": "is not a known key: {instead}",
    "model_type": "must be a mapping with keys of {keys}",
    "model_attributes_type": "must be a mapping with keys of {keys}",
    "dict_type": "must be a mapping, such as {{ key: value }}",
    "mapping_type": "must be a mapping, such as {{ key: value }}",
    "tuple_type": "must be a list, such as [a, b]",
    "too_short": "must have at least one entry",
    "string_type": "must be text: put it into quotes",
    "string_too_short": "must not be empty",
    "path_type": "must be a path: put it into quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "problem": "{text}",
}


def explain(root: type[Section], error: ValidationError, document: Document) -> list[Problem]:
    """A problem for each finding; one that only follows from others is left out."""
    found = error.errors(include_url=False, include_input=False)
    problems = [(each["type"], _problem(root, each)) for each in found]
    return [each for kind, each in problems if kind != "too_short" or not document.get(each.path)]


def show(problem: Problem, document: Document) -> str:
    """`server.port (line 4): must be a whole number`"""
    place = problem.place or document.place(problem.path)
    path = show_path(problem.path)
    if not path:
        return f"{problem.place}: {problem.text}" if problem.place else problem.text
    return f"{path} ({place}): {problem.text}" if place != Place() else f"{path}: {problem.text}"


def _problem(root: type[Section], found: ErrorDetails) -> Problem:
    kind, context = found["type"], found.get("ctx", {})
    loc = tuple(step for step in found["loc"] if step != "[key]")
    if kind.startswith("union_tag"):
        loc = (*loc, "type")
    path = file_path(root, loc, unknown=kind == "extra_forbidden")
    if context.get("below"):
        path = (*path, context["below"])
    sentence = _SENTENCES.get(kind)
    if sentence is None:
        return Problem(path, found["msg"])
    return Problem(path, sentence.format(**_words(root, loc), **context))


def _words(root: type[Section], loc: Path) -> dict[str, str]:
    """What the sentences say beside what pydantic knows."""
    fields = fields_at(root, loc) if loc else []
    siblings = keys_of(models_at(root, loc[:-1]))
    return {
        "such_as": next((f", such as {each}" for each in map(example_of, fields) if each), ""),
        "choices": ", ".join(dict.fromkeys(each for field in fields for each in words_of(field))),
        "keys": ", ".join(keys_of(models_at(root, loc))),
        "instead": _nearest(str(loc[-1]), siblings) if loc else "",
    }


def _nearest(key: str, known: list[str]) -> str:
    near = get_close_matches(key.lower(), known, n=1)
    return f"did you mean {near[0]}?" if near else f"those known here are {', '.join(known)}"
