"""Values that were meant well, as they are written here: what other systems write so, or other words for it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from runner.ground.json_value import Json
from runner.language.schema import shipped
from runner.language.schema.evaluated import known_parts
from runner.language.schema.fault import SchemaFault
from runner.language.schema.linked import Linked, settled
from runner.language.schema.other_names import length_of_time, other_value
from runner.language.schema.owners import is_node
from runner.language.source.scalars import BadNumber, plain_or_quoted, resolve

LONGEST_SHOWN = 60
_BODIES: Mapping[tuple[str, type[Any]], str] = {
    ("nodes", list): "write steps: for a list; nodes: is a mapping by id",
    ("steps", dict): "write nodes: for a mapping by id; steps: is a list",
}

_TARGETS = ("to", "goto", "then", "next", "node", "target", "step")
"""What other systems call the node that a route leads to."""

_FOR_A_SHELL = re.compile(r"[|&;<>$`*?~\n]")
_NARROW = frozenset({"enum", "const", "pattern", "if"})
"""Keywords of schemas that few values fit."""


def other_form(fault: SchemaFault, data: Json) -> str:
    """How a value in the wrong form is written; nothing where that is not known."""
    name = next((step for step in reversed(fault.path) if isinstance(step, str)), "")
    key = f"{name}: " if fault.path and fault.path[-1] == name else ""
    schema = dict(fault.schema) if isinstance(fault.schema, Mapping) else fault.schema
    if name in ("next", "on_error"):
        return _route_of(name, fault.value, is_item=not key)
    if key and (name, type(fault.value)) in _BODIES:
        return _BODIES[name, type(fault.value)]
    if isinstance(fault.value, str | list) and is_node(fault.path, data):
        return _node_of(key, fault.value, data)
    if isinstance(fault.value, list) and _is_by_name(schema):
        return f"write a mapping by name: {key}{_by_name(fault.value)}"
    return _fitting(key, fault.value, schema)


def started(line: str) -> str:
    """A line in the place of a list: what a program is started with, or, where only a shell can run it, a script."""
    return f"write {'for a shell' if _FOR_A_SHELL.search(line.strip()) else 'a list'}: {_program(line)}"


# Bodies, nodes and routes.


def _route_of(key: str, value: Json, is_item: bool) -> str:
    """What stands in the place of routes, as a route."""
    if isinstance(value, str) and is_item:
        return f"write {{to: {yaml(value)}}}"
    if value is None and key == "next":
        return "write next: exit to end the body, or leave it out"
    if not isinstance(value, dict) or is_item:
        return ""
    node = next((value[name] for name in _TARGETS if isinstance(value.get(name), str)), None)
    if node is None:
        return f"write {key}: NODE, or a list of routes: {key}: [{{when: …, to: NODE}}]"
    if "when" in value:
        return f"write a list: {key}: [{yaml({'when': value['when'], 'to': node})}]"
    return f"write {key}: {yaml(node)}"


def _node_of(key: str, value: str | list[Json], data: Json) -> str:
    """A text in the place of a node, as what starts a program; the id of another node stands for nothing here."""
    if isinstance(value, list):
        return f"a list of nodes is a body: {key}{{steps: […]}}; branches of `parallel` stand in it by their names"
    nodes = data.get("nodes") if isinstance(data, dict) else None
    if isinstance(nodes, dict) and value in nodes and value != key.removesuffix(": "):
        return f"the node itself stands here, not its id: {key}{{…}}"
    if len(value) > LONGEST_SHOWN:
        return f"lines for a shell stand under `script: |`: {key}{{script: …}}"
    return f"write {key}{{{_program(value)}}}" if value.strip() else ""


def _program(line: str) -> str:
    """The key and value of a node that runs a line: by a shell, where only a shell can."""
    if _FOR_A_SHELL.search(line.strip()):
        return f"script: {_text(line.strip())}"
    return f"command: {yaml(_words_of(line))}"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if "\n" in text else plain_or_quoted(text)


def _words_of(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _is_by_name(schema: Linked) -> bool:
    """Whether a schema asks for a mapping whose keys are the author's own."""
    schema = settled(schema)
    return isinstance(schema, dict) and "propertyNames" in schema and "additionalProperties" in schema


def _by_name(items: list[Json]) -> str:
    """A list, as a mapping by the names that its items have."""
    names = [_name_in(item) or f"NAME{place}" for place, item in enumerate(items, 1)]
    shown = ", ".join(f"{yaml(name)}: …" for name in dict.fromkeys(names))
    return f"{{{shown}}}" if len(shown) <= LONGEST_SHOWN else "{NAME: …}"


