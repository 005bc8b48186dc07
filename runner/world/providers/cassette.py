"""Cassettes: the calls of a run, in the order in which they ended, as a YAML file that people read and compare."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from runner.ground import resources
from runner.ground.errors import Failure, InvalidWorkflow, Problem, StoreError, UsageError
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.language import yaml_writer
from runner.language.schema.checker import Checker, checker
from runner.language.schema.fault import SchemaFault
from runner.language.schema.linked import link
from runner.language.source import Source, in_file_order, read
from runner.record.address import owner_of, segments
from runner.record.events import CALL
from runner.record.usage import Usage
from runner.world.calls import (
    Call,
    CallDone,
    CallFailed,
    CommandCall,
    FileCall,
    FilesCall,
    Outcome,
    ReadCall,
    ServerCall,
    WriteCall,
)

FORMAT = 1
"""The version of the form of cassettes."""

LARGEST = 16 * 1024 * 1024
"""Bytes of a cassette."""

_WHERE = frozenset({"agent", "cwd", "file", "folder", "function", "modules", "pass_env", "timeout", "idle_timeout"})
"""Fields of calls that say where and how something is done, not what is asked: they may differ in a replay."""

_HOW_REACHED = frozenset(ServerCall.__struct_fields__) - {"server"}
"""The same of calls of MCP servers: how a server is reached."""

_OF_FILES = ReadCall | WriteCall | FileCall | FilesCall

_MODEL = "model"
_MESSAGES, _KEPT = "messages", "kept"
_LISTED = ("asked", "gave", "failed")
_IN_CALLS = 2


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded call, and what came of it: something, a failure, or nothing, where it was cut off.

    Without `call` it tells only when a step ended that is not recorded. `asked` is all that was asked.
    """

    step: str
    call: str = ""
    asked: dict[str, Json] = {}
    gave: Json = None
    failed: dict[str, Json] | None = None
    usage: dict[str, Json] | None = None
    cut: bool = False

    @property
    def outcome(self) -> Outcome:
        """What the call came to."""
        usage = None if self.usage is None else msgspec.convert(self.usage, Usage)
        if self.failed is None:
            return CallDone(self.gave, usage)
        type_: Any = self.failed["type"]
        failure = Failure(type_, self.failed["message"], self.failed.get("details", {}))
        return CallFailed(failure, self.gave, usage)


class Recording(msgspec.Struct, frozen=True):
    """That a run is recorded to a cassette: its file, by absolute path, and whether commands are recorded too."""

    file: str
    commands: bool = False


class Cassette(msgspec.Struct, frozen=True):
    """The calls of a run. `file` is what messages call it; `commands` says whether commands are among them."""

    file: str
    workflow: str
    commands: bool
    calls: tuple[Recorded, ...]

    @classmethod
    def from_data(cls, data: Json) -> Cassette:
        """The cassette that `data` describes: the inverse of `data`. Raises UsageError."""
        content = data["cassette"]
        calls = tuple(_calls(content["calls"]))
        return cls(data["file"], content.get("workflow", ""), content.get("commands", False), calls)

    @property
    def data(self) -> Json:
        """The cassette as JSON, to be kept with a run: a resumption needs no file."""
        return {"file": self.file, "cassette": self.content}

    @property
    def content(self) -> dict[str, Json]:
        """What its file holds."""
        commands = {"commands": True} if self.commands else {}
        return {"cassette": FORMAT, "workflow": self.workflow, **commands, "calls": list(_entries(self.calls))}

    def holds(self, call: Call) -> bool:
        """Whether calls of that kind are recorded."""
        return is_recorded(call, commands=self.commands)


def is_recorded(call: Call, *, commands: bool) -> bool:
    """Whether a call is recorded and replayed: not one of a file, and one of a command only if that is wanted."""
    return commands if isinstance(call, CommandCall) else not isinstance(call, _OF_FILES)


def kind_of(call: Call) -> str:
    """What cassettes call a kind of call."""
    return str(call.__struct_config__.tag)


