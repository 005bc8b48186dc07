"""A disk whose power is cut: what was not synced may be lost, torn, or there without what was written before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.torture.recording import Cut, Name, Operation, Sync, Write

SECTOR = 512
"""Bytes that reach the disk together."""


@dataclass
class Inode:
    """A file's content or a folder: what is durable, and what was done to it since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write | Cut] = field(default_factory=list)
    is_folder: bool = False

    def sync(self) -> None:
        for change in self.pending:
            _change(self.durable, change)
        self.pending = []

    def left(self, random: Random, odds: float) -> bytes:
        """The content after power was lost, each pending sector kept by so many odds."""
        content = bytearray(self.durable)
        for change in self.pending:
            for part in _parts(change):
                if random.random() < odds:
                    _change(content, part)
        return bytes(content)


@dataclass
class Disk:
    """Takes a recording's operations, and says what may be left at any moment. With `lies`, syncing does nothing."""

    root: Path
    lies: bool = False
    names: dict[Path, Inode] = field(default_factory=dict)
    durable: dict[Path, Inode] = field(default_factory=dict)
    pending: list[tuple[Path, Inode | None]] = field(default_factory=list)

    def take(self, operation: Operation) -> None:
        match operation:
            case Write(path) | Cut(path):
                self.names[path].pending.append(operation)
            case Name(path, kind):
                self._name(path, kind)
            case Sync(path) if not self.lies:
                self._sync(path)

    def _name(self, path: Path, kind: str) -> None:
        if kind == "none":
            del self.names[path]
            self.pending.append((path, None))
        elif path not in self.names:
            self.names[path] = Inode(is_folder=kind == "folder")
            self.pending.append((path, self.names[path]))

    def _sync(self, path: Path) -> None:
        if path != self.root and not self.names[path].is_folder:
            self.names[path].sync()
            return
        for name, inode in self.pending:
            if name.parent == path:
                _rename(self.durable, name, inode)
        self.pending = [(name, inode) for name, inode in self.pending if name.parent != path]

    def left(self, random: Random) -> dict[Path, bytes | None]:
        """The files (a folder is None) after power was lost now: one of the many possibilities."""
        odds = random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        names = dict(self.durable)
        for name, inode in self.pending:
            if random.random() < odds:
                _rename(names, name, inode)
        reached = [path for path in names if path.parent == self.root or path.parent in names]
        return {
            path: None if names[path].is_folder else self._content(path, names[path], random, odds)
            for path in sorted(reached)
        }

    def _content(self, path: Path, inode: Inode, random: Random, odds: float) -> bytes:
        if path.name.endswith("-shm"):  # written through memory, which no recording shows: anything may be there
            return random.randbytes(32_768)
        return inode.left(random, random.choice((0.0, odds, 1.0)))


def _rename(names: dict[Path, Inode], name: Path, inode: Inode | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode


def _parts(change: Write | Cut) -> list[Write | Cut]:
    """A change as the sectors it touches, each of which may be lost alone."""
    if isinstance(change, Cut):
        return [change]
    parts: list[Write | Cut] = []
    start, end = change.offset, change.offset + len(change.content)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        parts.append(Write(change.path, start, change.content[start - change.offset : stop - change.offset]))
        start = stop
    return parts


def _change(content: bytearray, change: Write | Cut) -> None:
    if isinstance(change, Cut):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
        return
    content.extend(bytes(max(0, change.offset - len(content))))
    content[change.offset : change.offset + len(change.content)] = change.content


def put(files: Mapping[Path, bytes | None], root: Path, place: Path) -> None:
    """Lay what is left of `root` down at another place."""
    for path, content in files.items():
        target = place / path.relative_to(root)
        if content is None:
            target.mkdir()
        else:
            target.write_bytes(content)
