"""Reads and writes files inside the permitted roots."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.record.gates import Gate
from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, CallDone, Context, Outcome, Protected, ReadCall, WriteCall
from runner.world.program_exits import MARGIN, begins, lines
from runner.world.tools.globs import is_glob, matches
from runner.world.tools.paths import (
    check_kind,
    check_text,
    named,
    near_names,
    opened_file,
    opened_folder,
    resolve_to_read,
    resolve_to_write,
    sync_folder,
    system_refusal,
)
from runner.world.tools.refusal import Refusal

MAX_FILE = 8 * 1024 * 1024
MAX_TOTAL = 4 * MAX_FILE
MAX_MEASURED = 4 << 30
"""Bytes of a file that is only hashed: no reading can be ended before it is done."""

_BLOCK = 1 << 20
_ASKED_AS_NAME = "; what a template gives is a name, and only what the file itself says can be a glob"
_OWNERS_ONLY = 0o600
"""The permission bits of a file that a secret is written to."""

_CHANGING = tuple(Lock() for _ in range(64))
"""Files are shared out among these: two that get the same one wait for each other, which does no harm."""

_TEMPORARY_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _Unparsed(Exception):
    """A file that is to be JSON, and is not."""

    def __init__(self, name: str, text: str, why: str) -> None:
        super().__init__(why)
        self.name = name
        self.text = text[:MARGIN]
        self.why = why


async def perform_read(call: ReadCall, attempt: Attempt, context: Context) -> Outcome:
    """Read a file, or files; the output is `{path, text}`, or a sorted list of them for a glob. Raises Refusal.

    What was parsed stands beside the text; without the content there are size and hash in its place.
    """
    try:
        output = await asyncio.to_thread(_read, call, attempt.permissions)
    except _Unparsed as error:
        came = begins(context.mask(error.text), "it is empty")
        raise Refusal("output_invalid", f"'{error.name}' is not JSON: {error.why}{came}", path=error.name) from error
    context.passed(Gate(call.gate, real_path(call.pattern or call.path, call.folder)))
    return CallDone(output)


def real_path(path: str, folder: str) -> str:
    """Where a path of a workflow in this folder leads."""
    return os.path.realpath(os.path.join(folder, path))  # noqa: PTH118 - lexical: pathlib would keep `..`


def _read(call: ReadCall, permissions: Permissions) -> Json:
    check_text(call.path)
    return _files(call, permissions) if call.pattern else _file(call, call.path, permissions)


def _files(call: ReadCall, permissions: Permissions) -> list[Json]:
    found, size = [], 0
    for path in matches(call.pattern, call.folder, permissions):
        found.append(_file(call, path, permissions))
        size += len(found[-1].get("text", ""))
        if size > MAX_TOTAL:
            name = named(call.path, call.folder)
            message = f"the files of '{name}' have more than {MAX_TOTAL >> 20} MiB together; match fewer"
            raise Refusal("file_io", message, path=name)
    return sorted(found, key=lambda entry: str(entry["path"]))


def _file(call: ReadCall, path: str, permissions: Permissions) -> dict[str, Json]:
    """What is given of the file at a path."""
    real, name = resolve_to_read(path, call.folder, permissions), named(path, call.folder)
    try:
        name.encode()
        if not call.content:
            return {"path": name, **_measured(real, name)}
        text = content_of(real, name).decode()
        return {"path": name, "text": text, **_parsed(call.parse, text, name)}
    except OSError as error:
        raise unreadable(error, real, name, permissions, _ASKED_AS_NAME * is_glob(path)) from error
    except UnicodeEncodeError as error:
        raise Refusal("file_io", f"the file name {name!r} is not UTF-8") from error
    except UnicodeDecodeError as error:
        raise Refusal("file_io", f"'{name}' is not UTF-8 text (see its byte {error.start})", path=name) from error


def _measured(real: str, name: str) -> dict[str, Json]:
    """A file's size in bytes, and its SHA-256."""
    digest, size = hashlib.sha256(), 0
    with opened_file(real, name) as descriptor:
        while block := os.read(descriptor, _BLOCK):
            digest.update(block)
            size += len(block)
            if size > MAX_MEASURED:
                raise Refusal("file_io", f"'{name}' has more than {MAX_MEASURED >> 30} GiB", path=name)
    return {"size": size, "sha256": digest.hexdigest()}


