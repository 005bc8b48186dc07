"""A linked schema that can be asked: the fast way whether a value fits, the slow way why it does not."""

from __future__ import annotations

from importlib import import_module

import msgspec

from runner.ground.json_value import Json
from runner.language.schema.fault import Fault
from runner.language.schema.fits import LEFT_OUT, Check, compile_check
from runner.language.schema.linked import MOST_EXPLAINED_REFERENCES, Budget, Link, Linked, TooComplex


class Checker(msgspec.Struct, frozen=True):
    """Asked often, so compiled once."""

    linked: Linked
    budget: Budget
    check: Check | None

    def fits(self, value: Json) -> bool:
        self.budget.renew()
        try:
            return self.check(value) if self.check is not None else not self._slowly(value)
        except (TooComplex, RecursionError):
            return False

    def faults(self, value: Json) -> list[Fault]:
        """All that is wrong, up to a bound; nothing exactly when the value fits."""
        self.budget.renew()
        try:
            return [] if self.check is not None and self.check(value) else self._slowly(value)
        except TooComplex:
            return [Fault("value", (), "too large to be checked against this schema")]
        except RecursionError:
            return [Fault("value", (), "nested too deeply to be checked")]

    def _slowly(self, value: Json) -> list[Fault]:
        self.budget.renew(MOST_EXPLAINED_REFERENCES)
        found: list[Fault] = import_module("runner.language.schema.explaining").find_faults(self.linked, value)
        return found


def checker(linked: Link, part: Linked | None = None) -> Checker:
    """A checker of a linked schema, or of a part of it."""
    schema = linked.schema if part is None else part
    return Checker(schema, linked.budget, compile_check(schema) if LEFT_OUT.isdisjoint(linked.keywords) else None)
