"""What model calls take: a run's sums, and an account for each step that a call stands in. Part of the fold."""

from __future__ import annotations

from runner.record.address import ROOT
from runner.record.run_state import RunState, Step
from runner.record.usage import Account, Reservation, Usage, picos


def reserve(run: RunState, step: Step, most: Reservation | None) -> None:
    """Set aside what the attempt of a call that begins may use. What was set aside for one that was cut off is gone."""
    step.reserved = most
    if most is not None:
        _take(run, step, most.tokens, most.picos)


def settle(run: RunState, step: Step | None, usage: Usage | None, *, failed: bool = False) -> None:
    """The attempt that a call was at is over: let it have taken what it used, and no more.

    What nobody knows keeps its reservation: the usage of a call that was cut off, or that the provider did not count.
    One in flight that `failed` without a usage was refused before anything was generated.
    """
    if usage is not None:
        _sum_up(run, usage)
    if step is None or (usage is None and step.reserved is None):
        return
    reserved, step.reserved = step.reserved or Reservation(0), None
    if usage is None:
        used = Reservation(0) if failed and step.path in run.running else reserved
    else:
        used = _used(usage, reserved)
    is_over = bool(reserved.tokens) and (used.tokens > reserved.tokens or used.picos > reserved.picos > 0)
    _take(run, step, used.tokens - reserved.tokens, used.picos - reserved.picos, closes=is_over)


def reopen(run: RunState) -> None:
    """Open the budgets again that a call has closed: there is another one now."""
    for step in run.steps.values():
        if step.account is not None:
            step.account.closed = False


def _used(usage: Usage, reserved: Reservation) -> Reservation:
    if not usage.counted:
        return reserved
    return Reservation(usage.tokens, reserved.picos if usage.cost_usd is None else picos(usage.cost_usd))


def _take(run: RunState, step: Step, tokens: int, money: int, *, closes: bool = False) -> None:
    for holder in run.around(step):
        if holder.account is None:
            holder.account = Account()
        holder.account.tokens += tokens
        holder.account.picos += money
        holder.account.closed |= closes
        if holder.path == ROOT:
            run.taken = holder.account.picos


def _sum_up(run: RunState, usage: Usage) -> None:
    run.tokens += usage.tokens
    run.cost_usd += usage.cost_usd or 0.0
    run.unpriced += usage.cost_usd is None
    run.uncounted += not usage.counted
