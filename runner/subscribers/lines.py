"""A run in plain lines, where there is no terminal."""

from __future__ import annotations

from typing import IO

from runner.events import AttemptFailed, Commit, Event, RunResumed, RunStarted, StepEnded, StepWaiting
from runner.plain import one_line, plain
from runner.state import RunState

MARKS = {"completed": "✓", "failed": "✗", "cancelled": "⊘", "skipped": "-", "omitted": "-"}


class Lines:
    """Writes a line for each step that ends, waits, or will be tried again."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def heard(self, commit: Commit, _state: RunState) -> None:
        for event in commit.events:
            if words := describe(event, commit):
                self._out.write(f"{words}\n")
        self._out.flush()


def describe(event: Event, commit: Commit) -> str:
    """What an event says to a person; nothing for those that only a machine needs."""
    match event:
        case RunStarted():
            return plain(f"run {commit.run}: {event.workflow} {event.version}".rstrip())
        case RunResumed():
            return f"run {commit.run}: resumed"
        case StepEnded() if event.frame is not None or event.verb == "call":
            return _ended(event)
        case StepWaiting() if event.kind != "timer":
            return f"… {plain(event.step)} waits for {_awaited(event)}"
        case AttemptFailed():
            wait = event.retry_at - commit.at
            why = f"{event.error['type']}: {one_line(event.error['message'])}"
            return f"! {plain(event.step)}: {why}; again in {wait:.1f} s"
        case _:
            return ""


def _awaited(event: StepWaiting) -> str:
    if event.kind == "person":
        return f"a person: {one_line(event.prompt)}"
    return f"a signal: {plain(', '.join(event.signals.values()))}"


def _ended(event: StepEnded) -> str:
    words = f"{MARKS[event.status]} {plain(event.step)}"
    if event.status != "completed":
        words += f" {event.status}"
    if event.error is not None:
        words += f": {event.error['type']}: {one_line(event.error['message'], 200)}"
    if event.usage is not None:
        words += f" ({event.usage.prompt_tokens + event.usage.reply_tokens} tokens)"
    return words
