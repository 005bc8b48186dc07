"""Scripted replies: the content of a `--mock` file in the place of models, commands and tools. Nothing is random."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

import msgspec

from runner.ground import resources
from runner.ground.errors import Failure, InvalidWorkflow, Place, Problem, did_you_mean
from runner.ground.json_value import Json
from runner.language.schema.checker import Checker, checker
from runner.language.schema.fault import SchemaFault
from runner.language.schema.linked import link
from runner.language.schema.other_forms import yaml
from runner.language.source import Source, in_file_order, read
from runner.record.address import owner_of
from runner.record.cues import Cue
from runner.record.events import CALL
from runner.record.usage import Usage
from runner.world.calls import (
    AnyCall,
    Attempt,
    CallDone,
    CallFailed,
    CommandCall,
    Context,
    FileCall,
    HttpCall,
    ModelCall,
    NoReply,
    Outcome,
    ReadCall,
    WriteCall,
)
from runner.world.http_answers import Answer, judged_answer
from runner.world.program_exits import judged
from runner.world.providers.contract import Reply, ToolCall, model_call

_ANY = (
    "a reply is text, {reply: …}, {tool_calls: […]}, {error: …}, of a command {stdout: …, stderr: …, exit_code: …}"
    ", or of a request {status: …, headers: …, json: …}"
)
_FORMS = {
    "repeat": "{repeat: REPLY}, the last of its list",
    "reply": "{reply: …, finish: length, usage: …}",
    "error": "{error: …, message: …, retry_after: …, usage: …}",
    "tool_calls": "{tool_calls: [{tool: …, with: …}], text: …, finish: length, usage: …}",
    "status": "{status: …, headers: …, body: …} or {status: …, headers: …, json: …}",
}
"""What a reply may be in full, by the key that tells which it is."""

_OF_COMMANDS = ("stdout", "stderr", "exit_code")
_OF_REQUESTS = ("status", "headers", "body", "json")
_HINTS = {
    "tool_calls": "a tool call holds: tool, with (its arguments), id",
    "usage": "usage holds: prompt_tokens, reply_tokens, cost_usd",
}
_OF_TEXT = {CommandCall: "stdout", HttpCall: "body"}
"""What a bare text is, by the kind of call, where it is not the whole reply."""

_REPLY_DEPTH = 2
_LONGEST_SHOWN = 60

_REPEAT = "repeat"
"""The form of a last reply that serves all calls that follow."""


class Script(msgspec.Struct, frozen=True):
    """Successive replies, by the path of a step, else by node, else by agent. Itself a Provider.

    `file` is what messages call it; `places` tell where its keys stand, when it was just read from the file.
    """

    file: str
    replies: Mapping[str, list[Json]]
    places: Mapping[str, Place] = msgspec.field(default_factory=dict)

    @classmethod
    def from_data(cls, data: Json) -> Script:
        """The script that `data` describes: the inverse of `data`."""
        return cls(data["file"], data["replies"])

    @property
    def data(self) -> Json:
        """The script as JSON, to be kept with a run: a resumption needs no file."""
        return {"file": self.file, "replies": dict(self.replies)}

    def begin(self, models: Iterable[str], context: Context) -> None:
        """There is nothing to begin. See Provider."""

    async def close(self) -> None:
        """There is nothing to let go of. See Provider."""

    async def prepare(self, model: str, context: Context) -> None:
        """There is nothing to prepare. See Provider."""

    async def ask(self, attempt: Attempt, context: Context) -> Outcome:
        """Answer a model call. See Provider."""
        model_call(attempt)
        outcome = self._next(attempt)
        if isinstance(outcome, CallDone) and outcome.output["text"]:
            context.stream(attempt.step, outcome.output["text"])
        return outcome

    def reply(self, attempt: Attempt) -> Outcome | None:
        """What the script has for a call. None for a command or tool that it does not name, and for files: all real."""
        if isinstance(attempt.call, ReadCall | WriteCall | FileCall):
            return None
        return self._next(attempt) if attempt.cue is not None or isinstance(attempt.call, ModelCall) else None

    def _next(self, attempt: Attempt) -> Outcome:
        cue = attempt.cue
        if cue is None:
            return self._unknown(attempt)
        replies = self.replies[cue.key]
        if cue.number < len(replies) or _is_repeated(replies[-1]):
            return self._outcome(cue.key, min(cue.number, len(replies) - 1), attempt)
        return self._used_up(cue, attempt)

    def _outcome(self, key: str, index: int, attempt: Attempt) -> Outcome:
        entry = self.replies[key][index]
        form = _form(entry[_REPEAT] if _is_repeated(entry) else entry, attempt.call)
        if "error" in form:
            return _scripted_failure(form, attempt.call)
        if misfit := _misfit(form, attempt.call):
            return _failed(f"{self.file}: reply {index + 1} of '{key}' does not fit '{attempt.step}': {misfit}")
        if isinstance(attempt.call, ModelCall):
            return _answered(_said(form, index), _usage(form, attempt.call), attempt.call)
        if isinstance(attempt.call, CommandCall) and "reply" not in form:
            return _printed(form, attempt.call)
        if isinstance(attempt.call, HttpCall) and "reply" not in form:
            return judged_answer(attempt.call, _answer(form))
        return CallDone(form["reply"])

    def _used_up(self, cue: Cue, attempt: Attempt) -> NoReply:
        key, count = cue.key, len(self.replies[cue.key])
        if cue.number > count:
            many = "is 1" if count == 1 else f"are {count}"
            needed = f"'{attempt.step}' needs reply {cue.number + 1} under '{key}', and there {many}"
            return NoReply(f"{self.file}: {needed}: those that were used before count too")
        had = "its 1 reply is" if count == 1 else f"all its {count} replies are"
        return NoReply(f"{self.file}: '{attempt.step}' needs one more reply under '{key}': {had} used up")

    def _unknown(self, attempt: Attempt) -> NoReply:
        tried = " or ".join(f"'{key}'" for key in attempt.cue_keys)
        near = next(filter(None, (did_you_mean(key, list(self.replies)) for key in attempt.cue_keys)), "")
        return NoReply(f"{self.file} has no replies for '{attempt.step}': add them under {tried}{near}")

    def unused(self, known: Collection[str]) -> tuple[Problem, ...]:
        """A warning for each key that stands for none of the `known` nodes and agents."""
        strange = [key for key in self.replies if key not in known and _node_of(key) not in known]
        return tuple(self._warning(key, known) for key in strange)

    def _warning(self, key: str, known: Collection[str]) -> Problem:
        message = f"'{key}' is no step, node or agent of the workflow{did_you_mean(_node_of(key), sorted(known))}"
        return Problem(message, self.places.get(key), severity="warning", rule="mock")


def _is_repeated(entry: Json) -> bool:
    return isinstance(entry, dict) and _REPEAT in entry


def _node_of(path: str) -> str:
    """The node at the end of a step's path: `summarize` of `each[3]/summarize#2`, and of its `summarize/call#2`."""
    while (place := owner_of(path)) and path.startswith(f"{CALL}#", len(place) + 1):
        path = place
    return path.rpartition("/")[2].partition("#")[0].partition("[")[0]


