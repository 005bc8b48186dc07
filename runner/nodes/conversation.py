"""A conversation with a model: from its opening and the calls that have ended to what comes next. Pure.

A composite's memory keeps the messages, so that a turn takes in the calls that ended since the last one, and no others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from runner.ground.errors import Failure
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.nodes import model_files
from runner.nodes.agent_use import ResolvedAgent
from runner.nodes.approving import ApprovalGate
from runner.nodes.context import SUMMARY, Message, asking_for_summary, due_summary, sent
from runner.nodes.contract import Done, Failed, Memory, Spawn, StepFailed, SubAsk, SubCall, SubStep, View
from runner.nodes.delegation import delegate_tools, delegated, ends_the_asker, is_delegation, trouble_with
from runner.nodes.leaves.tool import tool_call
from runner.nodes.offered_tools import offered_tools
from runner.nodes.requested_input import after_input
from runner.record.address import numbered
from runner.record.event_parts import Write
from runner.record.events import CALL
from runner.record.reducers import session_key
from runner.record.run_state import Child
from runner.workflow.model import Model, Tool
from runner.world.calls import ModelCall
from runner.world.providers.contract import Reply, ToolCall

MAX_REPAIRS = 2
"""How often a model is asked again when its reply does not fit its schema."""

MAX_CUT_REPAIRS = 1
"""How often one is asked again when its bound cut the reply: with the same bound, it is often cut again."""

MAX_TURNS = 50
"""How many model calls one conversation may make, unless the agent says otherwise."""

MAX_TOOL_CALLS = 100
"""How many tool calls of one reply are made."""

MAX_REPLY = 1 << 20
"""How many characters a reply may have that is to be JSON."""

_FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)

_OWN_FAULT = frozenset(
    {
        *("cancelled", "interrupted", "template_error", "condition_error", "input_invalid", "state_invalid"),
        *("no_route", "loop_limit"),
    }
)
"""Failures that no other model would mend: the run was stopped, or the file itself is wrong, and nothing was sent."""

_Made = str | SubCall | SubStep | SubAsk | Failed | None
"""What a model is told of a call that it wants, what is opened for it, or its failure, if that is the agent's own."""

_USABLE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


_IDS = "ids"


