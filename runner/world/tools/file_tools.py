"""The built-in tools that read, list, search and edit files inside the permitted roots."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import msgspec

from runner.ground.json_value import Json
from runner.language.pattern import CompiledPattern, TooSlow, Unusable, pattern_of
from runner.record.gates import Gate
from runner.world.calls import Attempt, CallDone, Context, FilesCall, Outcome
from runner.world.tools.edit_marks import made_before, mark_edit
from runner.world.tools.files import MAX_FILE, MAX_TOTAL, changing, content_of, put, real_path, unreadable
from runner.world.tools.globs import escaped, matches
from runner.world.tools.paths import check_text, named, resolve_to_read, resolve_to_write, system_refusal
from runner.world.tools.protection import is_of_store
from runner.world.tools.refusal import Refusal

LONGEST_PART = 64 * 1024
"""Characters of a file that are given at once."""

MOST_PATHS = 1000
MOST_MATCHES = 200
LONGEST_LINE = 300
"""Characters of a line that was found that are given."""


async def perform_files(call: FilesCall, attempt: Attempt, context: Context) -> Outcome:
    """Use a built-in tool on files. Raises Refusal. A cancel waits for an edit that has begun: it is short."""
    work = asyncio.get_running_loop().run_in_executor(None, _TOOLS[call.tool], _Use(call, attempt, context))
    try:
        output = await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
    context.passed(Gate(call.gate, real_path(call.path, call.folder)))
    return CallDone(output)


class _Use(msgspec.Struct, frozen=True):
    """One use of a tool."""

    call: FilesCall
    attempt: Attempt
    context: Context

    @property
    def given(self) -> Mapping[str, Json]:
        return self.call.arguments

    @property
    def name(self) -> str:
        """What the path is called in answers."""
        return self.named(self.call.path)

    def named(self, path: str) -> str:
        return named(path, self.call.folder)

    def resolved(self, path: str) -> str:
        """Where a path leads that may be read: a file that runs have kept, too, by whoever was told of it."""
        check_text(path)
        real, kept = os.path.realpath(os.path.join(self.call.folder, path)), self.context.kept  # noqa: PTH118 - lexical
        if kept is not None and kept.holds(real):
            return real
        real = resolve_to_read(path, self.call.folder, self.attempt.permissions)
        if self.closed(real):
            name = self.named(path)
            raise Refusal("permission_denied", f"'{name}' may not be read: wf keeps its runs there", path=name)
        return real

    def closed(self, real: str) -> bool:
        """Whether a resolved path is where wf keeps its runs, which no tool tells of."""
        return is_of_store(real, self.context.protected)

    def text(self, path: str) -> str:
        """The text of a file. Raises Refusal."""
        real, name = self.resolved(path), self.named(path)
        try:
            return content_of(real, name).decode()
        except OSError as error:
            raise unreadable(error, real, name, self.attempt.permissions) from error
        except UnicodeDecodeError as error:
            raise Refusal("file_io", f"'{name}' is not UTF-8 text (see its byte {error.start})", path=name) from error

    def found(self, pattern: str) -> list[str]:
        """What a glob matches below the path, with folders. Raises Refusal."""
        real = self.resolved(self.call.path)
        if not os.path.isdir(real):  # noqa: PTH112 - str in, bool out
            raise Refusal("file_io", f"'{self.name}' is not a folder", path=self.name)
        check_text(pattern)
        whole = f"{escaped(real)}/{pattern}"
        return matches(whole, self.call.folder, self.attempt.permissions, looking=True, closed=self.closed)


def _read(use: _Use) -> Json:
    lines = _lines(use.context.mask(use.text(use.call.path)))
    first = use.given["from"]
    part: list[str] = []
    length = 0
    for line in lines[first - 1 : first - 1 + use.given["count"]]:
        length += len(line)
        if part and length > LONGEST_PART:
            break
        part.append(line)
    text = "".join(part)[:LONGEST_PART]
    return {"path": use.name, "text": text, "from": first, "to": first - 1 + len(part), "lines": len(lines)}


def _lines(text: str) -> list[str]:
    """The lines of a text, each with its end."""
    *whole, last = text.split("\n")
    return [*(f"{line}\n" for line in whole), *([last] if last else [])]


def _list(use: _Use) -> Json:
    found = [_shown(use, path) for path in use.found(use.given["pattern"])]
    return {"paths": found[:MOST_PATHS], "left_out": max(0, len(found) - MOST_PATHS)}


def _shown(use: _Use, path: str) -> str:
    """A path that was found, as answers name it."""
    return f"{use.named(path)}/" if path.endswith("/") else use.named(path)


def _search(use: _Use) -> Json:
    pattern = _pattern(use)
    real = use.resolved(use.call.path)
    is_file = os.path.isfile(real)  # noqa: PTH113 - str in, bool out
    paths = [real] if is_file else [path for path in use.found(use.given["files"]) if not path.endswith("/")]
    found: list[Json] = []
    unread: list[str] = []
    size = left_out = 0
    for path in paths:
        text = _text_to_search(path, use)
        if text is None:
            unread.append(use.named(path))
            continue
        size += len(text)
        if size > MAX_TOTAL:
            raise Refusal("file_io", f"the files have more than {MAX_TOTAL >> 20} MiB together; search fewer")
        lines = _matching(path, text, pattern, use)
        found += islice(lines, MOST_MATCHES - len(found))
        left_out += sum(1 for _ in lines)
    return {"matches": found, "left_out": left_out, "not_read": unread[:MOST_PATHS]}


def _text_to_search(path: str, use: _Use) -> str | None:
    """The text of a file; None for what is no text, or too long, or gone."""
    try:
        text = use.text(path)
    except Refusal:
        return None
    return None if "\0" in text else text


def _pattern(use: _Use) -> CompiledPattern:
    try:
        return pattern_of(use.given["pattern"])
    except Unusable as error:
        raise Refusal("input_invalid", f"{error.reason}; {error.hint}".removesuffix("; ")) from error


def _matching(path: str, text: str, pattern: CompiledPattern, use: _Use) -> Iterator[Json]:
    """The lines of a file that fit."""
    try:
        for number, line in enumerate(text.split("\n"), 1):
            if pattern.found_in(line):
                yield {"path": use.named(path), "line": number, "text": use.context.mask(line)[:LONGEST_LINE]}
    except TooSlow as error:
        raise Refusal("input_invalid", f"{error}: '{use.named(path)}'; use a simpler one") from error


def _edit(use: _Use) -> Json:
    call, attempt = use.call, use.attempt
    use.resolved(call.path)
    real = resolve_to_write(call.path, call.folder, attempt.permissions, use.context.protected)
    old, new = use.given["old"], use.given["new"]
    with changing(real):
        text = use.text(call.path)
        if (made := made_before(use.context.kept, real, attempt, text)) is not None:
            return {"path": use.name, "replaced": made.replaced}
        count = text.count(old)
        if count != 1 and not (count and use.given["all"]):
            raise Refusal("input_invalid", _not_once(use.name, count), path=use.name, found=count)
        if len(text) + count * (len(new) - len(old)) > MAX_FILE:
            words = f"'{use.name}' would have more than {MAX_FILE >> 20} MiB"
            raise Refusal("input_invalid", words, path=use.name)
        _replace(use, real, text.replace(old, new), count)
    return {"path": use.name, "replaced": count}


def _replace(use: _Use, real: str, text: str, count: int) -> None:
    try:
        mark_edit(use.context.kept, real, use.attempt, text, count)
    except OSError as error:
        raise system_refusal(error, use.name, "edit") from error
    put(real, use.name, text, use.attempt)


def _not_once(name: str, count: int) -> str:
    if not count:
        return f"`old` does not stand in '{name}': give it with every blank and line end as files/read shows it"
    return f"`old` stands in '{name}' {count} times: give more of what is around it, or all: true"


_TOOLS: Mapping[str, Callable[[_Use], Json]] = {"read": _read, "list": _list, "search": _search, "edit": _edit}
