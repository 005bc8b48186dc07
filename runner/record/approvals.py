"""What a run's state holds of calls that people are to approve: what was answered, and what an approval is worth."""

from __future__ import annotations

from runner.ground.json_value import Json
from runner.record.events import APPROVED, StepEnded
from runner.record.gates import Gate
from runner.record.run_state import RunState, Step
from runner.record.subtrees import discard


def answered(run: RunState, step: Step, event: StepEnded) -> str:
    """Note the end of a composite's own step; the seal of the call that it was about, if it was such a question."""
    approval = None if step.waiting is None else step.waiting.approval
    if approval is None:
        return ""
    if approval.frees and event.status == "completed" and event.output == APPROVED:
        run.freed[approval.frees] = None
    return approval.seal


def approval_gates(step: Step, answer: Json) -> tuple[Gate, ...]:
    """What is recorded as a question about a call ends: whether the call was approved, and why not."""
    approval = None if step.waiting is None else step.waiting.approval
    if approval is None:
        return ()
    why = str(answer["deny"]) if isinstance(answer, dict) else "nobody answered in time"
    allowed = answer == APPROVED
    return (Gate("approval", approval.tool, allowed, "" if allowed else why, hash=approval.seal),)


def approvals_of(run: RunState) -> list[Step]:
    """The open questions about calls, and the calls that were approved and have not ended."""
    return [step for step in run.steps.values() if step.approved or _asks(step)]


def _asks(step: Step) -> bool:
    return step.waiting is not None and step.waiting.approval is not None


def ask_anew(run: RunState) -> None:
    """Forget all approvals: what was approved holds for one run and one definition. Calls that were made stay made."""
    run.freed = {}
    for step in approvals_of(run):
        if step.path in run.steps:  # it may stand in the check of another one
            _withdraw(run, step)
    for owner in run.steps.values():
        for key, child in [*owner.children.items()]:
            if child.approves:
                del owner.children[key]
                owner.tally[child.status] -= 1


def go_by(run: RunState, definition: str) -> None:
    """Let a run go by another version from now on, if one is named."""
    if definition not in ("", run.definition):
        ask_anew(run)
        run.definition = definition


def _withdraw(run: RunState, step: Step) -> None:
    """Drop a question or a call as if it had never been opened."""
    discard(run, step)
    del run.steps[step.owner].open[step.key]
