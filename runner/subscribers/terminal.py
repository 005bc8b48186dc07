"""A run in a terminal: live progress, streamed text, and the questions that a person answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runner.answers import parse_answer
from runner.errors import UsageError
from runner.events import Commit, StepEnded, StepStarted, StepWaiting
from runner.plain import one_line, plain
from runner.state import RunState
from runner.subscribers.lines import describe

Json = Any

COLOURS = {"completed": "green", "failed": "red", "cancelled": "magenta", "skipped": "dim", "omitted": "dim"}
MOST_ROWS = 12


class Terminal:
    """Prints steps as they end above a table of those that run; stops drawing while it asks."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._began: dict[str, float] = {}
        self._said: dict[str, str] = {}

    def heard(self, commit: Commit, state: RunState) -> None:
        for event in commit.events:
            if isinstance(event, StepStarted):
                self._began[event.step] = commit.at
            elif isinstance(event, StepEnded):
                self._began.pop(event.step, None)
                self._said.pop(event.step, None)
            self._print(event, commit)
        if state.ended or state.status == "paused" or not state.running:
            self._live.stop()
        else:
            self._live.start()
            self._live.update(self._table(state))

    def stream(self, step: str, text: str) -> None:
        """Show the end of what a model said so far."""
        self._said[step] = one_line(text, 10_000)[-60:]

    def _print(self, event: Any, commit: Commit) -> None:
        words = describe(event, commit)
        if words:
            colour = (
                COLOURS.get(event.status, "")
                if isinstance(event, StepEnded)
                else "yellow"
                if words[0] in "…!"
                else "bold"
            )
            self._console.print(Text(words, style=colour))

    def _table(self, state: RunState) -> Table:
        table = Table.grid(padding=(0, 2))
        for path in list(state.running)[:MOST_ROWS]:
            seconds = state.at - self._began.get(path, state.at)
            table.add_row(
                Text("▸", style="yellow"), Text(plain(path)), Text(f"{seconds:.0f} s"), Text(self._said.get(path, ""))
            )
        cost = "" if state.unpriced else f", ${state.cost_usd:.4f}"
        used = f", {state.tokens} tokens{cost}" if state.tokens else ""
        table.add_row("", Text(f"{state.total_steps} steps{used}", style="dim"))
        return table

    async def ask(self, asked: StepWaiting) -> Json:
        """Ask at the terminal until an answer fits."""
        self._live.stop()
        self._console.print(Text(plain(asked.prompt), style="bold"))
        for number, choice in enumerate(asked.choices, 1):
            self._console.print(Text(f"  {number}. {_shown(choice)}"))
        if asked.schema is not None and not asked.choices:
            self._console.print(Text(f"  as JSON, fitting {json.dumps(asked.schema, ensure_ascii=False)}", style="dim"))
        while True:
            typed = await _read_line(f"{plain(asked.step)}> ", self._console)
            try:
                return parse_answer(asked, _by_number(asked, typed.strip()))
            except UsageError as error:
                self._console.print(Text(plain(str(error)), style="red"))


def _shown(choice: Json) -> str:
    return plain(choice) if isinstance(choice, str) else json.dumps(choice, ensure_ascii=False)


def _by_number(asked: StepWaiting, typed: str) -> str:
    texts = [choice if isinstance(choice, str) else json.dumps(choice) for choice in asked.choices]
    if typed in texts or not typed.isdecimal() or not 1 <= int(typed) <= len(texts):
        return typed
    return texts[int(typed) - 1]


async def _read_line(prompt: str, console: Console) -> str:
    """A line from the terminal, without holding up the run."""
    console.print(Text(prompt), end="")
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[str] = loop.create_future()
    with open("/dev/tty", encoding="utf-8") as tty:  # noqa: ASYNC230, PTH123 - the terminal itself
        loop.add_reader(tty, lambda: None if ready.done() else ready.set_result(tty.readline()))
        try:
            line = await ready
        finally:
            loop.remove_reader(tty)
    if not line:
        raise UsageError("the terminal was closed before the question was answered")
    return line
