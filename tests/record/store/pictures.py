"""A run's state as plain data that can be compared: all of it, and which objects are the same object."""

from __future__ import annotations

from typing import Any

import msgspec

from runner.ground.json_value import Json
from runner.record.reducers import State
from runner.record.run_state import Nodes, RunState


class _Eye:
    """Looks at values; a State, or Nodes, seen again is named by the number it got at first sight."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []

    def look(self, value: Any) -> Json:
        if isinstance(value, State | Nodes):
            return self._known(value)
        if isinstance(value, msgspec.Struct):
            fields = {name: self.look(getattr(value, name)) for name in value.__struct_fields__}
            return {"a": type(value).__name__, **fields}
        if isinstance(value, dict):
            return [[key, self.look(inner)] for key, inner in value.items()]
        if isinstance(value, list | tuple):
            return [type(value).__name__, *map(self.look, value)]
        return [type(value).__name__, value]

    def _known(self, value: State | Nodes) -> Json:
        if id(value) in self._seen:
            return ["seen", self._seen[id(value)]]
        number = self._seen[id(value)] = len(self._seen)
        self._kept.append(value)
        apart = sorted(value.written) if isinstance(value, State) else [value.body, self.look(value.outer)]
        return [type(value).__name__, number, self.look(dict(value)), apart]


def picture(run: RunState) -> Json:
    """All of a run's state that a snapshot keeps."""
    return _Eye().look({name: value for name, value in vars(run).items() if name != "final"})
