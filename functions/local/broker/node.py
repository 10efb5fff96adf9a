"""A value in a YAML file with its path, which every error names."""

from dataclasses import dataclass
from pathlib import Path

from functions.local.broker.durations import parse_duration
from functions.local.broker.errors import ManifestError


@dataclass(frozen=True)
class Node:
    file: Path
    path: str
    value: object

    @property
    def fields(self) -> dict[str, object]:
        if not isinstance(self.value, dict):
            raise ManifestError(self.file, self.path, "must be a mapping")
        return self.value

    def wrong(self, field: str, problem: str) -> ManifestError:
        return ManifestError(self.file, self._below(field), problem)

    def has(self, field: str) -> bool:
        return self.fields.get(field) is not None

    def optional(self, field: str) -> object:
        return self.fields.get(field)

    def child(self, field: str, *, required: bool = True) -> "Node":
        value = self.fields.get(field)
        if value is None:
            if required:
                raise self.wrong(field, "is missing")
            value = {}
        child = Node(self.file, self._below(field), value)
        if not isinstance(value, dict):
            raise ManifestError(child.file, child.path, "must be a mapping")
        return child

    def only(self, *known: str) -> None:
        for field in self.fields:
            if field not in known:
                raise self.wrong(str(field), f"is unknown here (known: {', '.join(known)})")

    def expect(self, field: str, value: str) -> None:
        if self.fields.get(field) != value:
            raise self.wrong(field, f"must be {value!r}, is {self.fields.get(field)!r}")

    def text(self, field: str, *, default: str | None = None) -> str:
        value = self.fields.get(field)
        if value is None:
            if default is None:
                raise self.wrong(field, "is missing")
            return default
        if not isinstance(value, str) or (default is None and not value):
            raise self.wrong(field, f"must be text, is {value!r}")
        return value

    def texts(self, field: str) -> dict[str, str]:
        texts = {}
        for name, value in self.child(field, required=False).fields.items():
            if not isinstance(value, str):
                raise self.wrong(f"{field}.{name}", f"must be text in quotes, is {value!r}")
            texts[str(name)] = value
        return texts

    def count(self, field: str, *, default: int) -> int:
        value = self.fields.get(field, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(field, f"must be a whole number from 0, is {value!r}")
        return value

    def duration(self, field: str, *, default: str) -> float:
        try:
            return parse_duration(self.text(field, default=default))
        except ValueError as error:
            raise self.wrong(field, str(error)) from error

    def _below(self, field: str) -> str:
        return f"{self.path}.{field}" if self.path else field
