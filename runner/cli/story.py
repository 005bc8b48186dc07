"""The story of a run: `wf show` tells what each step did, as a tree; `wf logs` prints its events, or follows them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence

import click
from msgspec.structs import replace

from runner.cli.options import database_option
from runner.cli.printing import command_for, document, where
from runner.cli.speaking import natural, say, tell, tell_json
from runner.cli.stored import find_run, reading, run_argument, was_left
from runner.engine.given_answers import answered_steps
from runner.engine.given_inputs import needed_secrets
from runner.engine.inbox import kept_signals
from runner.engine.loading import pinned
from runner.engine.runs import RunResult, result_of
from runner.engine.scheduler import Live
from runner.ground.advice import resume_command
from runner.ground.clock import moment
from runner.ground.errors import EXIT_INTERRUPTED
from runner.ground.json_value import Json
from runner.ground.plain import counted, one_line, plain
from runner.record.address import places_to
from runner.record.answers import as_typed
from runner.record.event_parts import LeftRunning
from runner.record.events import (
    ASK,
    CALL,
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
from runner.record.fold import IMPOSSIBLE
from runner.record.history import load_state, read_table
from runner.record.run_state import RunState
from runner.record.store.contract import RunRow, Store
from runner.seeing.subscribers.lines import MARKS, Teller, dollars, event_lines, found_out, is_cut, spent
from runner.workflow.model import NO_VERB

TABLES = ("steps", "attempts", "model_calls")

PAUSE = 0.2
"""Seconds between looks at a run that is being followed."""

Row = Mapping[str, Json]

_CUT_OFF = ("cancelled", "interrupted")

NONE_LEFT: Mapping[str, Sequence[Row]] = {}

SHOW = """\b
Examples:
  wf show last
  wf show 0mwsi --json
"""

LOGS = """\b
Examples:
  wf logs last
  wf logs last -f                             # follow until it ends or pauses
  wf logs 0mwsi --json | grep step_ended
"""


@click.command("show", epilog=SHOW)
@run_argument
@click.option("--json", "as_document", is_flag=True, help="As one JSON document.")
@database_option
def wf_show(run: str, as_document: bool, db: str | None) -> None:
    """Tell what RUN did: its steps with their attempts, errors, routes and times, its model calls, its outputs."""
    with reading(db) as store:
        row = find_run(store, run)
        state = load_state(store, row.id)
        tables = {name: read_table(store, row.id, name) for name in TABLES}
        tables["steps"] = [_with_findings(step, state) for step in tables["steps"]]
        secrets, answered = needed_secrets(store, state, os.environ), answered_steps(store, row.id)
        result = replace(result_of(row.id, state), secrets=secrets, answered=answered)
        signals = _signals(store, state, row.id)
        money = _money(store, state, row.id)
    if as_document:
        budget = {"budget_left_usd": None if money is None else money[1]}
        tell_json(document(result) | tables | {"left": state.left, "signals": signals} | budget)
        return
    _header(row, state, result)
    tell("steps")
    for line in story(tables["steps"], tables["attempts"], tables["model_calls"], state.left):
        tell(line)
    _footer(row, result)
    if money is not None:
        tell(f"budget    {dollars(money[1])} of {dollars(money[0])} left")
    for kept in signals:
        data = f" {one_line(json.dumps(kept['data'], ensure_ascii=False))}" if "data" in kept else ""
        tell(f"signal    {plain(kept['name'])}{data}, sent {moment(kept['sent_at'])}")
        tell(f"          is kept: {one_line(kept['why'], 300)}")


def _with_findings(step: dict[str, Json], state: RunState) -> dict[str, Json]:
    """A step's row; of one that no person answered in time it says so, and what was found out of attempts cut off."""
    path = step["step"]
    more: dict[str, Json] = {"unanswered": True} if path in state.unanswered else {}
    return step | more | ({"checked": state.checked[path]} if path in state.checked else {})


def _money(store: Store, state: RunState, run: str) -> tuple[float, float] | None:
    """What all model calls of a run may cost, and what is left of that (USD); None where nothing bounds it."""
    if not (state.taken or "max_cost_usd" in state.options):
        return None
    live = Live(run, pinned(store, state).workflow, state)
    most, left = live.budget.max_cost_usd, live.left_usd(state.taken)
    return None if most is None or left is None else (most, left)