def _name_in(item: Json) -> str:
    found = item if isinstance(item, str) else None
    if isinstance(item, dict):
        found = next((item[key] for key in ("id", "name") if key in item), None) or _only_key(item)
    return found if isinstance(found, str) and re.fullmatch(r"[A-Za-z_][\w-]*", found) else ""


def _only_key(item: dict[str, Json]) -> str:
    """The key of `- topic: {…}`; a verb is no name."""
    [key, *others] = item or [""]
    return "" if others or key in shipped.VERBS or not isinstance(item.get(key), dict | None) else key


# Another value that fits.


def _fitting(key: str, value: Json, schema: Linked) -> str:
    """The value read in another way, taken out of a mapping, or put into one."""
    if isinstance(value, dict):
        return _unwrapped(key, value, schema)
    if isinstance(value, list):
        return f"write the lines as one text: {key}|" if key and _is_text(value, schema) else ""
    if value is None or len(str(value)) > LONGEST_SHOWN:
        return ""
    for read in _readings(value, schema):
        if shipped.fits(schema, read):
            return f"write {'a list: ' if isinstance(read, list) else ''}{key}{yaml(read)}"
    inner = _in_mapping(value, schema)
    return f"write {key}{yaml(inner)}" if inner else ""


def _readings(value: Json, schema: Linked) -> Iterator[Json]:
    """What a value may be meant to be."""
    if isinstance(value, str):
        with suppress(BadNumber):
            yield resolve(value.strip())
        if meant := other_value(value, _values(schema)):
            yield meant
        if length := length_of_time(value):
            yield length
        if value.lower() in ("yes", "no", "on", "off"):
            yield value.lower() in ("yes", "on")
    yield [value]


def _values(schema: Linked) -> list[Json]:
    schema = settled(schema)
    return list(schema.get("enum", ())) if isinstance(schema, dict) else []


def _is_text(value: list[Json], schema: Linked) -> bool:
    """Whether a text is asked for, and there are several."""
    return len(value) > 1 and all(isinstance(item, str) for item in value) and shipped.fits(schema, "\n".join(value))


def _unwrapped(key: str, value: dict[str, Json], schema: Linked) -> str:
    """The one value in a mapping that could stand in its place, but for what stands beside a verb."""
    verb = key.removesuffix(": ")
    names = value.keys() - (shipped.verb_keys(verb) if verb in shipped.VERBS else ())
    fitting = [name for name in names if isinstance(value[name], str) and shipped.fits(schema, value[name])]
    if len(fitting) != 1 or not key:
        return ""
    beside = [f"`{name}`" for name in value if name != fitting[0]]
    return f"write {key}{yaml(value[fitting[0]])}" + (f", with {', '.join(beside)} beside it" if beside else "")


def _in_mapping(value: Json, schema: Linked) -> dict[str, Json]:
    """The mapping that was meant by a value which stands in its place: under the key that it needs, or that it fits."""
    schema = settled(schema)
    if not isinstance(schema, dict) or "object" not in _types(schema):
        return {}
    parts = known_parts(schema, {}, lambda _schema, _value: False)
    needed = [key for key in schema.get("required", ()) if key in parts]
    named = needed if len(needed) == 1 else _likely(value, parts)
    reads = {key: [value, *_readings(value, parts[key])] if isinstance(value, str) else [value] for key in named}
    forms = ({key: read} for key in named for read in reads[key])
    return next((form for form in forms if shipped.fits(schema, form)), {})


def _likely(value: Json, parts: Mapping[str, Linked]) -> list[str]:
    """The keys under which a value was probably meant, the likeliest first."""
    narrow = [key for key, part in parts.items() if _is_narrow(part)] if not isinstance(value, bool) else []
    listed = [key for key in narrow if isinstance(value, str) and not _has_pattern(parts[key])]
    return listed + [key for key in ("default",) if key in parts] + [key for key in narrow if key not in listed]


def _types(schema: Mapping[str, Any]) -> list[str]:
    found = schema.get("type", [])
    return [found] if isinstance(found, str) else list(found)


def _is_narrow(part: Linked) -> bool:
    """Whether a text that fits was probably meant: not where any text does."""
    part = settled(part)
    if not isinstance(part, dict) or _types(part) == ["array"]:
        return isinstance(part, dict) and _is_narrow(part.get("items", True))
    return bool(_NARROW & part.keys() or (_types(part) and "string" not in _types(part)))


def _has_pattern(part: Linked) -> bool:
    """Whether many texts may fit, by their look."""
    part = settled(part)
    return isinstance(part, dict) and "pattern" in part


def yaml(value: Json) -> str:
    """A value as it may be written in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(yaml, value))}]"
    if isinstance(value, str):
        return plain_or_quoted(value)
    return json.dumps(value)