def _form(entry: Json, call: AnyCall) -> dict[str, Json]:
    """A reply in its long form: bare text is what a model says, what a program prints, what a tool returns."""
    if not isinstance(entry, str):
        return dict(entry)
    return {_OF_TEXT.get(type(call), "reply"): entry}


def _printed(form: Mapping[str, Json], call: CommandCall) -> Outcome:
    stdout, stderr = (form.get(name, "").encode("utf-8", "surrogatepass") for name in ("stdout", "stderr"))
    return judged(call, stdout, stderr, form.get("exit_code", 0))


def _answer(form: Mapping[str, Json]) -> Answer:
    """What a server is said to answer."""
    headers = {name.lower(): value for name, value in form.get("headers", {}).items()}
    if "json" in form:
        return Answer(form.get("status", 200), _JSON | headers, json.dumps(form["json"], ensure_ascii=False).encode())
    return Answer(form.get("status", 200), headers, form.get("body", "").encode("utf-8", "surrogatepass"))


_JSON = {"content-type": "application/json"}


def _misfit(form: Mapping[str, Json], call: AnyCall) -> str:
    """What a reply would have to be for this kind of call, or nothing when it is that."""
    if "reply" in form:
        return ""
    if isinstance(call, ModelCall):
        return "" if "tool_calls" in form else "a model's is text, {reply: …}, {tool_calls: …} or {error: …}"
    if isinstance(call, CommandCall):
        is_one = form.keys() <= {*_OF_COMMANDS}
        return "" if is_one else "a command's is text, {stdout: …, stderr: …, exit_code: …} or {error: …}"
    if isinstance(call, HttpCall):
        is_one = form.keys() <= {*_OF_REQUESTS}
        return "" if is_one else "a request's is text, {status: …, headers: …, body: …}, {json: …} or {error: …}"
    return "a tool's is {reply: …} or {error: …}"


def _failed(message: str) -> CallFailed:
    """A mistake in the script: of a type that nothing tries again."""
    return CallFailed(Failure("unknown", message, {"source": "mock"}))


def _scripted_failure(form: Mapping[str, Json], call: AnyCall) -> CallFailed:
    message = form.get("message") or f"scripted: {form['error']}"
    return CallFailed(Failure(form["error"], message, {}, form.get("retry_after")), usage=_usage(form, call))