class Conversation:
    """A conversation as its calls have made it.

    `opening` gives the messages that it begins with. It is asked only where the memory has none: at the beginning, and
    for a record that was made before memories kept them. With `session` it goes on with what other steps have said.
    """

    def __init__(
        self, resolved: ResolvedAgent, view: View, opening: Callable[[], list[Message]], session: str = ""
    ) -> None:
        self._resolved = resolved
        self._view = view
        self._kept: list[Message] = view.memory.get("messages", [])
        self._new: list[Message] = [] if self._kept else opening()
        self._calls: int = view.memory.get("calls", 0)
        self._fallbacks: int = view.memory.get("fallbacks", 0)
        self._repairs: int = view.memory.get("repairs", 0)
        self._turns: int = view.memory.get("turns", 0)
        self._summing: int = view.memory.get("summing", 0)
        self._session = session
        self._earlier: list[Message] = view.session(session) if session else []
        self._instead_of: dict[str, Json] | None = None
        self._tools: Mapping[str, Tool] = {}

    def go_on(self) -> Spawn | Done | Failed:
        """Take in the calls that have ended, and say what follows them."""
        if isinstance(tools := offered_tools(self._resolved, self._view), SubCall | Failed):
            return self._spawn(tools) if isinstance(tools, SubCall) else tools
        self._tools = tools
        if (waiting := self._take_files()) is not None:
            return waiting
        while True:
            last = self._new[-1] if self._new else self._kept[-1]
            if last.get("tool_calls"):
                answer: Spawn | Done | Failed | None = self._take_tools(last["tool_calls"])
            elif (child := self._view.children.get(_key(self._calls + 1))) is not None:
                self._calls, self._turns = self._calls + 1, self._turns + 1
                answer = self._take_summary(child) if self._summing else self._take_reply(child)
            else:
                answer = self._endless() if self._turns >= self._most else self._spawn(self._next_call())
            if answer is not None:
                return answer

    def _take_files(self) -> Spawn | Failed | None:
        """What the files of the prompt take before the model is asked; None once they are there."""
        paths = model_files.paths_in((*self._kept, *self._new)) if not self._turns else ()
        if self._calls >= len(paths):
            return None
        if not model_files.are_read(paths, self._view.children):
            return self._spawn(*model_files.readings(paths, self._view.folder))
        self._calls = len(paths)
        return model_files.refused(paths, self._view.children)

    def _spawn(self, *children: SubCall | SubStep | SubAsk) -> Spawn:
        counted = (self._calls, self._turns, self._fallbacks, self._repairs)
        values: dict[str, Json] = dict(zip(("calls", "turns", "fallbacks", "repairs"), counted, strict=True))
        named = {"chosen": self._resolved.name, "session": self._session, "summing": self._summing}
        values |= {key: value for key, value in named.items() if value or key in self._view.memory}
        if self._instead_of is not None:
            return Spawn(children, memory=Memory({**values, "messages": self._new}))
        return Spawn(children, memory=Memory(values, {"messages": self._new}))

    def _all(self) -> tuple[list[Message], list[Message]]:
        """The instructions, and the whole conversation, that of the session included."""
        own = [*self._kept, *self._new]
        begun = [model_files.with_files(message, self._view.children) for message in _asked(own)]
        own[: len(begun)] = begun
        told = own[:1] if own[0]["role"] == "system" else []
        return told, [*self._earlier, *own[len(told) :]]

    def _next_call(self) -> SubCall:
        """The next call of the model; or of the one that sums up, where that is due."""
        told, messages = self._all()
        bound = self._resolved.agent.context
        if (covers := due_summary(messages, bound)) and (model := self._resolved.summary) is not None:
            self._summing = covers
            asked = asking_for_summary(messages, covers)
            told_by = self._resolved.agent.name
            call = ModelCall(told_by, model.name, tuple(asked), model.max_reply_tokens, price=model.price)
            return SubCall(_key(self._calls + 1), call, {"model": model.name, "messages": asked})
        return self._model_call(sent(told, messages, len(self._earlier), bound))

    def _take_summary(self, child: Child) -> Failed | None:
        if child.status != "completed":
            error = child.error or {}
            return Failed(Failure(error["type"], error["message"], error["details"]))
        self._new.append({"role": SUMMARY, "content": child.output["text"], "covers": self._summing})
        self._summing = 0
        return None

    def _model_call(self, messages: list[Message]) -> SubCall:
        agent = self._resolved.agent
        model: Model = self._resolved.models[self._fallbacks]
        call = ModelCall(
            agent.name,
            model.name,
            tuple(messages),
            self._bound,
            agent.temperature if agent.temperature is not None else model.temperature,
            dict(agent.output_schema) if agent.output_schema is not None else None,
            tuple(self._told_tools()),
            model.timeout,
            model.idle_timeout,
            model.price,
        )
        said: list[Json] = [model_files.with_paths(message) for message in _since_reply(messages)]
        request: dict[str, Json] = {"model": model.name, "messages": said}
        if self._instead_of is not None:
            request["instead_of"] = self._instead_of
        return SubCall(_key(self._calls + 1), call, request)

    def _told_tools(self) -> list[dict[str, Json]]:
        """The tools, as a model is told of them, and the agents that it may delegate to."""
        tools: list[dict[str, Json]] = [
            {"name": tool.name, "description": tool.description, "schema": dict(tool.inputs)}
            for tool in self._tools.values()
        ]
        return [*tools, *delegate_tools(self._resolved)]

    def _take_reply(self, child: Child) -> Done | Failed | None:
        """Take in what a model replied; None while the conversation goes on."""
        if child.status != "completed":
            return self._fall_back(child.error or {})
        reply: Reply = child.output
        is_cut, schema = reply["finish"] == "length", self._resolved.agent.output_schema
        if reply["tool_calls"] and not is_cut:
            wanted = self._named_apart(reply["tool_calls"])
            self._new.append({"role": "assistant", "content": reply["text"], "tool_calls": wanted})
            return None
        if schema is None and not reply["tool_calls"]:
            return self._done(reply, reply["text"])
        value, errors = _parsed(reply["text"], schema or {})
        if reply["tool_calls"]:
            errors = ["a tool call in it is not whole"]
        return self._repair(reply, errors) if errors else self._done(reply, value)

    def _done(self, reply: Reply, output: Json) -> Done:
        """The end of the visit: what was said in it joins the session."""
        if not self._session:
            return Done(output)
        _, messages = self._all()
        said = [*messages[len(self._earlier) :], {"role": "assistant", "content": reply["text"]}]
        return Done(output, writes=(Write(session_key(self._session), "session", said),))

    def _named_apart(self, wanted: list[ToolCall]) -> list[ToolCall]:
        """The calls, each with an id that no other has in this conversation, and that any provider takes."""
        taken, named = self._taken_ids(), []
        for call in wanted:
            identity = call["id"]
            number = len(taken)
            while identity in taken or not _USABLE_ID.fullmatch(identity):
                number += 1
                identity = f"call_{number}"
            taken.add(identity)
            named.append(ToolCall({**call, "id": identity}))
        return named

    def _taken_ids(self) -> set[str]:
        """The ids of all calls in this conversation. They are noted: to look for them each time would be quadratic."""
        notes = self._view.notes
        if _IDS not in notes:
            before = (*self._earlier, *self._kept, *self._new)
            notes[_IDS] = {call["id"] for said in before for call in said.get("tool_calls") or ()}
        taken: set[str] = notes[_IDS]
        return taken

    def _fall_back(self, error: dict[str, Json]) -> Failed | None:
        """After a failure the next model begins afresh; None when there is one."""
        failed = self._resolved.models[self._fallbacks]
        self._fallbacks += 1
        if error["type"] in _OWN_FAULT or self._fallbacks >= len(self._resolved.models):
            return self._failed(error)
        self._instead_of = {"model": failed.name, "type": error["type"], "message": error["message"]}
        self._view.notes.pop(_IDS, None)
        self._kept, self._new, self._repairs = [], _asked([*self._kept, *self._new]), 0
        return None

    def _failed(self, error: dict[str, Json]) -> Failed:
        failure = Failure(error["type"], error["message"], error["details"])
        return Failed(failure, error={**error, "step": self._view.step})

    def _repair(self, reply: Reply, errors: list[str]) -> Failed | None:
        """Ask once more for a reply that does not fit; or after the last time, another model."""
        trouble, is_cut = "; ".join(errors), reply["finish"] == "length"
        words = f"That does not fit: {trouble}. Reply again, with the corrected JSON alone."
        failed = f"the reply does not fit its schema: {trouble}"
        if is_cut:
            bound = self._bound
            words = f"That was cut: a reply may have {bound} tokens (max_reply_tokens). Reply again, whole and shorter."
            failed = f"max_reply_tokens ({bound}) cut the reply: raise it, or ask for less"
        if self._repairs >= (MAX_CUT_REPAIRS if is_cut else MAX_REPAIRS):
            details = {"reply": reply["text"][:2000], "errors": errors, "finish": reply["finish"]}
            return self._fall_back(Failure("output_invalid", failed, details).as_error(self._view.step, 1))
        self._repairs += 1
        if reply["text"].strip():
            self._new.append({"role": "assistant", "content": reply["text"]})
        self._new.append({"role": "user", "content": words})
        return None

    @property
    def _bound(self) -> int:
        return self._resolved.agent.max_reply_tokens or self._resolved.models[self._fallbacks].max_reply_tokens

    @property
    def _most(self) -> int:
        return self._resolved.agent.max_turns or MAX_TURNS

    def _endless(self) -> Failed:
        words = f"the agent asks its model more than {self._most} times (max_turns) without coming to an end"
        return Failed(Failure("loop_limit", words))

    def _take_tools(self, wanted: list[ToolCall]) -> Spawn | Failed | None:
        """The tools that a reply asked for, each a call of its own; their results, once all are there, are taken in.

        A call that a person is to approve comes after a question of its own.
        """
        calls, results, is_held = self._calls, [], False
        pending: list[SubCall | SubStep | SubAsk] = []
        gate = ApprovalGate(self._resolved.agent.name, self._view)
        for place, asked in enumerate(wanted):
            result: _Made = self._refusal(asked) if place < MAX_TOOL_CALLS else _TOO_MANY
            if result is None:
                calls += 1
                result = self._made(asked, calls, gate)
            if isinstance(result, Failed):
                return result
            if isinstance(result, SubCall | SubStep | SubAsk):
                pending.append(result)
            is_held = is_held or result is None
            results.append({"role": "tool", "tool_call_id": asked["id"], "content": result})
        if pending or is_held:
            return self._spawn(*pending)
        self._calls = calls
        self._new += results
        return None

    def _made(self, asked: ToolCall, number: int, gate: ApprovalGate) -> _Made:
        """What a call has given; else what is to be opened for it, if anything is yet."""
        ended, is_delegated = self._view.children.get(_key(number)), is_delegation(asked, self._resolved)
        if ended is not None and is_delegated:
            is_final = ends_the_asker(ended, self._view.step)
            return self._failed(ended.error or {}) if is_final else _result_of(ended)
        if is_delegated:
            return delegated(asked, _key(number))
        if ended is None:
            return gate.passes(self._tools[asked["tool"]], self._tool_call(asked, number), number)
        followed = after_input(self._tool_call(asked, number), number, self._view.children, ended)
        return followed if isinstance(followed, SubCall | SubAsk) else _result_of(followed)

    def _refusal(self, asked: ToolCall) -> str | None:
        """What a model is told of a tool that can't be called like this; None for one that can."""
        known = [tool["name"] for tool in self._told_tools()]
        if asked["tool"] not in known:
            return f"error: there is no tool '{asked['tool']}'; the tools are: {', '.join(known) or 'none'}"
        if not isinstance(asked["with"], dict):
            return f"error: the arguments of tool '{asked['tool']}' are to be a JSON object"
        if is_delegation(asked, self._resolved):
            return trouble_with(asked) or None
        try:
            self._tool_call(asked, 0)
        except StepFailed as error:
            return f"error: {error.failure.message}"
        return None

    def _tool_call(self, asked: ToolCall, number: int) -> SubCall:
        tool = self._tools[asked["tool"]]
        call = tool_call(tool, asked["with"], self._view.folder)
        return SubCall(_key(number), call, {"tool": asked["tool"], "with": asked["with"]}, tool)


