"""JSON Schemas that users write: checked, compiled once, asked often, and shown by an example."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from runner.ground.errors import WorkflowError
from runner.ground.json_value import Json
from runner.language.schema import shipped, words
from runner.language.schema.checker import Checker, checker
from runner.language.schema.doubles import speaks_of_doubles, with_doubles
from runner.language.schema.evaluated import IsValid
from runner.language.schema.fault import SchemaFault
from runner.language.schema.linked import Link, Linked, Path, TooComplex, link
from runner.language.schema.whole_numbers import speaks_of_whole_numbers, with_whole_numbers

MOST_KEPT = 512
DEEPEST = 8

_PLAIN = {"boolean": True, "null": None}
_BY_ITEM = frozenset({"type", "items", "minItems", "maxItems"})
"""The keywords that say of a list nothing but its length, and what each of its items is."""


class SchemaError(NamedTuple):
    """One thing wrong with a value. `message` begins with the path, if there is one."""

    path: Path
    message: str

    def text(self, what: str) -> str:
        """The message under the value's own name: `output.items[2].score: expected a number, got "high"`."""
        if not self.path:
            return f"{what}: {self.message}"
        return what + ("" if self.message.startswith("[") else ".") + self.message


class UnusableSchema(WorkflowError):
    """What is no JSON Schema, or one that refers to what is not there. `errors` says where."""

    def __init__(self, errors: list[tuple[Path, str]]) -> None:
        super().__init__("; ".join(_with_path(path, message) for path, message in errors))
        self.errors = errors


class CompiledSchema(msgspec.Struct, frozen=True):
    """A schema ready for use.

    `_items` is what each item of a list must be; None if more is asked of a list than that and its length.
    """

    _link: Link
    _checker: Checker
    _frame: Checker
    _items: Linked | None
    _has_doubles: bool
    _has_whole_numbers: bool
    _forms: dict[int, Checker] = msgspec.field(default_factory=dict)

    def fits(self, value: Json) -> bool:
        """Whether the value fits."""
        return self._checker.fits(value)

    def fits_grown(self, value: list[Json], added: int) -> bool:
        """Whether a list fits of which all but the last `added` items are a list that does."""
        if self._items is None:
            return self.fits(value)
        if not self._frame.fits(value):
            return False
        return self._items is True or all(map(self._form(self._items).fits, value[len(value) - added :]))

    def errors(self, value: Json, *, secret: bool = False) -> list[SchemaError]:
        """All that is wrong with the value, up to a bound; of a secret one, without showing it."""
        return [_as_error(fault, secret) for fault in self._checker.faults(value)]

    def received(self, value: Json) -> Json:
        """A value from outside, with each fraction without a rest under `type: integer` as a whole number."""
        return self._turned(with_whole_numbers, value) if self._has_whole_numbers else value

    def normalise(self, value: Json) -> Json:
        """A value that fits, with each whole number under `type: number` as a double."""
        return self._turned(with_doubles, value) if self._has_doubles else value

    def _turned(self, turn: Callable[[Linked, Json, IsValid, Callable[[int], None]], Json], value: Json) -> Json:
        budget = self._link.budget
        budget.renew()
        try:
            return turn(self._link.schema, value, self._is_of_form, budget.spend)
        except (TooComplex, RecursionError):
            return value

    def _is_of_form(self, form: Linked, value: Json) -> bool:
        """Within the steps that are left. Raises TooComplex, RecursionError."""
        return self._form(form).check(value)

    def _form(self, form: Linked) -> Checker:
        if id(form) not in self._forms:
            self._forms[id(form)] = checker(self._link, form)
        return self._forms[id(form)]


def _as_error(fault: SchemaFault, secret: bool) -> SchemaError:
    said = "does not fit its schema" if secret and fault.kind in ("value", "key") else fault.words
    if fault.kind == "key":
        said = f"key {words.shown(fault.name)}: {said}" if not secret else said
    return SchemaError(fault.where, _with_path(fault.where, said))


def _with_path(path: Path, message: str) -> str:
    return f"{words.path_text(path)}: {message}" if path else message


def check_schema(schema: Json) -> list[tuple[Path, str]]:
    """What keeps `schema` from being used: each mistake's path and words."""
    return _mistakes_of_form(schema) or link(schema).problems


def _mistakes_of_form(schema: Json) -> list[tuple[Path, str]]:
    return [(fault.path, fault.words) for fault in shipped.definition("json-schema").faults(schema)]


_kept: OrderedDict[int, tuple[Json, CompiledSchema]] = OrderedDict()


def compile_schema(schema: Mapping[str, Json] | bool) -> CompiledSchema:
    """The schema, ready for use. Raises UnusableSchema.

    A schema that is asked for again is not compiled again, as long as it is the same object: it must not be changed.
    """
    kept = _kept.get(id(schema))
    if kept is not None and kept[0] is schema:
        return kept[1]
    compiled = _compiled(schema)
    _kept[id(schema)] = schema, compiled
    if len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)
    return compiled


def _compiled(schema: Json) -> CompiledSchema:
    if mistakes := _mistakes_of_form(schema):
        raise UnusableSchema(mistakes)
    ready = link(schema)
    if ready.problems:
        raise UnusableSchema(ready.problems)
    whole = speaks_of_whole_numbers(ready.schema)
    doubles = speaks_of_doubles(ready.schema)
    return CompiledSchema(ready, checker(ready), _frame(ready), _items(ready.schema), doubles, whole)


def _frame(ready: Link) -> Checker:
    """What a schema says of a list beside what it says of each item alone."""
    if isinstance(ready.schema, bool) or "items" not in ready.schema:
        return checker(ready)
    return checker(ready, {keyword: said for keyword, said in ready.schema.items() if keyword != "items"})


def _items(schema: Linked) -> Linked | None:
    if isinstance(schema, bool) or not schema.keys() <= _BY_ITEM:
        return None
    items: Linked = schema.get("items", True)
    return items


def example(schema: Mapping[str, Json]) -> Json:
    """A value that fits a schema, as the schema itself shows it or the simplest of its type. Raises ValueError."""
    value = _example(schema, DEEPEST)
    if not compile_schema(schema).fits(value):
        raise ValueError("no simple value fits")
    return value


def _example(schema: Json, depth: int) -> Json:
    if not isinstance(schema, Mapping) or not depth:
        return None
    shown = [schema[key] for key in ("const", "default") if key in schema]
    shown += [*schema.get("examples", ()), *schema.get("enum", ())]
    if shown:
        return shown[0]
    types = schema.get("type", "object" if "properties" in schema else "string")
    return _of_type(types if isinstance(types, str) else types[0], schema, depth)


def _of_type(type_: str, schema: Mapping[str, Json], depth: int) -> Json:
    if type_ == "object":
        properties: Mapping[str, Json] = schema.get("properties", {})
        return {name: _example(inner, depth - 1) for name, inner in properties.items()}
    if type_ == "array":
        return [_example(schema.get("items", {}), depth - 1) for _ in range(max(1, schema.get("minItems", 1)))]
    if type_ == "string":
        return "…" * max(1, schema.get("minLength", 1))
    if type_ in {"integer", "number"}:
        return schema.get("minimum", schema.get("maximum", 0))
    return _PLAIN.get(type_)