def _usage(form: Mapping[str, Json], call: AnyCall) -> Usage | None:
    """What a scripted model call used: nothing, and free of charge, unless the reply says otherwise."""
    if not isinstance(call, ModelCall):
        return None
    given = {"prompt_tokens": 0, "reply_tokens": 0, "cost_usd": 0.0, **form.get("usage", {})}
    return Usage(call.model, **given)


def _answered(reply: Reply, usage: Usage | None, call: ModelCall) -> Outcome:
    """A reply as a provider's would be taken: one that says nothing is none."""
    is_cut = reply["finish"] == "length"
    if reply["text"].strip() or reply["tool_calls"] or (is_cut and call.output_schema is not None):
        return CallDone(reply, usage)
    used_up = f"max_reply_tokens ({call.max_reply_tokens}) was used up before the model said anything: raise it"
    details = {"reply": reply["text"], "finish": reply["finish"]}
    words = f"{call.model}: {used_up if is_cut else 'the reply is empty'}"
    return CallFailed(Failure("output_invalid", words, details), usage=usage)


def _said(form: Mapping[str, Json], index: int) -> Reply:
    calls = [
        _tool_call(call, f"call_{index + 1}_{number}") for number, call in enumerate(form.get("tool_calls", ()), 1)
    ]
    said = form.get("text", "") if calls else form["reply"]
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return Reply(text=text, tool_calls=calls, finish=form.get("finish", "tool_calls" if calls else "stop"))


def _tool_call(call: Mapping[str, Json], identity: str) -> ToolCall:
    return {"id": call.get("id", identity), "tool": call["tool"], "with": call.get("with", {})}


def read_script(path: Path, shown: str | None = None) -> Script:
    """The script in the mock file at `path`, called `shown` in messages: YAML by `schemas/mock.schema.json`.

    Raises InvalidWorkflow with all mistakes.
    """
    source = read(path, shown)
    _refuse(source.data, source)
    places = {key: source.place((key,), key=True) for key in source.data}
    return Script(source.file, source.data, places)


def script_of(replies: Json) -> Script:
    """As `read_script`, of what such a file holds. Raises InvalidWorkflow."""
    _refuse(replies, None)
    return Script("mock", dict(replies))


def _refuse(replies: Json, source: Source | None) -> None:
    problems = [_problem(source, fault) for fault in _schema().faults(replies)]
    if problems := problems or _repeated_too_soon(replies, source):
        raise InvalidWorkflow(sorted(problems, key=in_file_order) if source else problems)


@cache
def _schema() -> Checker:
    text = (resources.data("schemas") / "mock.schema.json").read_text(encoding="utf-8")
    return checker(link(json.loads(text)))


def _repeated_too_soon(replies: Json, source: Source | None) -> list[Problem]:
    """What follows a reply that is repeated would never be given."""
    return [
        Problem(
            f"reply {number + 1} of '{key}': only the last reply can be one that repeats",
            source.place((key, number), key=False) if source else None,
            f"put it at the end of its list: {key}: [REPLY, {{repeat: REPLY}}]",
            rule="mock",
        )
        for key, entries in replies.items()
        for number, entry in enumerate(entries[:-1])
        if _is_repeated(entry)
    ]


def _problem(source: Source | None, fault: SchemaFault) -> Problem:
    is_about_key = fault.kind in {"unknown", "key"}
    owner = fault.path[:-1] if is_about_key else fault.path
    where = f"reply {int(owner[1]) + 1} of '{owner[0]}': " if len(owner) >= _REPLY_DEPTH else ""
    where = where or (f"'{owner[0]}': " if owner else "")
    hint = next((words for name, words in _HINTS.items() if name in owner), "")
    hint = hint or (_shape(fault) if len(owner) >= _REPLY_DEPTH else _as_list(fault))
    place = source.place(fault.path, key=is_about_key) if source else None
    return Problem(f"{where}{fault.words}", place, hint, rule="mock")


def _shape(fault: SchemaFault) -> str:
    """What a reply may be: of the form that it has by another key, or of any."""
    form = next((form for key, form in _FORMS.items() if key in fault.known), "")
    return f"such a reply is {form}" if form and fault.name not in _OF_COMMANDS else _ANY


def _as_list(fault: SchemaFault) -> str:
    """One reply in the place of a list of them."""
    if fault.kind != "value" or len(fault.path) != 1 or not isinstance(fault.value, dict | str):
        return ""
    shown = yaml(fault.value)
    return f"write a list: {fault.path[0]}: [{shown if len(shown) <= _LONGEST_SHOWN else '…'}]"
