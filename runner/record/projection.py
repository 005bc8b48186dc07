"""Rows for readers, made of events: steps, attempts, messages, model calls, and the workflow's state. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from runner.ground.json_value import Json
from runner.ground.plain import last_line
from runner.record.address import ROOT
from runner.record.event_parts import Printed
from runner.record.events import (
    CALL,
    UNANSWERED,
    AttemptFailed,
    AttemptStarted,
    Commit,
    Event,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    StepChecked,
    StepEnded,
    StepInterrupted,
    StepStarted,
    StepWaiting,
)
from runner.record.fold import fold
from runner.record.reducers import State
from runner.record.run_state import RunState
from runner.record.store.contract import Rows
from runner.record.store.tables import PROJECTED
from runner.record.usage import Usage

Row = dict[str, Json]

_FEW = 8
"""State keys that are all compared sooner than it is found out which of them a commit has written."""

_WRITING = (StepEnded, RunStarted, RunForked, RunResumed)


class _Open(NamedTuple):
    """What must be known of a step that has not ended: its last attempt, and whose model call it is, if one.

    `used` is what the call's failed attempts have. `over`: the attempt was cut off, and none has followed it yet.
    """

    attempt: int
    agent: str
    used: Usage | None = None
    over: bool = False


class _Moment(NamedTuple):
    """When something became so: the commit's time, and its last event, which is the checkpoint's number."""

    at: float
    seq: int


class Projector:
    """Gathers the rows that a run's commits make or change. It remembers open steps and the state's values, no more.

    Every `seq` in a row is a checkpoint's number. A state key's is that since which it has had its value.
    """

    def __init__(self, state: RunState) -> None:
        """Begin after the last event folded into `state`."""
        self._rows: dict[str, dict[Any, Row]] = {name: {} for name in PROJECTED}
        self._open = {
            path: _Open(step.attempt, step.agent if step.verb == CALL else "", step.used, step.interrupted)
            for path, step in state.steps.items()
        }
        self._pending: list[Commit] = []
        self._live = _root_state(state)
        self._values: dict[str, Json] = dict(self._live or {})
        self._on_paper: Callable[[Json], Json] = lambda value: value

    def follow(self, state: RunState, on_paper: Callable[[Json], Json]) -> None:
        """Go on with the same state as it is in memory; `on_paper` gives its values as they are recorded."""
        self._live = _root_state(state)
        self._values = dict(self._live or {})
        self._on_paper = on_paper

    def add(self, commit: Commit, state: RunState) -> None:
        """Take in a commit; `state` is the run's with this commit folded in."""
        self._pending.append(commit)
        self._compare(commit, state)

    def take(self) -> Rows:
        """The rows gathered since the last time, each once."""
        for commit in self._pending:
            moment = _Moment(commit.at, commit.last)
            for event in commit.events:
                project = _PROJECT.get(type(event))
                if project is not None:
                    project(self, event, moment)
        self._pending = []
        gathered: Rows = {name: tuple(rows.values()) for name, rows in self._rows.items() if rows}
        self._rows = {name: {} for name in PROJECTED}
        return gathered

    def _put(self, table: str, key: Any, row: Row) -> None:
        kept = self._rows[table].setdefault(key, row)
        if kept is not row:
            kept.update(row)

    def _compare(self, commit: Commit, state: RunState) -> None:
        """Rows for the workflow's state keys whose values this commit has changed."""
        if self._live is None:
            self._live = _root_state(state) or state.final
        live: Mapping[str, Json] = self._live or {}
        values = self._values
        for key in live if len(live) <= _FEW else _written(commit.events, live):
            value = live[key]
            if key not in values or not _written_alike(values[key], value):
                values[key] = value
                row = {"key": key, "value": self._on_paper(value), "seq": commit.last, "at": commit.at}
                self._rows["workflow_state"][key] = row

    def step_started(self, event: StepStarted, moment: _Moment) -> None:
        """A step, and its first attempt unless it is queued; what a model was asked."""
        agent = event.agent if event.verb == CALL else ""
        self._open[event.step] = _Open(event.attempt, agent)
        row = {
            "step": event.step,
            "node": event.node,
            "verb": event.verb,
            "frame": event.frame,
            "visit": event.visit,
            "status": "running",
            "attempt": event.attempt,
            "agent": event.agent,
            "request": event.request,
            "started_at": moment.at,
            "started_seq": moment.seq,
        }
        self._put("steps", event.step, row)
        if event.attempt:
            self._start_attempt(event.step, event.attempt, moment)
        if agent:
            self._ask(event, moment)

    def _ask(self, event: StepStarted, moment: _Moment) -> None:
        call = {"step": event.step, "agent": event.agent, "model": event.request.get("model"), "status": "running"}
        self._put("model_calls", event.step, {**call, "started_at": moment.at, "started_seq": moment.seq})
        for position, message in enumerate(event.request.get("messages", ())):
            self._say(event.step, (0, position), message, event.agent, moment)

    def _say(self, step: str, place: tuple[int, int], message: Mapping[str, Json], agent: str, moment: _Moment) -> None:
        """A conversation's message; `place` is 0 for what was asked, 1 for the reply, and the position in it."""
        said = {"role": message.get("role", ""), "agent": agent, "content": message, "at": moment.at, "seq": moment.seq}
        self._put("messages", (step, *place), {"step": step, "reply": place[0], "position": place[1], **said})

    def step_waiting(self, event: StepWaiting, _moment: _Moment) -> None:
        """A step that waits; for a scripted reply its attempt does, which goes on once there is one."""
        self._put("steps", event.step, {"step": event.step, "status": "waiting"})
        if event.kind in UNANSWERED:
            attempt = self._open[event.step].attempt
            self._put("attempts", (event.step, attempt), {"step": event.step, "attempt": attempt, "status": "waiting"})

    def _start_attempt(self, step: str, attempt: int, moment: _Moment) -> None:
        row = {
            "step": step,
            "attempt": attempt,
            "status": "running",
            "started_at": moment.at,
            "started_seq": moment.seq,
        }
        self._put("attempts", (step, attempt), row)

    def _end_attempt(self, step: str, attempt: int, moment: _Moment, row: Row) -> None:
        ended = {"step": step, "attempt": attempt, "ended_at": moment.at, "ended_seq": moment.seq, **row}
        self._put("attempts", (step, attempt), ended)

    def attempt_started(self, event: AttemptStarted, moment: _Moment) -> None:
        """One more attempt; the one before, if it was interrupted, has no end of its own."""
        before = self._open.get(event.step, _Open(0, ""))
        if event.again and before.attempt and before.attempt != event.attempt and not before.over:
            self._end_attempt(event.step, before.attempt, moment, {"status": "interrupted"})
        self._open[event.step] = before._replace(attempt=event.attempt, over=False)
        row: Row = {"step": event.step, "status": "running", "attempt": event.attempt}
        self._put("steps", event.step, row if before.attempt else {**row, "started_at": moment.at})
        self._start_attempt(event.step, event.attempt, moment)

    def step_interrupted(self, event: StepInterrupted, moment: _Moment) -> None:
        """An attempt is over, whatever comes of it."""
        self._end_attempt(event.step, event.attempt, moment, {"status": "interrupted"})
        self._open[event.step] = self._open.get(event.step, _Open(0, ""))._replace(over=True)

    def step_checked(self, event: StepChecked, _moment: _Moment) -> None:
        """A step that waited for a person's word on it waits no more."""
        self._put("steps", event.step, {"step": event.step, "status": "running"})

    def attempt_failed(self, event: AttemptFailed, moment: _Moment) -> None:
        """An attempt that another will follow."""
        failed = {"status": "failed", "error": event.error, "retry_at": event.retry_at}
        self._end_attempt(event.step, event.attempt, moment, failed)
        if event.usage is not None:
            before = self._open.get(event.step, _Open(0, ""))
            used = event.usage.after(before.used)
            self._open[event.step] = before._replace(used=used)
            self._put("model_calls", event.step, {"step": event.step, **_usage_row(used)})

    def run_paused(self, event: RunPaused, _moment: _Moment) -> None:
        """What the programs had printed that are cut off by it; that their attempts are over is seen with the next."""
        for step, printed in event.cut.items():
            attempt = self._open[step].attempt
            error = _cut("interrupted", step, attempt, printed)
            self._put("attempts", (step, attempt), {"step": step, "attempt": attempt, "error": error})

    def step_ended(self, event: StepEnded, moment: _Moment) -> None:
        """A step has its status; one that took no time begins here too."""
        before = self._open.pop(event.step, None)
        row: Row = {
            "step": event.step,
            "status": event.status,
            "output": event.output,
            "error": event.error,
            "route": event.next,
            "ended_at": moment.at,
            "ended_seq": moment.seq,
        }
        if before is None:  # it took no time, and so has no start of its own
            row["node"], row["verb"], row["frame"], row["visit"] = event.node, event.verb, event.frame, event.visit
            row["attempt"], row["started_at"], row["started_seq"] = 0, moment.at, moment.seq
        self._put("steps", event.step, row)
        if before is not None and before.attempt and not before.over:
            error = event.error
            if error is None and event.printed is not None and event.status == "cancelled":
                error = _cut("cancelled", event.step, before.attempt, event.printed)
            self._end_attempt(event.step, before.attempt, moment, {"status": event.status, "error": error})
        call = before or _Open(0, "")
        if call.agent or event.usage is not None:
            self._reply(event, call, moment)

    def _reply(self, event: StepEnded, call: _Open, moment: _Moment) -> None:
        used = call.used if event.usage is None else event.usage.after(call.used)
        row: Row = {"step": event.step, "agent": call.agent, "status": event.status, "error": event.error}
        row.update(ended_at=moment.at, ended_seq=moment.seq, **_usage_row(used or Usage()))
        self._put("model_calls", event.step, row)
        if event.status == "completed" and isinstance(event.output, dict) and "text" in event.output:
            self._say(event.step, (1, 0), _said(event.output), call.agent, moment)


