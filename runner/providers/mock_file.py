"""Reads a mock file: YAML by `schemas/mock.schema.json`, every mistake with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from runner.errors import ErrorType, InvalidWorkflow, Problem, did_you_mean
from runner.providers.scripted import Script
from runner.source import Source, read

Json = Any
At = tuple[str | int, ...]
Found = Iterator[tuple[At, bool, str]]
"""Mistakes: where, whether it is about the key rather than its value, and what it is."""

_EXAMPLE = 'write a list, such as: review: ["plain text", {reply: {score: 5}}]'
_NUMBER = (int, float)
_PRINTED = frozenset({"stdout", "stderr", "exit_code"})
_FORMS: dict[str, frozenset[str]] = {
    "reply": frozenset({"reply", "usage"}),
    "tool_calls": frozenset({"tool_calls", "text", "usage"}),
    "error": frozenset({"error", "message", "retry_after", "usage"}),
}
_ALL = frozenset[str]().union(_PRINTED, *_FORMS.values())


def read_script(path: Path, shown: str | None = None) -> Script:
    """The script in the mock file at `path`, called `shown` in messages. Raises InvalidWorkflow with all mistakes."""
    source = read(path, shown)
    problems = [_problem(source, *found) for found in _mistakes(source.data)]
    if problems:
        raise InvalidWorkflow(problems)
    places = {key: source.place((key,), key=True) for key in source.data}
    return Script(source.file, source.data, places)


def _problem(source: Source, at: At, on_key: bool, message: str) -> Problem:
    message, _, hint = message.partition(" | ")
    return Problem(message, source.place(at, key=on_key), hint, rule="mock")


def _mistakes(data: Json) -> Found:
    if not isinstance(data, dict) or not data:
        yield (), False, f"a mock file maps steps, nodes or agents to their replies | {_EXAMPLE}"
        return
    for key, replies in data.items():
        if not isinstance(replies, list) or not replies:
            yield (key,), True, f"'{key}' must have a list of replies | {_EXAMPLE}"
            continue
        for index, reply in enumerate(replies):
            yield from _in_reply(reply, (key, index))


def _in_reply(reply: Json, at: At) -> Found:
    if isinstance(reply, str):
        return
    if not isinstance(reply, dict):
        yield at, False, "a reply is text or a mapping | a value of another type is written {reply: …}"
        return
    form = next((form for form in _FORMS if form in reply), "")
    fields = _FORMS.get(form, _PRINTED if _PRINTED & reply.keys() else _ALL)
    for name in reply:
        if name not in fields:
            yield (*at, name), True, _stray(name, form)
    if fields is _ALL:
        yield at, False, "a reply holds one of: reply, error, tool_calls, stdout, stderr, exit_code"
    for name, value in reply.items():
        if name in fields and name in _FIELDS:
            yield from _FIELDS[name](value, (*at, name))


def _stray(name: str, form: str) -> str:
    if name in _ALL:
        return f"'{name}' can't stand beside '{form or 'stdout'}' in one reply"
    return f"a reply has no '{name}'{did_you_mean(name, sorted(_ALL))}"


def _error(value: Json, at: At) -> Found:
    types = get_args(ErrorType)
    if value not in types:
        yield at, False, f"no error type '{value}'{did_you_mean(str(value), types)} | one of: {', '.join(types)}"


def _tool_calls(value: Json, at: At) -> Found:
    if not isinstance(value, list) or not value:
        yield at, False, "tool_calls must be a list | such as: tool_calls: [{tool: git/git_log, with: {}}]"
        return
    for index, call in enumerate(value):
        if not isinstance(call, dict) or not _is_name(call.get("tool")):
            yield (*at, index), False, "a tool call names its tool | such as: {tool: git/git_log, with: {}}"
        else:
            yield from _members(call, (*at, index), _TOOL_CALL)


def _usage(value: Json, at: At) -> Found:
    if isinstance(value, dict):
        yield from _members(value, at, _USAGE)
    else:
        yield at, False, "usage must be a mapping | such as: usage: {prompt_tokens: 10, reply_tokens: 5}"


def _members(value: Mapping[str, Json], at: At, known: Mapping[str, tuple[Callable[[Json], bool], str]]) -> Found:
    for name, member in value.items():
        if name not in known:
            yield (*at, name), True, f"no '{name}' here{did_you_mean(name, list(known))}"
        elif not known[name][0](member):
            yield (*at, name), False, f"'{name}' must be {known[name][1]}"


def _is_name(value: Json) -> bool:
    return isinstance(value, str) and bool(value)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_amount(value: Json) -> bool:
    return isinstance(value, _NUMBER) and not isinstance(value, bool) and value >= 0


def _must(is_right: Callable[[Json], bool], words: str) -> Callable[[Json, At], Found]:
    def check(value: Json, at: At) -> Found:
        if not is_right(value):
            yield at, False, f"'{at[-1]}' must be {words}"

    return check


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_USAGE: dict[str, tuple[Callable[[Json], bool], str]] = {
    "prompt_tokens": (_is_count, "a whole number, 0 or more"),
    "reply_tokens": (_is_count, "a whole number, 0 or more"),
    "cost_usd": (lambda value: value is None or _is_amount(value), "a number, 0 or more, or null"),
}
_TOOL_CALL: dict[str, tuple[Callable[[Json], bool], str]] = {
    "tool": (_is_name, "a tool's name"),
    "with": (lambda value: isinstance(value, dict), "a mapping of arguments"),
    "id": (_is_name, "text"),
}
_FIELDS: dict[str, Callable[[Json, At], Found]] = {
    "error": _error,
    "message": _must(_is_text, "text"),
    "retry_after": _must(_is_amount, "a number of seconds"),
    "tool_calls": _tool_calls,
    "text": _must(_is_text, "text"),
    "usage": _usage,
    "stdout": _must(_is_text, "text"),
    "stderr": _must(_is_text, "text"),
    "exit_code": _must(_is_whole, "a whole number"),
}