def _key(number: int) -> str:
    return numbered(CALL, number)


_TOO_MANY = f"error: not called: of one reply, the first {MAX_TOOL_CALLS} calls are made"


def _since_reply(messages: list[Message]) -> list[Message]:
    """The messages that came after the model's last reply: all that it has not been sent yet."""
    replies = (position for position in range(len(messages) - 1, -1, -1) if messages[position]["role"] == "assistant")
    return messages[next(replies, -1) + 1 :]


def _result_of(child: Child) -> str:
    """What a tool's call gave, as the text that a model is told."""
    if child.status != "completed":
        return f"error: {(child.error or {}).get('message', child.status)}"
    return child.output if isinstance(child.output, str) else json.dumps(child.output, ensure_ascii=False)


def _asked(messages: list[Message]) -> list[Message]:
    """What a conversation began with: its instructions and the prompt."""
    end = next(position for position, message in enumerate(messages, 1) if message["role"] == "user")
    return messages[:end]


def _parsed(text: str, schema: Mapping[str, Json]) -> tuple[Json, list[str]]:
    """The value of a JSON reply (a code fence around it is taken off), and what is wrong with it, if anything."""
    if len(text) > MAX_REPLY:
        return None, [f"the reply is longer than {MAX_REPLY} characters"]
    fenced = _FENCED.match(text)
    try:
        value = parse_json(fenced.group(1) if fenced else text)
    except NotJson as error:
        return None, [f"the reply is no JSON: {error}"]
    compiled = compile_schema(schema)
    value = compiled.received(value)
    errors = compiled.errors(value)
    if errors:
        return None, [error.message for error in errors[:5]]
    return compiled.normalise(value), []