_PROJECT: dict[type[Event], Callable[[Projector, Any, _Moment], None]] = {
    RunPaused: Projector.run_paused,
    StepStarted: Projector.step_started,
    StepWaiting: Projector.step_waiting,
    AttemptStarted: Projector.attempt_started,
    AttemptFailed: Projector.attempt_failed,
    StepEnded: Projector.step_ended,
    StepInterrupted: Projector.step_interrupted,
    StepChecked: Projector.step_checked,
}


def project(commits: Iterable[Commit], state: RunState | None = None) -> Rows:
    """The rows that commits make or change. `state` is the run's before them; they are folded into it."""
    run = RunState() if state is None else state
    projector = Projector(run)
    for commit in commits:
        fold(run, commit)
        projector.add(commit, run)
    return projector.take()


def _cut(why: str, step: str, attempt: int, printed: Printed) -> Row:
    """The error of an attempt that was cut off, as readers know those of programs."""
    said = last_line(printed.stderr) or last_line(printed.stdout)
    details = {"program": printed.program, "exit_code": None, "signal": None}
    return {
        "type": why,
        "message": f"it was cut off{f': {said}' if said else ''}",
        "step": step,
        "attempt": attempt,
        "retryable": False,
        "details": {**details, "stdout": printed.stdout, "stderr": printed.stderr},
    }


