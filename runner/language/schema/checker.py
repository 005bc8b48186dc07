"""A linked schema that can be asked whether a value fits, and why it does not."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal, NamedTuple

import msgspec

from runner.ground.json_value import Json
from runner.language.schema.fits import Check, compile_check
from runner.language.schema.linked import MOST_EXPLAINED_REFERENCES, Link, Linked, LinkingBudget, Path, TooComplex


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


class Checker(msgspec.Struct, frozen=True):
    """Asked often, so compiled once. `check` alone decides whether a value fits; jsonschema explains why not."""

    linked: Linked
    budget: LinkingBudget
    check: Check

    def fits(self, value: Json) -> bool:
        self.budget.renew()
        try:
            return self.check(value)
        except (TooComplex, RecursionError):
            return False

    def faults(self, value: Json) -> list[SchemaFault]:
        """All that is wrong, up to a bound; nothing exactly when the value fits."""
        self.budget.renew()
        try:
            return [] if self.check(value) else self._reasons(value)
        except TooComplex:
            return [SchemaFault("value", (), "too large to be checked against this schema")]
        except RecursionError:
            return [SchemaFault("value", (), "nested too deeply to be checked")]

    def _reasons(self, value: Json) -> list[SchemaFault]:
        self.budget.renew(MOST_EXPLAINED_REFERENCES)
        found: list[SchemaFault] = import_module("runner.language.schema.explaining").find_faults(self.linked, value)
        return found or [SchemaFault("value", (), "does not fit its schema")]


def checker(linked: Link, part: Linked | None = None) -> Checker:
    """A checker of a linked schema, or of a part of it."""
    schema = linked.schema if part is None else part
    return Checker(schema, linked.budget, compile_check(schema))
