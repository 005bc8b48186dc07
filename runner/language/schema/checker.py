"""A linked schema that can be asked whether a value fits, and why it does not."""

from __future__ import annotations

from importlib import import_module

import msgspec

from runner.ground.json_value import Json
from runner.language.schema.fault import SchemaFault
from runner.language.schema.fits import Check, compile_check
from runner.language.schema.linked import Link, Linked, LinkingBudget, TooComplex


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
        explaining = import_module("runner.language.schema.explaining")
        found: list[SchemaFault] = explaining.find_faults(self.linked, value, self.budget)
        return found or [SchemaFault("value", (), "does not fit its schema")]


def checker(linked: Link, part: Linked | None = None) -> Checker:
    """A checker of a linked schema, or of a part of it."""
    schema = linked.schema if part is None else part
    return Checker(schema, linked.budget, compile_check(schema, linked.budget))
