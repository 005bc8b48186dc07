"""Runs made of random events that are legal: what a scheduler could have recorded, without any workflow behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.event_parts import Write
from runner.record.events import (
    AnyEvent,
    AttemptFailed,
    AttemptStarted,
    BranchPassed,
    Commit,
    EndStatus,
    FrameEnded,
    FrameOpened,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    Scope,
    StepClosed,
    StepEnded,
    StepStarted,
    StepWaiting,
    decode,
    encode,
)
from runner.record.fold import apply
from runner.record.run_state import Frame, RunState, Step
from runner.record.usage import Usage

STATE: dict[str, Json] = {"n": 0, "log": [], "total": 0, "tags": [], "once": None, "most": None, "big": "x" * 300}
REDUCERS = {"n": "set", "log": "append", "total": "add", "tags": "union", "once": "first", "most": "max", "big": "set"}
COMPOSITE = ("parallel", "for_each", "workflow", "agent", "human", "wait")
MEMORY: dict[str, dict[str, Json]] = {"parallel": {"order": [*"01234"]}, "for_each": {"items": [None] * 5}}
ERROR: dict[str, Json] = {"type": "timeout", "message": "too slow", "details": {}}

ENDS: tuple[EndStatus, ...] = ("completed", "completed", "failed", "cancelled")

Move = Callable[[], None]


class Legal:
    """A run that moves at random: `moves` lists what may happen now, each as something to call."""

    def __init__(self, random: Random, run: str = "run") -> None:
        self.random = random
        self.run = run
        self.state = RunState()
        self.events: list[AnyEvent] = []
        self.at = 1_000.0
        self.fresh = 0

    def commits(self, length: int) -> Iterator[Commit]:
        """So many commits, or fewer when the run ends before."""
        self.emit(RunStarted("flow", "1", "hash", {"name": "a"}, dict(STATE), {"no_input": True}))
        self.emit(FrameOpened("", ROOT, "body", "body", shared=True))
        yield self.commit()
        for _ in range(length - 1):
            self.at += self.random.choice((0.0, 0.25, 3.0))
            self.state.tick(self.at)
            self.move(self.random.randint(1, 4))
            yield self.commit()
            if self.state.ended:
                return

    def move(self, times: int) -> None:
        """So many moves; a pause or the end is the last of its commit, and a resumption the first."""
        for _ in range(times):
            self.random.choice(self.moves())()
            if self.state.status != "running":
                return

    def commit(self) -> Commit:
        events, self.events = tuple(self.events), []
        return Commit(self.run, self.state.seq - len(events) + 1, events, self.at, self.state.epoch)

    def emit(self, event: AnyEvent) -> None:
        (recorded,) = decode(encode((event,)))
        self.events.append(recorded)
        apply(self.state, recorded)

    def value(self) -> Json:
        return self.random.choice((None, True, 1, 1.0, "", "é\x00", [], [1, {"a": None}], {"b": [2.5]}, 2**63))

    def write(self) -> Write:
        key = self.random.choice(tuple(REDUCERS))
        value = self.value() if REDUCERS[key] in {"set", "append", "first"} else self.random.randint(0, 9)
        return Write(key, REDUCERS[key], [value] if key == "tags" else value)

    def name(self) -> str:
        self.fresh += 1
        return f"n{self.fresh}"

    def moves(self) -> list[Move]:
        found: list[Move] = []
        if self.state.status == "paused":
            return [self.resume]
        for frame in self.state.frames.values():
            found += self.frame_moves(frame)
        for step in self.state.steps.values():
            found += self.step_moves(step)
        return [*found, self.pause] if self.random.random() < 0.1 or not found else found

    def pause(self) -> None:
        self.emit(RunPaused("waiting"))

    def resume(self) -> None:
        self.emit(RunResumed(self.state.epoch + 1))

    def frame_moves(self, frame: Frame) -> list[Move]:
        path = frame.path
        if any(step.frame == path and not step.detached for step in self.state.steps.values()):
            return []
        if path in self.state.ready:
            return [lambda: self.start(path), lambda: self.pass_by(path), lambda: self.start(path)]
        if frame.home == frame.owner and self.state.home(frame).strays:
            return []
        return [lambda: self.end_frame(path)]

    def next_node(self, frame: Frame) -> tuple[str, str, int]:
        node = frame.at or self.name()
        visit = frame.visits.get(node, 0) + 1
        return f"{frame.path}/{node}#{visit}", node, visit

    def pass_by(self, path: str) -> None:
        """A step that takes no time, or is skipped."""
        frame = self.state.frames[path]
        step, node, visit = self.next_node(frame)
        status: EndStatus = "skipped" if self.random.random() < 0.3 else "completed"
        self.emit(self.ended(StepEnded(step, status, node, path, "", visit)))

    def ended(self, plain: StepEnded) -> StepEnded:
        """The end of a step with what it may carry: output, writes, a reset, the way on."""
        completed = plain.status == "completed"
        writes = tuple(self.write() for _ in range(self.random.randint(0, 2))) if completed else ()
        reset = (("once", None),) if completed and self.random.random() < 0.2 else ()
        onward = self.random.choice((None, self.name(), plain.node))
        fields = {name: getattr(plain, name) for name in plain.__struct_fields__}
        error = ERROR if plain.status == "failed" else None
        fields |= {"output": self.value(), "error": error, "writes": writes, "reset": reset, "next": onward}
        return StepEnded(**fields)

    def start(self, path: str) -> None:
        frame = self.state.frames[path]
        step, node, visit = self.next_node(frame)
        verb = self.random.choice(("command", "command", "tool", *COMPOSITE))
        if len(self.state.frames) > 12 and verb in {"parallel", "for_each", "workflow"}:
            verb = "command"
        attempt = 0 if verb in COMPOSITE else self.random.randint(0, 1)
        scope = Scope({"k": 1}, {**STATE, "n": 5}, "child") if verb == "workflow" else None
        memory = MEMORY.get(verb, {})
        self.emit(StepStarted(step, node, verb, path, "", "", visit, attempt, memory=memory, scope=scope))
        if verb == "workflow":
            self.emit(FrameOpened(f"{step}:body", step, "body", "child", shared=True))
        elif verb in {"parallel", "for_each"}:
            self.open_branches(step)
        elif verb == "agent":
            self.ask(step, node)
        elif verb in {"human", "wait"}:
            self.emit(StepWaiting(step, "person" if verb == "human" else "timer", 9.0, "Go on?", ("yes", 2)))

    def open_branches(self, step: str) -> None:
        for key in range(self.random.randint(0, 3)):
            if self.random.random() < 0.2:
                self.emit(BranchPassed(step, str(key), "skipped"))
            else:
                self.branch(step, str(key))

    def branch(self, step: str, key: str, after: tuple[str, ...] = (), follows: str = "") -> None:
        item = {"item": self.value(), "index": int(key)}
        self.emit(FrameOpened(f"{step}/{key}", step, key, "do", item, after, follows))

    def ask(self, step: str, node: str) -> None:
        key = f"call#{len(self.state.steps[step].children) + 1}"
        request = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        self.emit(StepStarted(f"{step}/{key}", node, "call", None, step, key, agent="bot", request=request))

    def step_moves(self, step: Step) -> list[Move]:
        path = step.path
        if path == ROOT:
            return self.root_moves(step)
        if step.detached:
            return [] if step.open else [lambda: self.emit(StepClosed(path))]
        if path in self.state.queued or path in self.state.retrying:
            attempt = step.attempt if path in self.state.queued else step.attempt + 1
            return [lambda: self.emit(AttemptStarted(path, max(1, attempt)))]
        if step.verb in COMPOSITE:
            return self.composite_moves(step)
        return [
            lambda: self.end_step(path),
            lambda: self.end_step(path),
            lambda: self.emit(AttemptFailed(path, step.attempt, ERROR, self.at + 1)),
            lambda: self.emit(AttemptStarted(path, step.attempt + 1, again=True)),
        ]

    def composite_moves(self, step: Step) -> list[Move]:
        path = step.path
        if step.verb == "agent" and not step.open:
            return [lambda: self.ask(path, step.node), lambda: self.end_composite(path)]
        if step.verb in {"agent", "workflow"}:
            return [] if step.open else [lambda: self.end_composite(path)]
        found: list[Move] = [lambda: self.end_composite(path, leave=bool(step.open))]
        if len(step.children) + len(step.open) < 5 and step.verb in {"parallel", "for_each"}:
            found.append(lambda: self.one_more(path))
        return found

    def one_more(self, path: str) -> None:
        """A further branch, which may see or go on from what ended ones have left."""
        step = self.state.steps[path]
        done = [key for key, child in step.children.items() if child.status == "completed" and child.final is not None]
        key = str(len(step.children) + len(step.open))
        if done and self.random.random() < 0.5:
            self.branch(path, key, follows=done[-1])
        else:
            self.branch(path, key, after=tuple(done[:2]))

    def end_composite(self, path: str, *, leave: bool = False) -> None:
        step = self.state.steps[path]
        status: EndStatus = "failed" if self.random.random() < 0.2 else "completed"
        merge = tuple(key for key, child in step.children.items() if child.writes and child.status == "completed")
        merged = merge if status == "completed" and step.verb in {"parallel", "for_each"} else ()
        plain = StepEnded(path, status, step.node, step.frame, step.verb, step.visit, merge=merged, leave=leave)
        self.emit(self.ended(plain))

    def end_step(self, path: str) -> None:
        step = self.state.steps[path]
        status = self.random.choice(ENDS)
        if step.frame is None:
            output = {"text": "hello", "tool_calls": []}
            usage = Usage("m", 3, 4, self.random.choice((None, 0.5)))
            self.emit(StepEnded(path, status, step.node, None, step.verb, output=output, usage=usage))
        else:
            self.emit(self.ended(StepEnded(path, status, step.node, step.frame, step.verb, step.visit)))

    def end_frame(self, path: str) -> None:
        status = self.random.choice(ENDS)
        self.emit(FrameEnded(path, status, ERROR if status == "failed" else None))

    def root_moves(self, root: Step) -> list[Move]:
        if root.open or self.state.frames:
            return []
        if "finally" in root.children:
            return [lambda: self.emit(RunEnded("completed", {"n": 1}))]
        return [lambda: self.emit(FrameOpened("finally", ROOT, "finally", "finally", {"error": None}, shared=True))]


def legal_commits(random: Random, length: int, run: str = "run") -> list[Commit]:
    """A random run's commits, as read back from a record."""
    return list(Legal(random, run).commits(length))