def _parsed(form: str, text: str, name: str) -> dict[str, Json]:
    """What `parse` adds to a file's text."""
    if form == "lines":
        return {"lines": lines(text)}
    try:
        return {"json": parse_json(text)} if form else {}
    except NotJson as error:
        raise _Unparsed(name, text, str(error)) from error


def unreadable(error: OSError, real: str, name: str, permissions: Permissions, why: str = "") -> Refusal:
    """Why a file can't be read, in words that name it; `why` is said of one that is not there and has no near name."""
    if not isinstance(error, FileNotFoundError):
        return system_refusal(error, name, "read")
    near = near_names(real, permissions.read) or why
    return Refusal("file_io", f"'{name}' does not exist{near}", path=name)


def content_of(real: str, name: str) -> bytes:
    """All bytes of the file at a resolved path. Raises OSError, and Refusal for too many."""
    with opened_file(real, name) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as file:
        size = os.fstat(descriptor).st_size  # a buffer for the longest file is not made for each short one
        content = file.read(min(size, MAX_FILE) + 1)
        if len(content) > size:
            content += file.read(MAX_FILE + 1 - len(content))
    if len(content) > MAX_FILE:
        raise Refusal("file_io", f"'{name}' has more than {MAX_FILE >> 20} MiB; let a command read it", path=name)
    return content


async def perform_write(call: WriteCall, attempt: Attempt, context: Context) -> Outcome:
    """Write a file; the output is `{path}`. Raises Refusal. A cancel waits for a write that has begun: it is short."""
    writing = asyncio.get_running_loop().run_in_executor(None, _write, call, attempt, context.protected)
    try:
        output = await asyncio.shield(writing)
        context.passed(Gate(call.gate, real_path(call.path, call.folder)))
        return CallDone(output)
    except asyncio.CancelledError:
        with suppress(Refusal):
            await asyncio.shield(writing)
        raise


def _write(call: WriteCall, attempt: Attempt, protected: Protected) -> Json:
    real = resolve_to_write(call.path, call.folder, attempt.permissions, protected)
    name = named(call.path, call.folder)
    with changing(real):
        put(real, name, call.content, attempt)
    return {"path": name}


@contextmanager
def changing(real: str) -> Iterator[None]:
    """While a file is read and written, no other step of this process changes it."""
    with _CHANGING[hash(real) % len(_CHANGING)]:
        yield


def put(real: str, name: str, text: str, attempt: Attempt) -> None:
    """Write all of a file at a resolved path that may be written, in the place of what was there. Raises Refusal."""
    try:
        content = text.encode()
        parent, last = os.path.split(real)
        temporary = _temporary_name(attempt, real)
        with opened_folder(parent, make=True) as folder:
            mode = _mode(last or ".", folder, name)
            if attempt.reveals:
                mode = _OWNERS_ONLY
            _replace(folder, last, temporary, content, mode)
    except UnicodeEncodeError as error:
        raise Refusal("file_io", f"the text for '{name}' holds half a surrogate pair, which is no text") from error
    except OSError as error:
        raise system_refusal(error, name, "write") from error


def _temporary_name(attempt: Attempt, real: str) -> str:
    """The same for every attempt of the step, so that what a crash left is found and cleared away."""
    return f".wf-{hashlib.sha256(os.fsencode(f'{attempt.idempotency_key}:{real}')).hexdigest()[:16]}.tmp"


def _mode(last: str, folder: int, name: str) -> int | None:
    """The permission bits of the file that is to be replaced, if there is one."""
    try:
        status = os.stat(last, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    check_kind(status, name)
    return status.st_mode & 0o777


def _replace(folder: int, last: str, temporary: str, content: bytes, mode: int | None) -> None:
    """Write all of a new file beside the old one, and put it in its place at once."""
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)
    descriptor = os.open(temporary, _TEMPORARY_FLAGS, 0o666 if mode is None else mode, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)  # what the umask took away
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise
    sync_folder(folder)
