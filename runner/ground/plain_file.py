"""Files read as plain files of bounded size: none makes the reader wait, or goes on without end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

LARGEST_TEXT = 1024 * 1024
"""Bytes of a file that belongs to a workflow or a project: YAML, a prompt, settings."""


class Unreadable(ValueError):
    """Why a file is not read, in words that follow its name."""


def read_plain(path: Path, longest: int = LARGEST_TEXT, *, piped: bool = False) -> bytes:
    """A regular file's bytes; with `piped` those of a pipe or device too. Raises Unreadable, and OSError of `open`.

    Opening never waits, as a pipe would that nobody writes to; what is longer than `longest` is read no further.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise Unreadable("it is a folder")
        if not (piped or stat.S_ISREG(mode)):
            raise Unreadable("it is not a regular file")
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return bounded(file.read(longest + 1), longest)
    finally:
        os.close(descriptor)


def open_to_append(path: Path) -> IO[str]:
    """A regular file, made if it is not there, to write at its end. Raises OSError; waits for no reader of a pipe."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "a", encoding="utf-8")
    os.close(descriptor)
    raise OSError(f"{path} is not a regular file")


def bounded(content: bytes, longest: int) -> bytes:
    """The content. Raises Unreadable if it is longer than `longest`."""
    if len(content) <= longest:
        return content
    raise Unreadable(f"it is larger than {longest >> 20} MiB" if longest >> 20 else f"it has more than {longest} bytes")
