"""`wf logs`: a run's events, as lines."""

from __future__ import annotations

import time

import click

from runner.cli.printing import moment, tell
from runner.cli.settings import database_option
from runner.cli.stored import find_run, reading
from runner.errors import EXIT_INTERRUPTED
from runner.events import Commit, RunEnded, RunPaused
from runner.plain import plain
from runner.store.contract import Store
from runner.subscribers.json_lines import event_lines
from runner.subscribers.lines import describe

PAUSE = 0.2
"""Seconds between looks at a run that is being followed."""

EPILOG = """\b
Examples:
  wf logs last
  wf logs last -f                             # follow until it ends or pauses
  wf logs 0mwsi --json | grep step_ended
"""


@click.command("logs", epilog=EPILOG)
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Wait for further events until the run ends or pauses.")
@click.option("--json", "as_lines", is_flag=True, help="Every event as a line of JSON.")
@database_option
def command(run: str, follow: bool, as_lines: bool, db: str | None) -> int:
    """Print the events of RUN."""
    try:
        with reading(db) as store:
            _follow(store, find_run(store, run).id, follow=follow, as_lines=as_lines)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _follow(store: Store, run: str, *, follow: bool, as_lines: bool) -> None:
    after, over = _print(store, run, 0, as_lines=as_lines)
    while follow and not over:
        time.sleep(PAUSE)  # noqa: TID251 - a reader in another process has no engine whose timers it could use
        after, over = _print(store, run, after, as_lines=as_lines)


def _print(store: Store, run: str, after: int, *, as_lines: bool) -> tuple[int, bool]:
    over = False
    for commit in store.commits(run, after=after):
        after = commit.last
        over = any(isinstance(event, RunEnded | RunPaused) for event in commit.events)
        for line in event_lines(commit) if as_lines else _lines(commit):
            tell(line)
    return after, over


def _lines(commit: Commit) -> list[str]:
    lines = []
    for event in commit.events:
        words = describe(event, commit)
        if isinstance(event, RunPaused):
            words = f"run {commit.run}: paused ({event.reason})"
        elif isinstance(event, RunEnded):
            words = f"run {commit.run}: {event.status}"
        if words:
            lines.append(f"{moment(commit.at)}  @{commit.last:<5} {plain(words)}")
    return lines