def asked_of(call: Call) -> dict[str, Json]:
    """What a call asks, as cassettes hold it: its fields, but for those that are empty or as they are by default."""
    usual = dict(zip(reversed(call.__struct_fields__), reversed(call.__struct_defaults__), strict=False))
    left_out = _WHERE | _HOW_REACHED if isinstance(call, ServerCall) else _WHERE
    given = {name: getattr(call, name) for name in call.__struct_fields__ if name not in left_out}
    unusual = {name: value for name, value in given.items() if value not in (None, "", (), {})}
    return {name: _listed(value) for name, value in unusual.items() if value != usual.get(name, msgspec.UNSET)}


def _listed(value: Json) -> Json:
    """A value as it is read from a file: with lists in the place of tuples."""
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    return {key: _listed(item) for key, item in value.items()} if isinstance(value, dict) else value


def _entries(calls: Iterable[Recorded]) -> Iterator[dict[str, Json]]:
    """The calls as their file has them: of what is asked only that which is new since the call before of the step."""
    before: dict[tuple[str, str], dict[str, Json]] = {}
    for call in calls:
        if not call.call:
            yield {"step": call.step, "ended": True}
            continue
        place = _conversation(call)
        entry: dict[str, Json] = {"step": call.step, "call": call.call}
        for key, value in _news(before.get(place), call.asked).items():
            _put(entry, key, value)
        before[place] = call.asked
        yield entry | _came(call)


def _conversation(call: Recorded) -> tuple[str, str]:
    """What a call shares with those whose messages go on in it: its agent's step, else its own; and its kind."""
    last = segments(call.step)[-1]
    is_numbered = last is not None and last.name == CALL and bool(last.visit)
    return (owner_of(call.step) if is_numbered else call.step), call.call


def _news(before: dict[str, Json] | None, asked: dict[str, Json]) -> dict[str, Json]:
    if before is None:
        return {"asked": asked}
    changed = {key: value for key, value in asked.items() if key not in before or before[key] != value}
    gone: dict[str, Json] = {key: None for key in before if key not in asked}
    kept: dict[str, Json] = {}
    if _MESSAGES in changed and _MESSAGES in before:
        shared = _shared(before[_MESSAGES], asked[_MESSAGES])
        changed[_MESSAGES] = asked[_MESSAGES][shared:]
        kept = {} if shared == len(before[_MESSAGES]) else {_KEPT: shared}
    news = changed | gone
    return {**kept, **({"asked": news} if news else {})}


def _shared(before: list[Json], after: list[Json]) -> int:
    """How many messages stand at the beginning of both."""
    pairs = zip(before, after, strict=False)
    return next((place for place, (old, new) in enumerate(pairs) if old != new), min(len(before), len(after)))


def _came(call: Recorded) -> dict[str, Json]:
    """What came of a call, as its entry says it."""
    entry: dict[str, Json] = {}
    if call.cut:
        return {"cut": True}
    if call.failed is None or call.gave is not None:
        _put(entry, "gave", _short(call))
    if call.failed is not None:
        _put(entry, "failed", call.failed)
    return entry | ({"usage": call.usage} if call.usage is not None else {})


def _short(call: Recorded) -> Json:
    """What a call gave; of a model that says one thing and is done, that alone."""
    gave = call.gave
    is_text = call.call == _MODEL and isinstance(gave, dict) and gave == _reply(gave.get("text", ""))
    return gave["text"] if is_text else gave


def _reply(text: str) -> dict[str, Json]:
    return {"text": text, "tool_calls": [], "finish": "stop"}


def _put(entry: dict[str, Json], key: str, value: Json) -> None:
    if key not in _LISTED or yaml_writer.is_writable(value):
        entry[key] = value
    else:
        entry[f"{key}_json"] = json.dumps(value, ensure_ascii=False)


