"""Every event as one line of JSON."""

from __future__ import annotations

import msgspec

from runner.ground.plain import harmless_json
from runner.record.events import Commit
from runner.record.run_state import RunState
from runner.seeing.subscribers.pipe import Pipe


class JsonLines:
    """Writes events as they are recorded: `{"seq", "at", "type", …}`."""

    def __init__(self, out: Pipe) -> None:
        self._out = out

    def heard(self, commit: Commit, _state: RunState) -> None:
        self._out.write(event_lines(commit))

    def close(self) -> None:
        """Nothing is held."""


def event_lines(commit: Commit) -> list[str]:
    """A commit's events, each with its number and its time, as JSON."""
    lines = []
    for seq, event in enumerate(commit.events, commit.first):
        content = {"seq": seq, "at": commit.at, "run": commit.run, **msgspec.to_builtins(event)}
        lines.append(harmless_json(msgspec.json.encode(content).decode()))
    return lines
