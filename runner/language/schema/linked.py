"""A schema made ready for use: references replaced by what they refer to, patterns compiled by RE2, cycles refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from runner.ground.json_value import Json
from runner.language.pattern import CompiledPattern, TooSlow, Unusable, pattern_of

Path = tuple[str | int, ...]
Linked = dict[str, Any] | bool
"""A schema whose `$ref` holds a Reference, `pattern` a Pattern, `patternProperties` a list of (Pattern, schema)."""

_SHUTTING = frozenset({"items", "additionalProperties", "unevaluatedProperties"})
SINGLE = _SHUTTING | {"contains", "propertyNames", "not", "if", "then", "else"}
LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
MAPPINGS = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_MAPPINGS_ASKED = frozenset({"properties", "dependentSchemas"})
PATTERNS = "patternProperties"

MOST_STEPS = 4_000_000
"""Steps of one check, well under a second: one for each keyword that is asked of a value, and what patterns cost."""

MOST_STEPS_EXPLAINED = 200_000
STEPS_OF_AN_EXPLANATION = 10
"""jsonschema, which explains, is a hundred times slower than our own check: what each keyword costs there."""

STEPS_OF_A_REFERENCE = 4
_STEPS_OF_A_SEARCH = 16
_NAMES_A_STEP = 8

_LONGEST_REASON = 120


class TooComplex(Exception):
    """A check took so many steps that it was given up."""


class LinkingBudget(msgspec.Struct, eq=False):
    """How many steps one check may still take, whatever the schema and the value are."""

    left: int = MOST_STEPS

    def spend(self, steps: int = 1) -> None:
        """Take so many steps. Raises TooComplex."""
        self.left -= steps
        if self.left < 0:
            raise TooComplex

    def renew(self, most: int = MOST_STEPS) -> None:
        self.left = most


class SchemaReference(msgspec.Struct, eq=False):
    """What a `$ref` leads to."""

    text: str
    budget: LinkingBudget
    target: Linked = True


class Pattern(NamedTuple):
    """A regular expression of a schema; what it costs is paid by the check that asks it."""

    text: str
    compiled: CompiledPattern | None
    budget: LinkingBudget

    def found_in(self, text: str) -> bool:
        """Whether a part of the text fits. Raises TooComplex."""
        if self.compiled is None:
            return False
        self.budget.spend(_STEPS_OF_A_SEARCH + self.compiled.price(text))
        try:
            return self.compiled.found_in(text)
        except TooSlow as error:
            raise TooComplex from error
        except UnicodeEncodeError:  # half a surrogate pair, which no pattern can mean
            return False


class Link(NamedTuple):
    """The linked schema, and what kept some of it from being linked."""

    schema: Linked
    budget: LinkingBudget
    problems: list[tuple[Path, str]]


def link(schema: Json) -> Link:
    """Link a schema whose form has been checked."""
    linker = _Linker()
    root = linker.copy(schema, (), "")
    linker.resolve()
    return Link(root, linker.budget, linker.problems)


class _Linker:
    def __init__(self) -> None:
        self.budget = LinkingBudget()
        self.problems: list[tuple[Path, str]] = []
        self._found: dict[str, Linked] = {}
        self._references: list[tuple[Path, SchemaReference]] = []

    def copy(self, schema: Json, path: Path, pointer: str) -> Linked:
        """A copy to be completed by `resolve`, remembered under its JSON pointer."""
        if isinstance(schema, bool):
            # jsonschema forgets the path to what a plain `false` refuses.
            self._found[pointer] = schema or {"not": True}
            return self._found[pointer]
        linked: dict[str, Any] = {}
        self._found[pointer] = linked
        for keyword, value in schema.items():
            if keyword == "$schema":  # jsonschema would go by it, and leave our rules
                continue
            linked[keyword] = self._keyword(keyword, value, (*path, keyword), f"{pointer}/{keyword}")
        return linked

    def _keyword(self, keyword: str, value: Json, path: Path, pointer: str) -> Any:
        if keyword in SINGLE:
            return False if value is False and keyword in _SHUTTING else self.copy(value, path, pointer)
        if keyword in LISTS:
            return [self.copy(item, (*path, i), f"{pointer}/{i}") for i, item in enumerate(value)]
        if keyword in MAPPINGS:
            return self._mapping(value, path, pointer)
        special: Any = {PATTERNS: self._patterns, "pattern": self._pattern, "$ref": self._reference}.get(keyword)
        return value if special is None else special(value, path, pointer)

    def _mapping(self, value: Mapping[str, Json], path: Path, pointer: str) -> dict[str, Linked]:
        return {
            name: self.copy(schema, (*path, name), f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
            for name, schema in value.items()
        }

    def _patterns(self, value: Mapping[str, Json], path: Path, pointer: str) -> list[tuple[Pattern, Linked]]:
        schemas = self._mapping(value, path, pointer)
        return [(self._pattern(text, (*path, text), pointer), schema) for text, schema in schemas.items()]

    def _reference(self, value: str, path: Path, _pointer: str) -> SchemaReference:
        reference = SchemaReference(value, self.budget)
        self._references.append((path, reference))
        return reference

    def _pattern(self, text: str, path: Path, _pointer: str) -> Pattern:
        try:
            return Pattern(text, pattern_of(text), self.budget)
        except Unusable as error:
            self.problems.append((path, f"{error.reason[:_LONGEST_REASON]}{f'; {error.hint}' if error.hint else ''}"))
            return Pattern(text, None, self.budget)

    def resolve(self) -> None:
        for path, reference in self._references:
            pointer = unquote(reference.text.removeprefix("#"))
            if not reference.text.startswith("#"):
                self.problems.append((path, "a reference stays within its schema: #/$defs/NAME"))
            elif pointer not in self._found:
                self.problems.append((path, f"'{reference.text}' leads to no schema"))
            else:
                reference.target = self._found[pointer]
        self._refuse_circles()

    def _refuse_circles(self) -> None:
        """A schema that comes back to itself at the same value would be tried for ever."""
        cleared: set[int] = set()
        for path, reference in self._references:
            if _is_circular(reference.target, set(), cleared):
                self.problems.append((path, f"'{reference.text}' leads back to itself without going into the value"))
                return


def _is_circular(schema: Linked, above: set[int], cleared: set[int]) -> bool:
    if isinstance(schema, bool) or id(schema) in cleared:
        return False
    if id(schema) in above:
        return True
    above.add(id(schema))
    if any(_is_circular(inner, above, cleared) for inner in in_place(schema)):
        return True
    cleared.add(id(schema))
    return False


def settled(schema: Linked) -> Linked:
    """What a schema that does no more than refer leads to."""
    while isinstance(schema, dict) and "$ref" in schema and "type" not in schema:
        schema = schema["$ref"].target
    return schema


def weight(schema: Linked) -> int:
    """The steps of one check, without those for each item or key of a value, and those behind references."""
    if isinstance(schema, bool):
        return 1
    own = 1 + len(schema) + len(schema.get("required", ())) // _NAMES_A_STEP
    once = [schema[keyword] for keyword in ("not", "if", "then", "else") if keyword in schema]
    once += [inner for keyword in LISTS & schema.keys() for inner in schema[keyword]]
    once += [inner for keyword in _MAPPINGS_ASKED & schema.keys() for inner in schema[keyword].values()]
    return own + sum(map(weight, once))


def in_place(schema: dict[str, Any]) -> Iterator[Linked]:
    """The schemas that apply to the same value as `schema` itself."""
    if "$ref" in schema:
        yield schema["$ref"].target
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(keyword, ())
    for keyword in ("not", "if", "then", "else"):
        if keyword in schema:
            yield schema[keyword]
    yield from schema.get("dependentSchemas", {}).values()
