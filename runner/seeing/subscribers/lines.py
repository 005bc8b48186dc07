"""A run in lines, where there is no terminal: in words for people, or every event as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec

from runner.ground.json_value import Json
from runner.ground.plain import harmless_json, one_line, plain
from runner.record.events import (
    ASK,
    CALL,
    AttemptFailed,
    AttemptStarted,
    Commit,
    Event,
    FrameEnded,
    RunResumed,
    RunStarted,
    StepChecked,
    StepEnded,
    StepInterrupted,
    StepStarted,
    StepWaiting,
)
from runner.record.run_state import RunState

MARKS = {"completed": "✓", "failed": "✗", "cancelled": "⊘", "skipped": "-", "omitted": "-"}

SHORTEST = 0.05
"""Seconds that a step must take for its time to be told."""


class Lines:
    """Writes the lines of each commit: a listener. A reader that has gone away takes nothing from the run."""

    def __init__(self, write: Callable[[str], None], lines_of: Callable[[Commit], Iterable[str]]) -> None:
        self._write: Callable[[str], None] | None = write
        self._lines_of = lines_of

    def heard(self, commit: Commit, _state: RunState) -> None:
        """Write, at once. After a write that failed, what follows is lost, and nobody is told so."""
        lines = "\n".join(self._lines_of(commit))
        if self._write is None or not lines:
            return
        try:
            self._write(lines)
        except (OSError, ValueError):
            self._write = None

    def close(self) -> None:
        """Nothing is held."""


def event_lines(commit: Commit) -> Iterable[str]:
    """A commit's events as JSON, each with its number and its time: `{"seq", "at", "run", "type", …}`."""
    for seq, event in enumerate(commit.events, commit.first):
        head = msgspec.json.encode({"seq": seq, "at": commit.at, "run": commit.run})
        yield harmless_json((head[:-1] + b"," + msgspec.json.encode(event)[1:]).decode())


class Teller:
    """Puts events into words for people. It remembers when steps began."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def tell(self, commit: Commit) -> list[tuple[int, str]]:
        """What a commit says to a person, each with its event's position; what only a machine needs is left out."""
        told = []
        for position, event in enumerate(commit.events):
            if isinstance(event, StepStarted) or (isinstance(event, AttemptStarted) and event.attempt == 1):
                self.began[event.step] = commit.at
            if words := self._words(event, commit):
                told.append((position, words))
        return told

    def lines(self, commit: Commit) -> list[str]:
        """A line for each step that ends, waits, or will be tried again."""
        return [words for _, words in self.tell(commit)]

    def _words(self, event: Event, commit: Commit) -> str:
        match event:
            case RunStarted():
                return plain(f"run {commit.run}: {event.workflow} {event.version}".rstrip())
            case RunResumed():
                return f"run {commit.run}: resumed"
            case StepEnded():
                seconds = max(0.0, commit.at - self.began.pop(event.step, commit.at))
                return _ended(event, seconds, _last_words(event, commit))
            case StepWaiting() if event.kind != "timer":
                return f"… {plain(event.step)} waits for {_awaited(event)}"
            case AttemptFailed() | StepInterrupted() | StepChecked():
                return f"! {plain(event.step)}: {_of_attempt(event, commit.at)}"
            case _:
                return ""


def _of_attempt(event: AttemptFailed | StepInterrupted | StepChecked, at: float) -> str:
    match event:
        case AttemptFailed():
            why = f"{event.error['type']}: {one_line(event.error['message'])}"
            return f"{why}; again in {event.retry_at - at:.1f} s"
        case StepInterrupted():
            return f"attempt {event.attempt} was cut off; its check is asked whether it was done"
        case StepChecked():
            return found_out(event.attempt, event.verdict, event.by)


def found_out(attempt: int, verdict: str, by: str) -> str:
    """What is known of an attempt that was cut off, in words."""
    teller = "its check" if by == "check" else "a person"
    meant = {"done": "it was done", "again": "it runs again", "fail": "it fails"}[verdict]
    return f"attempt {attempt} was cut off; {teller} says: {meant}"


def _awaited(event: StepWaiting) -> str:
    if event.kind == "person":
        return f"a person: {one_line(event.prompt)}"
    if event.kind == "mock":
        return f"a scripted reply: {one_line(event.prompt, 300)}"
    if event.kind == "turn":
        return f"its turn: {one_line(event.prompt)}"
    if event.kind == "replay":
        return f"a recorded call: {one_line(event.prompt.splitlines()[0], 300)}"
    if event.kind == "budget":
        return f"a larger budget: {one_line(event.prompt, 300)}"
    return f"a signal: {plain(', '.join(event.signals.values()))}"


def _last_words(event: StepEnded, commit: Commit) -> str:
    """The message of a step that has ended its workflow well. That of another is told with the run's error."""
    if not isinstance(event.output, str):
        return ""
    ended = [each for each in commit.events if isinstance(each, FrameEnded) and each.by == event.step]
    return f": {one_line(event.output, 200)}" if ended and ended[-1].status == "completed" else ""


def _ended(event: StepEnded, seconds: float, said: str) -> str:
    who = f" [{plain(event.node)}]" if event.frame is None and event.verb not in (CALL, ASK) else ""
    words = f"{MARKS[event.status]} {plain(event.step)}{who}{said}"
    if event.status != "completed":
        words += f" {event.status}"
    if event.error is not None:
        words += f": {event.error['type']}: {one_line(event.error['message'], 200)}"
    notes = [f"{seconds:.1f} s"] if seconds >= SHORTEST else []
    if event.usage and (used := spent(event.usage.tokens, event.usage.cost_usd, event.usage.counted)):
        notes.append(used)
    if event.unanswered:
        notes.append("nobody answered in time")
    if event.verb == CALL and is_cut(event.output):
        notes.append("cut by max_reply_tokens")
    return f"{words} ({', '.join(notes)})" if notes else words


def is_cut(output: Json) -> bool:
    """Whether what a call gave is a model's reply that its bound cut."""
    return isinstance(output, dict) and "tool_calls" in output and output.get("finish") == "length"


def spent(tokens: int, cost: float | None, counted: bool) -> str:
    """What was used, as people read it; nothing where nothing was. Without `counted` it is the least."""
    if not counted:
        return f"≥ {tokens} tokens, the usage of a call is unknown" if tokens else "usage unknown"
    return f"{tokens} tokens, {dollars(cost)}" if tokens else ""


def dollars(cost: float | None) -> str:
    """A cost as people read it, two digits of it at least; one that is not known is never shown as free."""
    if cost is None:
        return "price unknown"
    places = 1 - math.floor(math.log10(cost)) if cost > 0 else 0
    return f"${cost:.{max(4, places)}f}"