def _calls(entries: Iterable[Mapping[str, Any]]) -> Iterator[Recorded]:
    """The inverse of `_entries`. Raises UsageError where that can't be."""
    before: dict[tuple[str, str], dict[str, Json]] = {}
    for number, entry in enumerate(entries, 1):
        if "call" not in entry:
            yield Recorded(step=entry["step"])
            continue
        call = Recorded(step=entry["step"], call=entry["call"])
        place = _conversation(call)
        told = _in_full(entry, number)
        asked = before[place] = _whole(before.get(place, {}), told.get("asked", {}), told.get(_KEPT), number)
        gave = told.get("gave")
        if call.call == _MODEL:
            gave = _reply(gave) if isinstance(gave, str) else gave
            if not (told.keys() & {"failed", "cut"} or (isinstance(gave, dict) and gave.keys() == _reply("").keys())):
                raise _Misfit(number, "a model gave a text, or {text: …, tool_calls: […], finish: …}")
        fields = {"asked": asked, "gave": gave, "failed": told.get("failed")}
        yield msgspec.structs.replace(call, **fields, usage=told.get("usage"), cut=told.get("cut", False))


def _in_full(entry: Mapping[str, Any], number: int) -> dict[str, Any]:
    """An entry with values in the place of JSON texts. Raises _Misfit."""
    texts = {key: entry[name] for key in _LISTED if (name := f"{key}_json") in entry}
    if not texts:
        return dict(entry)
    try:
        values = {key: parse_json(text) for key, text in texts.items()}
    except NotJson as error:
        raise _Misfit(number, f"its JSON can't be read: {error}") from error
    told = {key: value for key, value in entry.items() if key.removesuffix("_json") not in texts} | values
    for fault in _schema().faults({"cassette": FORMAT, "calls": [told]}):
        raise _Misfit(number, f"in its JSON: {fault.words}")
    return told


def _whole(before: dict[str, Json], news: dict[str, Json], kept: int | None, number: int) -> dict[str, Json]:
    asked = {key: value for key, value in {**before, **news}.items() if value is not None}
    earlier = before.get(_MESSAGES, [])
    if kept is not None and kept > len(earlier):
        raise _Misfit(number, f"kept: {kept}, but the call before it of this step has {len(earlier)} messages")
    if earlier and (kept is not None or news.get(_MESSAGES) is not None):
        asked[_MESSAGES] = [*earlier[:kept], *(news.get(_MESSAGES) or [])]
    return asked


class _Misfit(UsageError):
    """An entry that can't be what it says."""

    def __init__(self, number: int, words: str) -> None:
        super().__init__(f"call {number}: {words}", "record the run again: wf run --record FILE")
        self.number = number


def recording_to(file: str, *, commands: bool) -> Recording:
    """That a run is recorded to a file. Raises UsageError where none can be written there."""
    path = Path(file).absolute()
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        why = "it is a folder" if path.is_dir() else f"no file can be made in {path.parent}"
        raise UsageError(f"--record {file}: {why}")
    return Recording(str(path), commands)


def read_cassette(path: Path, shown: str | None = None) -> Cassette:
    """The cassette at `path`, called `shown` in messages: YAML by `schemas/cassette.schema.json`.

    Raises InvalidWorkflow with all mistakes.
    """
    source = read(path, shown, LARGEST)
    if problems := [_problem(source, fault) for fault in _schema().faults(source.data)]:
        raise InvalidWorkflow(sorted(problems, key=in_file_order))
    try:
        return Cassette.from_data({"file": source.file, "cassette": source.data})
    except _Misfit as error:
        place = source.place(("calls", error.number - 1))
        raise InvalidWorkflow([Problem(error.message, place, error.hint, rule="cassette")]) from error


@cache
def _schema() -> Checker:
    text = (resources.data("schemas") / "cassette.schema.json").read_text(encoding="utf-8")
    return checker(link(json.loads(text)))


def _problem(source: Source, fault: SchemaFault) -> Problem:
    is_about_key = fault.kind in {"unknown", "key"}
    where = f"call {int(fault.path[1]) + 1}: " if len(fault.path) >= _IN_CALLS else ""
    hint = "" if where else "a cassette is what wf run --record FILE writes"
    return Problem(f"{where}{fault.words}", source.place(fault.path, key=is_about_key), hint, rule="cassette")


def cassette_text(cassette: Cassette) -> str:
    """What its file holds. Raises StoreError where that is too much."""
    text = yaml_writer.written(cassette.content)
    if len(text.encode()) > LARGEST:
        raise StoreError(f"the cassette would be larger than {LARGEST >> 20} MiB", "give large values by files")
    return text
