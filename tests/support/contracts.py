"""Hold published events against their contracts in `eventing/contracts`."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

FOLDER = Path(__file__).parents[2] / "eventing" / "contracts"


@cache
def validator(event_type: str) -> Draft202012Validator:
    """The contract of a type; a type without one is an error."""
    schema = json.loads((FOLDER / f"{event_type}.schema.json").read_text("utf-8"))
    return Draft202012Validator(schema, format_checker=FormatChecker())


def violations(events: list[dict[str, Any]]) -> list[str]:
    """What structured events break of their contracts; none is the good answer."""
    return [
        f"{event['type']}: {error.json_path}: {error.message}"
        for event in events
        for error in validator(event["type"]).iter_errors(event["data"])
    ]
