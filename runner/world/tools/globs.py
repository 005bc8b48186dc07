"""Which files a glob matches: `*`, `?`, `[…]` within a name, `**` over folders; nothing outside the permitted roots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase

import msgspec

from runner.workflow.model import Permissions
from runner.world.tools.paths import named, resolve_to_read, system_refusal
from runner.world.tools.refusal import Refusal

MAX_SEEN = 100_000
MAX_FILES = 10_000
DEEP = "**"


def is_glob(text: str) -> bool:
    """Whether a text is a pattern; `[*]` stands for a star itself."""
    return any(sign in text for sign in "*?[")


def matches(base: str, pattern: str, folder: str, permissions: Permissions) -> list[str]:
    """The regular files below `base` that a pattern matches, as absolute paths.

    Names with a leading dot match only a pattern with one; `**` enters no such folder, and no symbolic link. A link
    that leaves the roots is refused, not passed over: a list that is silently short would be worse.
    """
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    first = next(position for position, part in enumerate(parts) if is_glob(part))
    if ".." in parts[first:]:
        raise Refusal("file_io", f"'..' can't follow a wildcard in '{pattern}'", path=pattern)
    start = os.path.join(base, *parts[:first])  # noqa: PTH118 - lexical
    resolve_to_read(start, folder, permissions)
    found = set(_Walk(pattern, folder, permissions).files(start, tuple(parts[first:])))
    if len(found) > MAX_FILES:
        raise Refusal("file_io", f"'{pattern}' matches more than {MAX_FILES} files; match fewer", path=pattern)
    return sorted(found)


class _Walk(msgspec.Struct):
    """One walk over folders, which counts what it sees."""

    pattern: str
    folder: str
    permissions: Permissions
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
            real = resolve_to_read(entry.path, self.folder, self.permissions)
            if rest and os.path.isdir(real):  # noqa: PTH112 - str in, bool out
                self.waiting.append((entry.path, rest))
            elif not rest and os.path.isfile(real):  # noqa: PTH113 - as above
                yield entry.path

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
