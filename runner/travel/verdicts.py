"""What becomes of each step of a run under another version of its workflow: taken over, changed, open, run again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from runner.engine.scheduler import Live
from runner.engine.takeover import Takeover, Verdict, Visit
from runner.ground.advice import command_line
from runner.ground.errors import UsageError
from runner.ground.plain_file import read_plain
from runner.nodes import KINDS
from runner.record.address import ROOT, is_inside
from runner.record.events import Commit, RunForked, RunResumed, RunStarted, StepEnded, StepStarted
from runner.record.fold import apply
from runner.record.run_state import Frame, RunState, Step
from runner.record.store.contract import Store
from runner.travel.misfits import counterpart
from runner.workflow.compiler.files import PATTERN, shown_as
from runner.workflow.fingerprint import LATER, differences_of, words_of
from runner.workflow.model import Body, Loaded, Node, Workflow

WORDS: dict[Verdict, str] = {"again": "runs again"}

MOST_SHOWN = 100
"""How many steps are told one by one, whatever becomes of them."""

NOT_THERE = ("not there",)
"""What differs where the new version has no such node."""


class StepsChanged(UsageError):
    """What a run has decided is not the same in another version; `visits` are all of its steps."""

    def __init__(self, message: str, hint: str, visits: Sequence[Visit]) -> None:
        super().__init__(message, hint)
        self.document = {"takeover": msgspec.to_builtins(Takeover(tuple(visits)))}


DefinitionOf = Callable[[str], Workflow]


def compare_steps(
    store: Store, run: str, new: Workflow, definition_of: DefinitionOf, upto: int | None = None
) -> list[Visit]:
    """What of a run (up to an event) a new version takes over: every step that began, in order."""
    state = RunState()
    visits: dict[str, Visit] = {}
    live = Live(run, new, state)
    before = 0
    for commit in store.commits(run, upto=upto):
        for event in commit.events:
            apply(state, event)
            if isinstance(event, RunStarted | RunForked | RunResumed):
                live.workflow = definition_of(state.definition)
            if isinstance(event, StepStarted | StepEnded) and _begins(event, visits):
                differs = _differs(live, new, event)
                visits[event.step] = Visit(event.step, "changed" if differs else "reuse", commit.last, differs)
        _date_back(commit, state, visits, before)
        before = commit.last
    return [_as_it_stands(visit, live) for visit in visits.values()]


def _as_it_stands(visit: Visit, live: Live) -> Visit:
    """A visit's verdict, now that it is known whether its step is still open: not all of it has been decided then."""
    step = live.state.steps.get(visit.step)
    if step is None or visit.differs == NOT_THERE:
        return visit
    return replace(visit, verdict="changed" if decided(step, visit.differs) else "open")


def decided(step: Step, differs: tuple[str, ...]) -> tuple[str, ...]:
    """Of the keys that differ those that an open step has used; all, where it has ended and only left branches."""
    if step.detached:
        return differs
    later = LATER | (KINDS[step.verb].used_last if step.verb in KINDS else frozenset())
    if not (step.composite or step.failures):
        later |= {"retry"}
    return tuple(name for name in differs if name not in later)


def _begins(event: StepStarted | StepEnded, visits: dict[str, Visit]) -> bool:
    """Whether this is where a node's step begins; a step that takes no time has only an end."""
    if event.frame is None or (isinstance(event, StepEnded) and event.step in visits):
        return False
    visits.pop(event.step, None)
    return True


def _date_back(commit: Commit, state: RunState, visits: dict[str, Visit], before: int) -> None:
    """Date a step that began and ended in one commit at the checkpoint before: only from there it can begin again."""
    for event in commit.events:
        visit = visits.get(event.step) if isinstance(event, StepStarted | StepEnded) else None
        if visit is not None and visit.at == commit.last and visit.step not in state.steps:
            visits[visit.step] = replace(visit, at=before)


def _differs(live: Live, new: Workflow, event: StepStarted | StepEnded) -> tuple[str, ...]:
    assert event.frame is not None, "a node's step stands in a frame"
    frame = live.state.frames[event.frame]
    old = live.workflow_of(frame)
    now = counterpart(live, new, old)
    body = None if now is None else now.bodies.get(frame.body)
    node = None if body is None else body.nodes.get(event.node)
    if now is None or node is None:
        return NOT_THERE
    return differences_of(words_of(old.bodies[frame.body].nodes[event.node], old), words_of(node, now))


def table(visits: Sequence[Visit]) -> Iterator[str]:
    """A line for each step: what becomes of it. Of very many, those that are reused are only counted."""
    reused = sum(visit.verdict == "reuse" for visit in visits)
    counted = len(visits) > MOST_SHOWN
    if counted:
        yield f"  {'reuse':<10} {reused} steps"
    for visit in visits:
        if not (counted and visit.verdict == "reuse"):
            differs = f" ({', '.join(visit.differs)})" if visit.differs else ""
            yield f"  {WORDS.get(visit.verdict, visit.verdict):<10} {visit.step}{differs}"


