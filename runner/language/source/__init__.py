"""YAML text as plain data that remembers its lines."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml.error import MarkedYAMLError

from runner.ground.errors import InvalidWorkflow, Place, Problem, did_you_mean
from runner.ground.plain_file import LARGEST_TEXT, read_plain
from runner.language.source import scalars, syntax
from runner.language.source.events import Events
from runner.language.source.text import RULE, Text, showable
from runner.language.source.tree import MOST_VALUES, Unreadable, YamlNode, YamlTree

LARGEST_FILE = LARGEST_TEXT
MOST_NEIGHBOURS = 1000

# Characters that YAML does not allow unescaped, or that count as line breaks in some of its versions only.
_UNPRINTABLE = r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0")


class Source(msgspec.Struct, frozen=True):
    """A YAML file: its plain data, and where in it each value stands. `file` is its name as the user knows it.

    A part of it may be the content of another file: what stands there has its place in that one.
    """

    file: str
    text: str
    data: Any
    _text: Text
    _root: YamlNode
    _parts: tuple[tuple[tuple[str | int, ...], Source], ...] = ()

    def place(
        self, path: tuple[str | int, ...], *, key: bool = False, offset: int | None = None, width: int = 1
    ) -> Place:
        """The place of the value at `path`, or of its key, or of the character at `offset` in its text.

        `width` is the caret's length where an offset is given. Of a path that is not there, the place of as much of
        it as is.
        """
        if (part := self._part(path)) is not self:
            return part.place(path, key=key, offset=offset, width=width)
        node, span, is_known = self._root, None, True
        for step in path:
            is_known = step in node.children
            if not is_known:
                break
            span = node.keys.get(step) if isinstance(step, str) else None
            node = node.children[step]
        if offset is not None and is_known:
            start = self._offset(node, offset)
            return self._text.place(start, start + width)
        if span and (key or not is_known or self._is_spread(node)):
            return self._text.place(*span)
        return self._text.place(node.start, node.start + 1 if self._is_spread(node) else node.end)

    def listed(self, path: tuple[str | int, ...]) -> list[Any]:
        """The items of the list at `path`; none where there is no list."""
        node = self._part(path)._root
        for step in path:
            if step not in node.children:
                return []
            node = node.children[step]
        return node.value if isinstance(node.value, list) else []

    def below(self, *path: str) -> Source:
        """The same text as a file in which all of it stands at `path`."""
        data, root = self.data, self._root
        for step in reversed(path):
            data, root = {step: data}, YamlNode(None, root.start, root.end, children={step: root})
        return msgspec.structs.replace(self, data=data, _root=root)

    def with_part(self, section: str, name: str, other: Source) -> Source:
        """The same file with all of another in the place of `section.name`."""
        part = other.below(section, name)
        data = {**self.data, section: {**self.data[section], name: other.data}}
        return msgspec.structs.replace(self, data=data, _parts=(*self._parts, ((section, name), part)))

    def _part(self, path: tuple[str | int, ...]) -> Source:
        """The file in which the value at `path` stands."""
        return next((part for at, part in self._parts if path[: len(at)] == at), self)

    def alias(self, path: tuple[str | int, ...], key: str, name: str) -> None:
        """Let the value under `key` of the mapping at `path` be found under `name` as well."""
        node = self._part(path)._root
        for step in path:
            node = node.children[step]
        node.children[name] = node.children[key]
        node.keys[name] = node.keys[key]

    def _is_spread(self, node: YamlNode) -> bool:
        """Whether a value has no token of its own: it is empty, or a mapping or list without brackets."""
        is_collection = isinstance(node.value, dict | list) and node.style != "*"
        return node.start == node.end or (is_collection and self.text[node.start] not in "[{")

    def _offset(self, node: YamlNode, offset: int) -> int:
        if not isinstance(node.value, str) or node.style == "*":
            return node.start
        return node.start + scalars.locate(self.text[node.start : node.end], node.style, node.value, offset)


def read(path: Path, shown: str | None = None, longest: int = LARGEST_FILE) -> Source:
    """The YAML file at `path`, called `shown` in messages, of at most so many bytes. Raises InvalidWorkflow."""
    name = shown or str(path)
    try:
        content = read_plain(path, longest)
    except FileNotFoundError:
        reason = f"there is no such file{near_name(path)}"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    except ValueError as error:
        reason = str(error)
    else:
        return parse(content, name, longest)
    raise InvalidWorkflow([Problem(f"can't read {showable(name)}: {reason}", rule=RULE)])


def place_in_text(file: str, text: str, offset: int, width: int) -> Place:
    """The place of the characters at `offset` in a text file called `file`."""
    return Text(file, text).place(offset, offset + width)


def near_name(path: Path) -> str:
    """`; did you mean 'flow.yaml'?` for a file that is there, or nothing."""
    try:
        neighbours = [entry.name for entry in islice(path.parent.iterdir(), MOST_NEIGHBOURS)]
    except OSError:
        return ""
    return did_you_mean(path.name, neighbours)


def parse(text: str | bytes, file: str, longest: int = LARGEST_FILE) -> Source:
    """YAML text, called `file` in messages, as data with places. Raises InvalidWorkflow with all that is wrong."""
    decoded = _decoded(text, file) if isinstance(text, bytes) else text
    content = Text(file, decoded.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    if len(content.text) > longest:
        raise InvalidWorkflow([content.problem(f"the file is larger than {longest >> 20} MiB", 0)])
    if match := _unprintable_in(content.text):
        raise InvalidWorkflow([_not_allowed(content, match)])
    root, problems = _tree(content, max(1, longest // LARGEST_FILE))
    if root is None and not problems:
        problems = [content.problem("the file is empty", 0)]
    if root is None or problems:
        raise InvalidWorkflow(problems)
    return Source(file, content.text, root.value, content, root)


def _decoded(content: bytes, file: str) -> str:
    if content.startswith(_WIDE_MARKS) or content[1:2] == b"\0":
        raise _not_utf8(Text(file, ""), "the file is not UTF-8; it looks like UTF-16", 0)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        text = Text(file, content.decode(errors="replace"))
        raise _not_utf8(text, "the file is not UTF-8 here", len(content[: error.start].decode())) from None


def _not_utf8(text: Text, message: str, start: int) -> InvalidWorkflow:
    return InvalidWorkflow([text.problem(message, start, hint="save it as UTF-8")])


def _unprintable_in(text: str) -> re.Match[str] | None:
    # Compiling so large a set takes ten milliseconds, and most files can do without.
    is_plain = text.replace("\n", "").replace("\t", "").isprintable()
    return None if is_plain else re.search(_UNPRINTABLE, text)


def _not_allowed(text: Text, match: re.Match[str]) -> Problem:
    code = ord(match.group())
    is_half = unicodedata.category(match.group()) == "Cs"
    return text.problem(
        f"the character U+{code:04X} can't stand in a YAML file",
        match.start(),
        hint="" if is_half else f'in double quotes it can be written as "\\u{code:04x}"',
    )


def _tree(text: Text, size: int) -> tuple[YamlNode | None, list[Problem]]:
    """The root node, or None where the text can't be read to its end; and all problems on the way, in file order.

    `size` says how many times larger than a workflow's file it may be.
    """
    events = Events(text.text)
    tree = YamlTree(text, iter(events), size * MOST_VALUES)
    root = None
    try:
        root = tree.read()
    except Unreadable:
        pass
    except MarkedYAMLError as error:
        _add_unless_told(tree.problems, syntax.problem(text, error))
    except (ValueError, OverflowError):
        # ruamel.yaml leaves it to chr() and int() to refuse escapes and version numbers that are out of range.
        _add_unless_told(tree.problems, text.problem("no such character or number", events.index))
    return root, sorted(tree.problems, key=in_file_order)


def _add_unless_told(problems: list[Problem], last: Problem) -> None:
    """What stopped the parser is often but the end of a mistake already found on its line."""
    lines = {problem.place.line for problem in problems if problem.place}
    if last.place is None or last.place.line not in lines:
        problems.append(last)


def in_file_order(problem: Problem) -> tuple[int, int]:
    """The key that sorts the problems of one file."""
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)
