"""YAML events as plain data that remembers its places, within bounds, with every mistake that can be found."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from runner.ground.errors import Problem
from runner.language.source import scalars, slips
from runner.language.source.text import Text, showable

MOST_DEPTH = 64
MOST_VALUES = 50_000
MOST_ALIASES = 100
MOST_PROBLEMS = 100

_ANCHOR = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_SHOWN_KEY = 40


class YamlNode(msgspec.Struct):
    """A value and its place: offsets into the text. `style` is `|`, `>`, a quote, or nothing.

    `size` counts the values in it, itself included; `height` the levels.
    """

    value: Any
    start: int
    end: int
    style: str = ""
    children: dict[str | int, YamlNode] = msgspec.field(default_factory=dict)
    keys: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    size: int = 1
    height: int = 1

    def adopt(self, step: str | int, child: YamlNode) -> None:
        self.children[step] = child
        self.size += child.size
        self.height = max(self.height, child.height + 1)


class Unreadable(Exception):
    """A bound is passed: what follows is not read. The problem is recorded."""


class YamlTree:
    """Builds the nodes of one document; `problems` collects what is wrong with it."""

    def __init__(self, text: Text, events: Iterator[Any], most_values: int = MOST_VALUES) -> None:
        self.text = text
        self.problems: list[Problem] = []
        self._events = events
        self._anchors: dict[str, YamlNode | None] = {}
        self._aliases = 0
        self._values = 0
        self._most_values = most_values

    def read(self) -> YamlNode | None:
        """The document's root, or None when there is none; raises Unreadable, or what the events raise."""
        next(self._events)
        event = next(self._events)
        if isinstance(event, StreamEndEvent):
            return None
        self._refuse_other_version(event)
        root = self._node(next(self._events), 1)
        next(self._events)
        event = next(self._events)
        if isinstance(event, DocumentStartEvent):
            self._say("a file holds one document; a second one starts here", event)
        return root

    def _refuse_other_version(self, event: DocumentStartEvent) -> None:
        if event.version not in (None, (1, 2)):
            start = self.text.text.find("%YAML")
            self._add("files are read as YAML 1.2", start, start + 5, "remove the %YAML line")

    def _node(self, event: Any, depth: int, key: str | None = None) -> YamlNode:
        if depth > MOST_DEPTH:
            self._stop(f"nested deeper than {MOST_DEPTH} levels", event)
        if isinstance(event, AliasEvent):
            return self._alias(event, depth, key)
        self._count(1, event)
        self._check_properties(event, key)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, key)
        elif isinstance(event, MappingStartEvent):
            node = self._mapping(event, depth, key)
        else:
            node = self._sequence(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _check_properties(self, event: Any, key: str | None) -> None:
        """Refuse tags, and anchors that were never meant as such (`when: && x`)."""
        start = event.start_mark.index
        if event.tag is not None:
            start = self.text.text.rfind("!", 0, start + 1)
            self._say_mangled("a tag", start, key)
        elif event.anchor is not None and not _ANCHOR.fullmatch(event.anchor):
            self._say_mangled("an anchor", start, key)

    def _say_mangled(self, what: str, start: int, key: str | None) -> None:
        written = slips.written(self.text, start)
        word = written.split(maxsplit=1)[0] if written else self.text.text[start]
        self._add(f"YAML reads '{word}' as {what}", start, start + len(word), slips.put_in_quotes(key, written))

    def _alias(self, event: AliasEvent, depth: int, key: str | None) -> YamlNode:
        start, end = event.start_mark.index, event.end_mark.index
        self._aliases += 1
        if self._aliases > MOST_ALIASES:
            self._stop(f"more than {MOST_ALIASES} aliases", event)
        target = self._anchors.get(event.anchor)
        if target is None:
            if event.anchor in self._anchors:
                self._say(f"the alias '*{event.anchor}' stands inside the value that it would repeat", event)
            else:
                self._say_mangled("an alias, and nothing above it has that anchor", start, key)
            return YamlNode(None, start, end)
        self._count(target.size, event)
        if depth + target.height - 1 > MOST_DEPTH:
            self._stop(f"nested deeper than {MOST_DEPTH} levels", event)
        value = copy.deepcopy(target.value)
        return YamlNode(value, start, end, "*", target.children, target.keys, target.size, target.height)

    def _scalar(self, event: ScalarEvent, key: str | None) -> YamlNode:
        start, end = event.start_mark.index, event.end_mark.index
        node = YamlNode(event.value, start, end, event.style or "")
        if event.style or event.tag is not None:
            node.value = self._joined(event)
            return node
        if cut := slips.cut_short(self.text, key, start, end):
            self._add(cut.message, end, end, cut.hint)
        try:
            node.value = scalars.resolve(event.value)
        except scalars.BadNumber as bad:
            self._say(str(bad), event, slips.put_in_quotes(key, event.value))
        return node

    def _joined(self, event: ScalarEvent) -> str:
        try:
            return scalars.joined(event.value)
        except UnicodeError:
            self._say("this text holds half of a surrogate pair", event)
            return ""

    def _sequence(self, event: Event, depth: int) -> YamlNode:
        node = YamlNode([], event.start_mark.index, event.end_mark.index)
        while not isinstance(event := next(self._events), SequenceEndEvent):
            child = self._node(event, depth + 1)
            node.adopt(len(node.value), child)
            node.value.append(child.value)
        node.end = max(node.end, event.end_mark.index)
        return node

    def _mapping(self, event: Event, depth: int, key: str | None) -> YamlNode:
        start = event.start_mark.index
        node = YamlNode({}, start, event.end_mark.index)
        if slip := slips.bare_template(self.text, key, start):
            self._add(slip.message, start, start + 2, slip.hint)
            self._skip()
            return node
        while not isinstance(event := next(self._events), MappingEndEvent):
            self._entry(node, event, depth)
        node.end = max(node.end, event.end_mark.index)
        return node

    def _skip(self) -> None:
        """Pass over the rest of the mapping that has just begun."""
        depth = 1
        while depth:
            event = next(self._events)
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MOST_DEPTH:
                raise Unreadable

    def _entry(self, node: YamlNode, event: Event, depth: int) -> None:
        key = self._key(event, depth)
        value = self._node(next(self._events), depth + 1, key)
        if key is None:
            return
        if key in node.keys:
            first, shown = self.text.place(node.keys[key][0]), showable(key[:_LONGEST_SHOWN_KEY])
            self._say(f"key '{shown}' is given twice; the first is on line {first.line}", event)
            return
        node.keys[key] = event.start_mark.index, event.end_mark.index
        node.adopt(key, value)
        node.value[key] = value.value

    def _key(self, event: Event, depth: int) -> str | None:
        """A key's text, or None when it is no text; then the problem is recorded."""
        if not isinstance(event, ScalarEvent) or event.tag is not None:
            self._node(event, depth + 1)
            self._say("a key must be text", event)
            return None
        self._count(1, event)
        if event.style:
            return self._joined(event)
        if event.value == "<<":
            self._say("merge keys ('<<') are not used here", event, "write the keys out")
            return None
        if not event.value:
            self._say("a key is missing before ':'", event)
            return None
        return self._plain_key(event)

    def _plain_key(self, event: ScalarEvent) -> str | None:
        try:
            is_text = isinstance(scalars.resolve(event.value), str)
        except scalars.BadNumber:
            is_text = False
        if is_text:
            return str(event.value)
        self._say(f"a key must be text, and {event.value} is not", event, slips.put_in_quotes(None, event.value))
        return None

    def _count(self, values: int, event: Event) -> None:
        self._values += values
        if self._values > self._most_values:
            self._stop(f"more than {self._most_values:,} values, with aliases written out", event)

    def _say(self, message: str, event: Event, hint: str = "") -> None:
        self._add(message, event.start_mark.index, event.end_mark.index, hint)

    def _add(self, message: str, start: int, end: int, hint: str = "") -> None:
        self.problems.append(self.text.problem(message, start, end, hint))
        if len(self.problems) >= MOST_PROBLEMS:
            raise Unreadable

    def _stop(self, message: str, event: Event) -> NoReturn:
        self._say(message, event)
        raise Unreadable