def with_anew(visits: Sequence[Visit], anew: tuple[str, ...]) -> tuple[Visit, ...]:
    """Mark the visits that a fork begins anew: the steps in `anew`, and all steps inside them."""
    again = {visit.step for visit in visits if any(is_inside(visit.step, path) for path in anew)}
    return tuple(replace(visit, verdict="again") if visit.step in again else visit for visit in visits)


def refuse_changes(visits: list[Visit], run: str, file: str) -> None:
    """Raises StepsChanged, with the whole list, when what a step has used is not the same in the new version."""
    changed = next((visit for visit in visits if visit.verdict == "changed"), None)
    if changed is None:
        return
    rows = "\n".join(table(visits))
    fork = command_line("fork", f"{run}@{changed.at}", "--workflow", file)
    raise StepsChanged(
        f"run {run} can't go on with {file}: '{changed.step}', which it has begun, is not the same there\n{rows}",
        f"fork the run where '{changed.step}' begins: {fork}"
        if changed.at
        else f"nothing comes before that step: {command_line('run', file)}",
        visits,
    )


def renamed(before: Loaded, loaded: Loaded) -> tuple[str, ...]:
    """A warning where another version has another name."""
    old, new = before.workflow.name, loaded.workflow.name
    return () if old == new else (f"the workflow is called '{new}' in that file, and '{old}' in the one of the run",)


def changed_since(recorded: Loaded) -> tuple[str, ...]:
    """A warning where a file that a recorded version was read from says something else by now."""
    for path, text in recorded.texts.items():
        try:
            same = path.startswith(PATTERN) or _as_read(read_plain(Path(path))) == _as_read(text.encode())
        except (OSError, ValueError):
            continue  # what is not there any more, or no file that could be used, is no other version
        if not same:
            takes = f"`--workflow {shlex.quote(shown_as(recorded.workflow.file))}` takes over what it is now"
            return (f"{shown_as(path)} has changed since; the run goes on with what it began with; {takes}",)
    return ()


def _as_read(content: bytes) -> bytes:
    """A file's content as workflow files are read: however its lines end."""
    return content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def begun_anew(old: Live, new: Workflow) -> tuple[str, ...]:
    """The open steps that have to begin anew under another version: those whose node is not the same any more.

    Raises UsageError when even that is not to be had: the body or the node of a frame is not there any more.
    """
    steps = Walk(old, new)
    root = old.state.steps[ROOT]
    anew: list[str] = []
    for path in root.open.values():
        found = steps.stale(old.state.frames[path])
        if found is None:
            frame = old.state.frames[path]
            raise UsageError(
                f"the new version has no '{frame.at or frame.body}', which the run is at here",
                "fork at an earlier checkpoint, or keep that node",
            )
        anew += found
    for step in old.state.steps.values():
        if step.base is not None and step.frame not in old.state.frames:
            anew += steps.stray(step, step.base)
    return tuple(anew)


def _left_running(step: Step) -> UsageError:
    """What a step has left running can't begin anew: the frame around it has gone on."""
    words = f"what '{step.path}' has left running is not the same in the new version"
    return UsageError(words, "fork at a checkpoint before that step, or keep that node")


class Walk:
    """Looks at the open frames and steps of a run, from the outside in."""

    def __init__(self, old: Live, new: Workflow) -> None:
        self._old = old
        self._new = new

    def stale(self, frame: Frame) -> list[str] | None:
        """The steps below a frame that begin anew; None when the frame itself can't be kept."""
        body = self._body(frame)
        if body is None or (frame.at is not None and frame.at not in body.nodes):
            return None
        found: list[str] = []
        for step in [step for step in self._old.state.steps.values() if step.frame == frame.path]:
            found += self._step(step, body)
        return found

    def stray(self, step: Step, base: Frame) -> list[str]:
        """Like `stale`, for a step that has ended and left branches running."""
        body = self._body(base)
        if body is None:
            raise _left_running(step)
        return self._step(step, body)

    def _body(self, frame: Frame) -> Body | None:
        workflow = counterpart(self._old, self._new, self._old.workflow_of(frame))
        return None if workflow is None else workflow.bodies.get(frame.body)

    def _step(self, step: Step, body: Body) -> list[str]:
        found = self._changed(step, body)
        if step.detached and step.path in found:
            raise _left_running(step)
        return found

    def _changed(self, step: Step, body: Body) -> list[str]:
        frame = self._old.frame_of(step)
        now = counterpart(self._old, self._new, self._old.workflow_of(frame))
        node: Node | None = body.nodes.get(step.node)
        if node is None or now is None:
            return [step.path]
        before = words_of(self._old.node(step), self._old.workflow_of(frame))
        if decided(step, differences_of(before, words_of(node, now))):
            return [step.path]
        inner = [self.stale(inner) for inner in self._frames_of(step)]
        return [step.path] if None in inner else [path for found in inner if found is not None for path in found]

    def _frames_of(self, step: Step) -> Iterator[Frame]:
        for path in step.open.values():
            frame = self._old.state.frames.get(path)
            if frame is not None and frame.owner == step.path:
                yield frame