def _said(reply: Mapping[str, Json]) -> Row:
    """A model's reply, as the message that it is in the conversation from then on."""
    message = {"role": "assistant", "content": reply["text"]}
    return {**message, "tool_calls": reply["tool_calls"]} if reply.get("tool_calls") else message


def _usage_row(usage: Usage) -> Row:
    tokens = {name: getattr(usage, name) if usage.counted else None for name in ("prompt_tokens", "reply_tokens")}
    row: Row = {**tokens, "cost_usd": usage.cost_usd}
    return {**row, "model": usage.model} if usage.model else row


def _root_state(run: RunState) -> State | None:
    """The workflow's own state, which a run that has ended no longer holds."""
    root = run.steps.get(ROOT)
    return None if root is None or root.invocation is None else root.invocation.state


def _written(events: Iterable[Event], live: Mapping[str, Json]) -> Iterable[str]:
    """The state keys that events may have written; where they do not name them, all."""
    found: dict[str, None] = {}
    for event in events:
        if isinstance(event, StepEnded) and not event.merge:
            found.update([(write.key, None) for write in event.writes])
            found.update([(key, None) for key, _ in event.reset])
        elif isinstance(event, _WRITING):
            return live
    return [key for key in found if key in live]


def _written_alike(before: Json, now: Json) -> bool:
    """Whether a reader of the rows would see no difference: 1 and 1.0, which are equal as JSON, are not written alike.

    For most values, one look tells that they are the same object.
    """
    return before is now or (before == now and msgspec.json.encode(before) == msgspec.json.encode(now))