def _signals(store: Store, state: RunState, run: str) -> list[dict[str, Json]]:
    """The signals that a run has not taken; of one with secrets, which may be in them, without their data."""
    messages = [message for message in store.inbox(run) if message.kind == "signal"]
    if state.ended or not messages:
        return []
    workflow = pinned(store, state).workflow
    try:
        kept = [*kept_signals(Live(run, workflow, state), messages)]
    except IMPOSSIBLE:
        kept = [(message, "what waits for it is no part of the workflow") for message in messages]
    told = [({"name": one.target, "sent_at": one.at, "data": one.value, "why": why}) for one, why in kept]
    if any(entry.secret for entry in workflow.inputs.values()):
        return [{name: one[name] for name in ("name", "sent_at")} | {"why": "no wait has taken it"} for one in told]
    return told


def _header(row: RunRow, state: RunState, result: RunResult) -> None:
    tell(f"run {row.id}: {row.workflow} {row.version}".rstrip())
    tell(f"status    {state.status}{f' ({state.reason})' if state.reason else ''}")
    if was_left(row):
        tell(f"          it was left by its process; go on with: {resume_command(row.id, result.secrets)}")
    if row.parent:
        tell(f"fork      of {row.parent}@{row.fork}")
    tell(f"started   {moment(row.created_at)}")
    tell(f"last      {moment(row.updated_at)}, {counted(row.events, 'event')}")
    for name, value in (state.started.inputs if state.started else {}).items():
        tell(f"input     {name}: {_value(value)}")


def _value(value: Json) -> str:
    return one_line(as_typed(value))


def _footer(row: RunRow, result: RunResult) -> None:
    commands = [command_for(result, waiting) for waiting in result.waiting]
    for place, waiting in enumerate(result.waiting):
        until = "" if waiting.until is None else f", until {moment(waiting.until)}"
        tell(f"waiting   {waiting.step}{until}{f': {one_line(waiting.prompt, 300)}' if waiting.prompt else ''}")
        if waiting.step in result.answered:
            tell("          its answer is recorded; the run takes it as it goes on:")
        if commands[place] not in commands[place + 1 :]:
            tell(f"          {commands[place]}")
    if used := spent(result.known_tokens, result.cost_usd, result.tokens is not None):
        tell(f"used      {used}")
    if result.error is not None:
        tell(f"error     {result.error['type']}{where(result.error)}: {one_line(result.error['message'], 300)}")
    for name, value in result.outputs.items():
        tell(f"output    {name}: {_value(value)}")


def story(
    steps: Sequence[Row], attempts: Sequence[Row], calls: Sequence[Row], left: Mapping[str, Sequence[Row]] = NONE_LEFT
) -> Iterator[str]:
    """The lines of a run's rows in the tables of these names; `left` are the processes that steps left running."""
    tries: dict[str, list[Row]] = {}
    for attempt in attempts:
        tries.setdefault(attempt["step"], []).append(attempt)
    asked = {call["step"]: call for call in calls}
    for step in _in_order(steps):
        indent = "  " * len(places_to(step["step"]))
        attempted = tries.get(step["step"], [])
        yield indent + _step(step, _seconds_of(step, attempted), asked.get(step["step"]))
        lines = [
            *_earlier(attempted),
            *_notes(step),
            *_errors(step, attempted),
            *map(_left, left.get(step["step"], ())),
        ]
        yield from (f"{indent}  {line}" for line in lines)


_LAST_LINES = 5
"""Lines of each stream that are shown of what a failed step's program had printed."""


def _in_order(steps: Sequence[Row]) -> list[Row]:
    """Each step after the one it belongs to, with all that belongs to it; siblings as they began."""
    first: dict[str, int] = {}
    for step in steps:
        for place in places_to(step["step"]):
            first[place] = min(first.get(place, step["started_seq"]), step["started_seq"])
    return sorted(steps, key=lambda step: [(first[place], natural(place)) for place in places_to(step["step"])])


def _step(step: Row, seconds: float | None, call: Row | None) -> str:
    words = [MARKS.get(step["status"], "…"), plain(step["step"])]
    if step["verb"] not in (NO_VERB, CALL):
        words.append(f"[{_kind(step['verb'], step['agent'])}]")
    words.append(step["status"])
    if (step["attempt"] or 0) > 1:
        words.append(f"attempt {step['attempt']}")
    if seconds is not None:
        words.append(f"{seconds:.2f} s")
    if call is not None:
        words.append(_used(call))
    if step["route"]:
        words.append(f"→ {step['route']}")
    return " ".join(words)


