"""`wf logs`: a run's events, as lines."""

from __future__ import annotations

import time

import click

from runner.cli.completing_runs import RUN
from runner.cli.printing import moment, resume_command
from runner.cli.settings import database_option
from runner.cli.speaking import say, tell
from runner.cli.stored import find_run, reading, was_left
from runner.ground.errors import EXIT_INTERRUPTED
from runner.ground.plain import plain
from runner.record.events import (
    AttemptStarted,
    BranchPassed,
    Commit,
    Event,
    RunEnded,
    RunPaused,
    StepEnded,
    StepStarted,
    StepWaiting,
)
from runner.record.store.contract import Store
from runner.seeing.subscribers.lines import Teller, event_lines

PAUSE = 0.2
"""Seconds between looks at a run that is being followed."""

EPILOG = """\b
Examples:
  wf logs last
  wf logs last -f                             # follow until it ends or pauses
  wf logs 0mwsi --json | grep step_ended
"""


@click.command("logs", epilog=EPILOG)
@click.argument("run", type=RUN)
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
    teller = Teller()
    after, over = _print(store, run, 0, None if as_lines else teller)
    while follow and not over:
        time.sleep(PAUSE)  # noqa: TID251 - a reader in another process has no engine whose timers it could use
        before = after
        after, over = _print(store, run, after, None if as_lines else teller)
        if after == before and was_left(store.run(run)):
            say(f"run {run} was left by its process; go on with: {resume_command(run)}")
            return


def _print(store: Store, run: str, after: int, teller: Teller | None) -> tuple[int, bool]:
    """Print what came after event `after`; the last event, and whether the run goes no further."""
    over = False
    for commit in store.commits(run, after=after):
        after = commit.last
        over = any(isinstance(event, RunEnded | RunPaused) for event in commit.events)
        for line in event_lines(commit) if teller is None else _lines(commit, teller):
            tell(line)
    return after, over


def _lines(commit: Commit, teller: Teller) -> list[str]:
    told = dict(teller.tell(commit))
    words = ((told.get(position, "") + _more(event)).strip() for position, event in enumerate(commit.events))
    return [f"{moment(commit.at)}  @{commit.last:<5} {plain(text)}" for text in words if text]


def _more(event: Event) -> str:
    """What is told of an event only to those who read the whole record."""
    match event:
        case RunPaused():
            words = f"run paused ({event.reason})"
        case RunEnded():
            words = f"run {event.status}"
        case StepStarted() if event.attempt and event.frame is not None:
            words = f"▸ {event.step} [{event.verb}]"
        case StepWaiting() if event.until is not None:
            until = f"until {moment(event.until)}"
            words = f" ({until})" if event.kind == "person" else f"… {event.step} {until}"
        case AttemptStarted():
            words = f"▸ {event.step} attempt {event.attempt}{', after an interruption' if event.again else ''}"
        case StepEnded() if event.next is not None:
            words = f" → {event.next}"
        case BranchPassed():
            words = f"- {event.owner}: {event.key} {event.status}"
        case _:
            words = ""
    return words
