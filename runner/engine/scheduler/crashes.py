"""What becomes of an attempt that a crash cut off: made again, failed, or asked about, by its check or a person."""

from __future__ import annotations

from typing import Literal

import msgspec

from runner.engine.scheduler.aftermath import arrival_of
from runner.engine.scheduler.budgets import ANEW, CUT_OFF
from runner.engine.scheduler.ending import complete, end_call, fail, fail_call
from runner.engine.scheduler.live import Live
from runner.engine.scheduler.reopening import call_of, opened_again
from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.nodes.contract import Done, Failed, SubCall
from runner.nodes.leaves.tool import tool_arguments
from runner.record.address import below, children_of
from runner.record.events import AttemptStarted, FrameOpened, StepChecked, StepInterrupted, StepWaiting
from runner.record.run_state import Child, Step
from runner.record.usage import Usage
from runner.workflow.model import CHECK, Body, Tool
from runner.workflow.policies import OnCrash
from runner.world.calls import CallDone, CallFailed, idempotency_key
from runner.world.told_outputs import form_of, told_output

_INTERRUPTED = "the process was stopped while this ran"


class _Rule(msgspec.Struct, frozen=True):
    """What is to become of a call that was cut off: what its node says, else the tool that it calls."""

    on_crash: OnCrash = "retry"
    check: Body | None = None
    tool: Tool | None = None
    given: dict[str, Json] = {}


def take_up(live: Live, step: Step) -> None:
    """An attempt was cut off: do what its node, or its tool, says of that."""
    rule = _rule_of(live, step)
    if rule.check is not None:
        _ask_check(live, step, rule, rule.check)
    elif rule.on_crash == "fail":
        used = Usage(counted=False) if step.agent else None
        failed = Failed(Failure("interrupted", f"{_INTERRUPTED}; its on_crash is fail"), usage=used)
        if step.frame is None:
            fail_call(live, step, failed)
        else:
            fail(live, arrival_of(live, step), failed)
    else:
        begin_again(live, step, again=True)


def begin_again(live: Live, step: Step, *, again: bool) -> None:
    """Start one more attempt of what was in flight; a model call's has to be paid for like any other."""
    if step.agent and live.has_budgets:
        live.emit(StepWaiting(step.path, "budget", prompt=CUT_OFF if again else ANEW))
    else:
        live.emit(AttemptStarted(step.path, step.attempt + 1, again=again))


def _rule_of(live: Live, step: Step) -> _Rule:
    """A node's own word comes before its tool's; an agent's is for those of its calls of which no tool says one."""
    node = live.node(step)
    if step.frame is not None and node.on_crash is not None:
        return _Rule(node.on_crash, node.check)
    tool = _tool_of(live, step)
    if tool is None or tool.on_crash is None:
        return _Rule(node.on_crash or "retry")
    return _Rule(tool.on_crash, tool.check, tool, opened_again(live, step).request["with"])


def _tool_of(live: Live, step: Step) -> Tool | None:
    if step.frame is None:
        opened = opened_again(live, step)
        return opened.tool if isinstance(opened, SubCall) else None
    called = live.node(step).traits.called
    return live.workflow_of(live.frame_of(step)).tools.get(called.tool) if called is not None else None


def _ask_check(live: Live, step: Step, rule: _Rule, check: Body) -> None:
    variables: dict[str, Json] = {"idempotency_key": _key_of(live, step)}
    if rule.tool is not None:
        variables["inputs"] = tool_arguments(rule.tool, rule.given)
    home = None if rule.tool is None else _home_of(live, step, rule.tool)
    live.emit(StepInterrupted(step.path, step.attempt))
    frame = below(children_of(step.path, step.attempt), CHECK)
    live.emit(FrameOpened(frame, step.path, CHECK, check.key, variables, home=home))


def _key_of(live: Live, step: Step) -> str:
    return idempotency_key(live.began_in(step.path), step.path)


def _home_of(live: Live, step: Step, tool: Tool) -> str:
    """The workflow, of those that a step stands in, that has declared a tool: an agent brings its own along."""
    return next(home.path for home in live.state.homes_of(step) if live.callee(home).tools.get(tool.name) is tool)


def take_finding(live: Live, step: Step) -> None:
    """A check has ended: what it found out decides; where that is nothing, a person does."""
    child = step.children[CHECK]
    found = _finding(child)
    if found.get("done") is False and len(found) == 1:
        _call_again(live, step, "check")
    elif found.get("done") is True and found.keys() == {"done", "output"}:
        _take_output(live, step, found["output"], "check")
    else:
        _ask_person(live, step, _said(child))


def _finding(child: Child) -> dict[str, Json]:
    """What a check gave; of a program or a request that is what it printed, or was answered, as JSON."""
    given = child.output if child.status == "completed" else None
    if isinstance(given, dict) and "done" not in given:
        given = given.get("json")
    return given if isinstance(given, dict) else {}


def _said(child: Child) -> str:
    if child.error is not None:
        return f"its check failed: {child.error['type']}: {child.error['message']}"
    return "its check gave neither {done: true, output: …} nor {done: false}"


def take_choice(live: Live, step: Step, choice: Json) -> None:
    """A person has chosen what becomes of it."""
    if choice == "again":
        _call_again(live, step, "person")
    elif choice == "fail":
        live.emit(StepChecked(step.path, step.attempt, "fail", "person"))
        failure = Failure("interrupted", f"{_INTERRUPTED}; a person chose `fail`")
        if step.frame is None:
            end_call(live, step, "failed", Done(), failure.as_error(step.path, step.attempt))
        else:
            fail(live, arrival_of(live, step), Failed(failure), final=True)
    else:
        _take_output(live, step, choice["output"], "person")


def _call_again(live: Live, step: Step, by: Literal["check", "person"]) -> None:
    """Its next attempt starts as soon as there is room for it."""
    live.emit(StepChecked(step.path, step.attempt, "again", by))


def _take_output(live: Live, step: Step, output: Json, by: Literal["check", "person"]) -> None:
    """It was done: the step ends with that output. One that can't be the step's is no answer."""
    outcome = told_output(call_of(live, step), output)
    if isinstance(outcome, CallFailed):
        _ask_person(live, step, f"the output that was told for it can't be its own: {outcome.failure.message}")
        return
    assert isinstance(outcome, CallDone), "an output is told, or it is not"
    live.emit(StepChecked(step.path, step.attempt, "done", by))
    if step.frame is None:
        end_call(live, step, "completed", Done(outcome.output), None)
    else:
        complete(live, arrival_of(live, step), Done(outcome.output))


def _ask_person(live: Live, step: Step, why: str) -> None:
    key = _key_of(live, step)
    prompt = (
        f"{_INTERRUPTED}, and whether it was done is not known: {why}. Its idempotency key is {key}. "
        'What becomes of it: `fail`, `again`, or, if it was done, {"done": true, "output": …}?'
    )
    done = {"done": {"const": True}, "output": form_of(call_of(live, step))}
    form = {"type": "object", "properties": done, "required": ["done", "output"], "additionalProperties": False}
    choices = {"anyOf": [{"enum": ["fail", "again"]}, form], "examples": ["fail"]}
    live.emit(StepWaiting(step.path, "person", prompt=prompt, schema=choices))
