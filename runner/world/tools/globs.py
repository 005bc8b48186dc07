"""Which files a glob matches: `*`, `?`, `[…]` within a name, `**` over folders; nothing outside the permitted roots."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

import msgspec

from runner.workflow.permissions import Permissions
from runner.world.tools.paths import named, resolve_to_read, system_refusal
from runner.world.tools.refusal import Refusal

MAX_SEEN = 100_000
MAX_FILES = 10_000
DEEP = "**"


_ESCAPES = {ord(sign): f"[{sign}]" for sign in "*?["}
_ESCAPED = re.compile(r"\[([*?[])\]")

_MARKS = {ord(sign): chr(0xD800 + number) for number, sign in enumerate("*?[")}
"""Stand for the wildcards of a file's own text while templates fill it in: half characters, which no text has."""

_SIGNS = {ord(mark): chr(sign) for sign, mark in _MARKS.items()}


def is_glob(text: str) -> bool:
    """Whether a text is a pattern."""
    return any(sign in text for sign in "*?[")


def escaped(text: str) -> str:
    """The pattern that matches a text alone: `[*]` stands for a star itself."""
    return text.translate(_ESCAPES)


def marked(text: str) -> str:
    """A piece of a pattern with its wildcards marked, so that they can be told from those of what is filled in."""
    return text.translate(_MARKS)


def unmarked(text: str) -> str:
    """The pattern once it is filled in: what is not marked is escaped."""
    return escaped(text).translate(_SIGNS)


def _is_name(part: str) -> bool:
    """Whether a part of a pattern matches one name alone."""
    return not is_glob(_ESCAPED.sub("", part))


def _nothing(_real: str) -> bool:
    return False


def matches(
    pattern: str,
    folder: str,
    permissions: Permissions,
    *,
    looking: bool = False,
    closed: Callable[[str], bool] = _nothing,
) -> list[str]:
    """The regular files that a pattern matches, as absolute paths; a relative one begins at `folder`.

    Names with a leading dot match only a pattern with one; `**` enters no such folder, and no symbolic link. A link
    that leaves the roots is refused, not passed over: a list that is silently short would be worse.
    Who is only `looking` around is told of folders too, with `/` at the end, and not of such links.
    What leads to a path that is `closed` is passed over.
    """
    shown = pattern.removeprefix(f"{escaped(folder)}/")
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    first = next((position for position, part in enumerate(parts) if not _is_name(part)), len(parts) - 1)
    if ".." in parts[first:]:
        raise Refusal("file_io", f"'..' can't follow a wildcard in '{shown}'", path=shown)
    names = (_ESCAPED.sub(r"\1", part) for part in parts[:first])
    start = os.path.join("/" if pattern.startswith("/") else folder, *names)  # noqa: PTH118 - lexical
    resolve_to_read(start, folder, permissions)
    found = set(_Walk(shown, folder, permissions, looking, closed).files(start, tuple(parts[first:])))
    if len(found) > MAX_FILES:
        raise Refusal("file_io", f"'{shown}' matches more than {MAX_FILES} files; match fewer", path=shown)
    return sorted(found)


class _Walk(msgspec.Struct):
    """One walk over folders, which counts what it sees."""

    pattern: str
    folder: str
    permissions: Permissions
    looking: bool = False
    closed: Callable[[str], bool] = _nothing
    seen: int = 0
    waiting: list[tuple[str, tuple[str, ...]]] = msgspec.field(default_factory=list)

    def files(self, start: str, parts: tuple[str, ...]) -> Iterator[str]:
        self.waiting.append((start, parts))
        while self.waiting:
            where, (part, *rest) = self.waiting.pop()
            if part == DEEP:
                self._descend(where, tuple(rest) or ("*",))
            else:
                yield from self._flat(where, part, tuple(rest))

    def _descend(self, where: str, rest: tuple[str, ...]) -> None:
        self.waiting.append((where, rest))
        for entry in self._entries(where):
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                self.waiting.append((entry.path, (DEEP, *rest)))

    def _flat(self, where: str, part: str, rest: tuple[str, ...]) -> Iterator[str]:
        for entry in self._entries(where):
            if not _fits(entry.name, part):
                continue
            real = self._resolved(entry.path)
            if real and rest and os.path.isdir(real):  # noqa: PTH112 - str in, bool out
                self.waiting.append((entry.path, rest))
            elif not rest and os.path.isfile(real):  # noqa: PTH113 - as above
                yield entry.path
            elif self.looking and not rest and os.path.isdir(real):  # noqa: PTH112 - as above
                yield f"{entry.path}/"

    def _resolved(self, path: str) -> str:
        """Where a path leads; nothing for one that is passed over."""
        try:
            real = resolve_to_read(path, self.folder, self.permissions)
        except Refusal:
            if not self.looking:
                raise
            return ""
        return "" if self.closed(real) else real

    def _entries(self, where: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(where) as entries:
                found = list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise system_refusal(error, named(where, self.folder), "list") from error
        self.seen += len(found)
        if self.seen > MAX_SEEN:
            message = f"'{self.pattern}' looks through more than {MAX_SEEN} files; start from a narrower folder"
            raise Refusal("file_io", message, path=self.pattern)
        return found


def _fits(name: str, part: str) -> bool:
    return fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))
