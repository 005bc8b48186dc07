"""One thing that is wrong with a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from runner.ground.json_value import Json
from runner.language.schema.linked import Path


class SchemaFault(NamedTuple):
    """One thing wrong. `path` leads to the value, or to the key; a missing key's to where it is missing, a clash's to
    the last of the keys that can't stand side by side.

    `name` is the unknown or missing key, `known` the keys that could stand there. `schema` and `value` are what did
    not go together.
    """

    kind: Literal["unknown", "missing", "key", "clash", "value"]
    path: Path
    words: str
    name: str = ""
    known: tuple[str, ...] = ()
    schema: Mapping[str, Any] | bool = True
    value: Json = None

    @property
    def where(self) -> Path:
        """The path to the value, or to the mapping in which a key stands or is missing."""
        return self.path if self.kind in ("missing", "value") else self.path[:-1]