def _kind(verb: str, agent: str | None) -> str:
    """What a step is; of one that an agent has delegated, also to whom."""
    return f"{verb} {plain(agent)}" if agent else verb


def _seconds_of(step: Row, tries: Sequence[Row]) -> float | None:
    """How long a step took; where an attempt was interrupted, the last one alone: nobody was there in between."""
    interrupted = [attempt["status"] == "interrupted" for attempt in tries]
    if not any(interrupted):
        return _seconds(step)
    return None if interrupted[-1] else _seconds(tries[-1])


def _seconds(row: Row) -> float | None:
    if row["ended_at"] is None or row["started_at"] is None or row["ended_at"] == row["started_at"]:
        return None
    return float(max(0.0, row["ended_at"] - row["started_at"]))  # by two clocks, where another process went on with it


def _used(call: Row) -> str:
    counts = (call["prompt_tokens"], call["reply_tokens"])
    is_open = call["status"] == "running"
    used = spent(sum(count or 0 for count in counts), call["cost_usd"], is_open or None not in counts)
    return f"({plain(str(call['model']))}{f': {used}' if used else ''})"


def _earlier(tries: Sequence[Row]) -> Iterator[str]:
    """The attempts before the last. When one was interrupted is not known: only when another took its place."""
    for attempt in tries[:-1]:
        seconds = None if attempt["status"] == "interrupted" else _seconds(attempt)
        took = "" if seconds is None else f" after {seconds:.2f} s"
        why = f": {_error(attempt['error'])}" if attempt["error"] else ""
        yield f"attempt {attempt['attempt']} {attempt['status']}{took}{why}"


def _notes(step: Row) -> Iterator[str]:
    """What is to be told of a step: what was found out of an attempt that was cut off, that nobody answered it; why a
    model call asked not another model, and that its reply is not whole."""
    for found in step.get("checked", ()):
        yield found_out(**found)
    if step.get("unanswered"):
        yield f"nobody answered in time: {_value(step['output'])} is what `otherwise` says"
    if step["verb"] != CALL:
        return
    if failed := (step["request"] or {}).get("instead_of"):
        yield f"instead of {plain(failed['model'])}, which failed: {_error(failed)}"
    if is_cut(step["output"]):
        yield "warning: max_reply_tokens cut this reply: raise it, or ask for less"


def _errors(step: Row, tries: Sequence[Row]) -> Iterator[str]:
    error = step["error"] if step["status"] == "failed" else None
    if error is None and tries and tries[-1]["error"] and tries[-1]["error"]["type"] in _CUT_OFF:
        error = tries[-1]["error"]
    if error:
        yield _error(error)
        yield from _printed(error)


def _printed(error: Mapping[str, Json]) -> Iterator[str]:
    """The last lines that a program had printed, unless the message says all; what else is kept, `--json` tells."""
    for stream in ("stdout", "stderr"):
        lines = str(error["details"].get(stream) or "").rstrip().splitlines()[-_LAST_LINES:]
        if len(lines) > 1 or (lines and not error["message"].endswith(lines[0].strip())):
            yield from (f"{stream}: {one_line(line, 300)}" for line in lines)


def _left(process: Row) -> str:
    until = "ended with the run or its pause" if process.get("ended") else "until the run's end or pause"
    return f"left running, {until}: {plain(process.get('program', '?'))} (process {process['process']})"


def _error(error: Mapping[str, Json]) -> str:
    return f"{error['type']}: {one_line(error['message'], 300)}"


@click.command("logs", epilog=LOGS)
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Wait for further events until the run ends or pauses.")
@click.option("--json", "as_lines", is_flag=True, help="Every event as a line of JSON.")
@database_option
def wf_logs(run: str, follow: bool, as_lines: bool, db: str | None) -> int:
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


def _ends(processes: Sequence[LeftRunning]) -> str:
    """What is ended with a run."""
    named = ", ".join(f"{process.program} (process {process.process})" for process in processes)
    return f"; with it ends what steps left running: {named}" if named else ""


def _more(event: Event) -> str:
    """What is told of an event only to those who read the whole record."""
    match event:
        case RunPaused():
            words = f"run paused ({event.reason}){_ends(event.ends)}"
        case RunEnded():
            words = f"run {event.status}{_ends(event.ends)}"
        case StepStarted() if event.attempt and event.verb not in (CALL, ASK):
            words = f"▸ {event.step} [{_kind(event.verb, event.agent)}]"
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
