"""What a run did to the disk, in order: recorded by strace, read back as plain operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.torture.tracing import STRACE


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes came to stand at an offset."""

    path: Path
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A file got this size."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file, or the names in a folder, were asked to be made durable, and said to be."""

    path: Path


@dataclass(frozen=True, slots=True)
class Name:
    """A file or a folder got its name; or, as `none`, lost it."""

    path: Path
    kind: str


@dataclass(frozen=True, slots=True)
class Said:
    """Text was added to a file that is only written to: `/dev/stdout`, or where steps leave their marks."""

    path: Path
    content: bytes


Operation = Write | Cut | Sync | Name | Said

STDOUT = Path("/dev/stdout")

_CALLS = ("openat", "pwrite64", "write", "fsync", "fdatasync", "ftruncate", "unlink", "mkdir")
_LINE = re.compile(r"(?P<process>\d+) +(?P<rest>.*)")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
_CALL = re.compile(r"(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>\d+)(?:<(?P<opened>[^>]*)>)?")
_ARGUMENT = re.compile(r'"(?P<text>[^"]*)"|(?P<word>[-\w|]+)(?:<(?P<path>[^>]*)>)?')


@dataclass(frozen=True, slots=True)
class _Argument:
    """A string's bytes; or a number or flags; and the path of what a descriptor stands for."""

    content: bytes
    word: str
    path: Path


def recorded(log: Path) -> list[str]:
    """The beginning of a command, of which everything that reaches the disk is to be recorded."""
    return [STRACE, "-f", "-q", "-y", "-xx", "-s", "10000000", "-o", str(log), "-e", f"trace={','.join(_CALLS)}"]


def operations(log: Path, folder: Path) -> list[Operation]:
    """What was done inside a folder, and said on stdout, in order. Calls that failed did nothing."""
    calls = (_CALL.match(line) for line in _whole_lines(log))
    found = (operation for call in calls if call for operation in _operations(call, folder))
    return [operation for operation in found if operation.path == STDOUT or operation.path.is_relative_to(folder)]


def _whole_lines(log: Path) -> Iterator[str]:
    """Calls with their results: one that another process interrupted stands where it ended."""
    begun: dict[str, str] = {}
    for line in log.read_text(encoding="ascii").splitlines():
        found = _LINE.match(line)
        assert found is not None, line
        process, rest = found["process"], found["rest"]
        if rest.endswith(_UNFINISHED):
            begun[process] = rest.removesuffix(_UNFINISHED)
        elif _RESUMED.match(rest):
            yield begun.pop(process) + _RESUMED.sub("", rest, count=1)
        else:
            yield rest


def _operations(call: re.Match[str], folder: Path) -> Iterator[Operation]:
    arguments = [
        _Argument(_bytes(found["text"]), found["word"] or "", Path(_bytes(found["path"]).decode()))
        for found in _ARGUMENT.finditer(call["arguments"])
    ]
    yield from _MEANING[call["call"]](arguments, Path(_bytes(call["opened"]).decode()), folder)


def _bytes(shown: str | None) -> bytes:
    return bytes.fromhex((shown or "").replace("\\x", ""))


def _open(arguments: Sequence[_Argument], opened: Path, _folder: Path) -> Iterator[Operation]:
    if "O_CREAT" in arguments[2].word:
        yield Name(opened, "file")


def _pwrite(arguments: Sequence[_Argument], _opened: Path, _folder: Path) -> Iterator[Operation]:
    yield Write(arguments[0].path, int(arguments[3].word), arguments[1].content)


def _write(arguments: Sequence[_Argument], _opened: Path, folder: Path) -> Iterator[Operation]:
    file = arguments[0]
    yield Said(STDOUT if file.word == "1" and not file.path.is_relative_to(folder) else file.path, arguments[1].content)


def _sync(arguments: Sequence[_Argument], _opened: Path, _folder: Path) -> Iterator[Operation]:
    yield Sync(arguments[0].path)


def _cut(arguments: Sequence[_Argument], _opened: Path, _folder: Path) -> Iterator[Operation]:
    yield Cut(arguments[0].path, int(arguments[1].word))


def _unlink(arguments: Sequence[_Argument], _opened: Path, folder: Path) -> Iterator[Operation]:
    yield Name(folder / arguments[0].content.decode(), "none")


def _mkdir(arguments: Sequence[_Argument], _opened: Path, folder: Path) -> Iterator[Operation]:
    yield Name(folder / arguments[0].content.decode(), "folder")


_MEANING: dict[str, Callable[[Sequence[_Argument], Path, Path], Iterator[Operation]]] = {
    "openat": _open,
    "pwrite64": _pwrite,
    "write": _write,
    "fsync": _sync,
    "fdatasync": _sync,
    "ftruncate": _cut,
    "unlink": _unlink,
    "mkdir": _mkdir,
}
