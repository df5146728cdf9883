"""The JSON Schema of gateway.yaml, for editors (draft 2020-12)."""

from typing import Any

from gateway.config.model import Config
from gateway.config.reflection import all_sections, defaults_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """What an editor can check while one types; `check-config` knows more."""
    schema = Config.model_json_schema(mode="validation")
    definitions = {**schema["$defs"], Config.__name__: schema}
    # Pydantic writes some defaults as what they become: 65536 and not 64KiB.
    for section in [each for each in all_sections(Config) if each.__name__ in definitions]:
        for key, default in defaults_of(section).items():
            definitions[section.__name__]["properties"][key]["default"] = default
    return {"$schema": DIALECT, **schema, "title": "Configuration of dicomweb-gateway"}
