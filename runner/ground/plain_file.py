"""Files read as plain files of bounded size: none makes the reader wait, or goes on without end."""

from __future__ import annotations

import os
import select
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LARGEST_TEXT = 1024 * 1024
"""Bytes of a file that belongs to a workflow or a project: YAML, a prompt, settings."""


QUIET_SECONDS = 30.0
"""How long a pipe may give nothing before it is given up."""


class Unreadable(ValueError):
    """Why a file is not read, in words that follow its name."""


def read_plain(path: Path, longest: int = LARGEST_TEXT, *, piped: bool = False) -> bytes:
    """A regular file's bytes; with `piped` those of a pipe or device too. Raises Unreadable, and OSError of `open`.

    Opening never waits, as a pipe would that nobody writes to, and reading one only so long; what is longer than
    `longest` is read no further.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise Unreadable("it is a folder")
        if not (piped or stat.S_ISREG(mode)):
            raise Unreadable("it is not a regular file")
        if stat.S_ISFIFO(mode):
            return bounded(_piped(descriptor, longest), longest)
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return bounded(file.read(longest + 1), longest)
    finally:
        os.close(descriptor)


def _piped(descriptor: int, longest: int) -> bytes:
    """What is written to a pipe. Raises Unreadable if nothing comes."""
    content = bytearray()
    while len(content) <= longest:
        try:
            piece = os.read(descriptor, 1 << 16)
        except BlockingIOError:  # somebody has it open, and writes nothing now
            if not select.select([descriptor], [], [], QUIET_SECONDS)[0]:
                raise Unreadable(f"nothing came from it for {QUIET_SECONDS:g} s") from None
            continue
        if not piece:
            break
        content += piece
    if not content:
        raise Unreadable("nothing was written to it")
    return bytes(content)


def open_to_append(path: Path) -> IO[str]:
    """A regular file, made if it is not there, to write at its end. Raises OSError; waits for no reader of a pipe."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "a", encoding="utf-8")
    os.close(descriptor)
    raise OSError(f"{path} is not a regular file")


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name once it is whole, readable for its owner alone. Raises OSError."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise


def bounded(content: bytes, longest: int) -> bytes:
    """The content. Raises Unreadable if it is longer than `longest`."""
    if len(content) <= longest:
        return content
    raise Unreadable(f"it is larger than {longest >> 20} MiB" if longest >> 20 else f"it has more than {longest} bytes")
