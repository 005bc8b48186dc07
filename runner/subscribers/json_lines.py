"""Every event as one line of JSON."""

from __future__ import annotations

from typing import IO

import msgspec

from runner.events import Commit
from runner.state import RunState


class JsonLines:
    """Writes events as they are recorded: `{"seq", "at", "type", …}`."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def heard(self, commit: Commit, _state: RunState) -> None:
        for line in event_lines(commit):
            self._out.write(f"{line}\n")
        self._out.flush()


def event_lines(commit: Commit) -> list[str]:
    """A commit's events, each with its number and its time, as JSON."""
    lines = []
    for seq, event in enumerate(commit.events, commit.first):
        content = {"seq": seq, "at": commit.at, "run": commit.run, **msgspec.to_builtins(event)}
        lines.append(msgspec.json.encode(content).decode())
    return lines
