"""Which files may be opened, and opening them so that no symbolic link swapped in meanwhile leads elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

from runner.ground.errors import did_you_mean
from runner.workflow.permission_hints import place_to_allow
from runner.workflow.permissions import Permissions
from runner.workflow.python_files import is_below
from runner.world.calls import Protected
from runner.world.tools.protection import why_protected
from runner.world.tools.refusal import Refusal

Access = Literal["read", "write"]

LONGEST_PATH = 4096
_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def check_text(path: str) -> None:
    """Refuse what no file can be called."""
    if not path or "\0" in path or len(path) > LONGEST_PATH:
        raise Refusal("file_io", f"{_shown(path)} is no usable path: it is empty, too long or holds a NUL character")
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise Refusal("file_io", f"{_shown(path)} is no usable path: it holds half a surrogate pair") from error


def _shown(path: str) -> str:
    return f"a path of {len(path)} characters" if len(path) > LONGEST_PATH else repr(path)


def named(path: str, folder: str) -> str:
    """A path as users know it: relative to the root file's folder, with `/`."""
    return os.path.relpath(os.path.join(folder, path), folder)  # noqa: PTH118 - lexical: pathlib would keep `..`


def resolve_to_read(path: str, folder: str, permissions: Permissions) -> str:
    """The absolute path without symbolic links, checked to lie inside a root. Raises Refusal (`permission_denied`)."""
    return _resolved(path, folder, permissions, "read")


def resolve_to_write(path: str, folder: str, permissions: Permissions, protected: Protected) -> str:
    """As `resolve_to_read`, of what is to be written: no code either. Whatever writes for a run asks here first."""
    real = _resolved(path, folder, permissions, "write")
    if why := why_protected(real, protected):
        name = named(path, folder)
        message = f"'{name}'{_leads(name, real, folder)} may not be written: {why}"
        raise Refusal("permission_denied", message, path=name)
    return real


def _resolved(path: str, folder: str, permissions: Permissions, access: Access) -> str:
    check_text(path)
    real = os.path.realpath(os.path.join(folder, path))  # noqa: PTH118 - as above

    def lies_in(one: Permissions) -> bool:
        return is_below(real, one.read if access == "read" else one.write)

    if not permissions.permit(lies_in):
        name = named(path, folder)
        done = "read" if access == "read" else "written"
        outside = f"may not be {done}" if permissions.deny(lies_in) else f"is outside the folders that may be {done}"
        message = f"'{name}'{_leads(name, real, folder)} {outside}; {place_to_allow(real, permissions, access, folder)}"
        raise Refusal("permission_denied", message, path=name)
    return real


def _leads(name: str, real: str, folder: str) -> str:
    """Where a path leads, if its name does not tell."""
    return "" if named(real, os.path.realpath(folder)) == name else f", which leads to '{real}',"


def system_refusal(error: OSError, name: str, doing: str) -> Refusal:
    """What the system says against a file, in words that name it."""
    reason = error.strerror or "the system refused it"
    return Refusal("file_io", f"can't {doing} '{name}': {reason[:1].lower()}{reason[1:]}", path=name, errno=error.errno)


@contextmanager
def opened_folder(real: str, *, make: bool = False) -> Iterator[int]:
    """A descriptor of a resolved folder, reached step by step without following a link; made on the way if asked."""
    descriptor = os.open("/", _FOLDER_FLAGS)
    try:
        for part in real.strip("/").split("/") if real != "/" else ():
            inner = _enter(part, descriptor, make)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(part: str, parent: int, make: bool) -> int:
    try:
        return os.open(part, _FOLDER_FLAGS, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(part, dir_fd=parent)
        sync_folder(parent)
    except FileExistsError:
        pass  # another step made it in between; what it made is entered like any other
    return os.open(part, _FOLDER_FLAGS, dir_fd=parent)


def sync_folder(descriptor: int) -> None:
    """Make the names in a folder durable, where its file system can. One opened by path alone is opened anew for it."""
    with suppress(OSError):
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def opened_file(real: str, name: str) -> Iterator[int]:
    """A descriptor to read a resolved path by. Raises OSError, or Refusal for what is no regular file."""
    parent, last = os.path.split(real)
    with opened_folder(parent) as folder:
        descriptor = os.open(last or ".", _FILE_FLAGS, dir_fd=folder)
    try:
        check_kind(os.fstat(descriptor), name)
        yield descriptor
    finally:
        os.close(descriptor)


def check_kind(status: os.stat_result, name: str) -> None:
    """Refuse folders, pipes, sockets and devices."""
    if stat.S_ISDIR(status.st_mode):
        raise Refusal("file_io", f"'{name}' is a folder; name a file in it", path=name)
    if not stat.S_ISREG(status.st_mode):
        raise Refusal("file_io", f"'{name}' is not a regular file", path=name)


def near_names(real: str, roots: Sequence[str]) -> str:
    """`; did you mean 'x'?` from the folder of a file that is not there, if that folder may be looked at."""
    parent, name = os.path.split(real)
    if not is_below(parent, roots):
        return ""
    try:
        return did_you_mean(name, sorted(os.listdir(parent))[:10_000])  # noqa: PTH208 - str in, str out
    except OSError:
        return ""
