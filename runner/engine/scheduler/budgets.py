"""What a model call has to reserve before it starts, and whether the budgets that it stands under hold that."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10

import msgspec

from runner.engine.scheduler.live import Live
from runner.engine.scheduler.view import StepView
from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.events import CALL
from runner.record.run_state import Step
from runner.record.usage import Account, Reservation, picos
from runner.workflow.money import Budget, Price
from runner.world.calls import AnyCall, ModelCall

CUT_OFF, ANEW = "its attempt was cut off; what was reserved for it counts as used", "it begins anew"
"""What is recorded of a call that was in flight, and begins again once there is money for it."""

FRAMING = 256
"""Tokens that a server may put around a prompt: the frame of its chat template, and of the tools and the schema."""


class Fits(msgspec.Struct, frozen=True):
    """The attempt may start, with what is set aside for it: nothing where there is no budget."""

    reserves: Reservation | None = None


class Waits(msgspec.Struct, frozen=True):
    """It may fit once the calls in flight have settled at what they use."""


class Exceeds(msgspec.Struct, frozen=True):
    """It will never fit. `pauses`: it waits for a larger budget, which `by_option` the command line can give."""

    failure: Failure
    pauses: bool
    by_option: bool


Verdict = Fits | Waits | Exceeds


def judge(live: Live, step: Step, call: AnyCall) -> Verdict:
    """Whether a call may start now, by every budget around its step; of those that never hold it the innermost says."""
    if not isinstance(call, ModelCall) or not live.has_budgets:
        return Fits()
    price = _price(live, call)
    most, waits, found = _reservation(live, step, call, price), False, False
    for holder, budget in _around(live, step):
        found = True
        account = holder.account or Account()
        if _lack(budget, account, call, most, price) is None:
            continue
        released = _without(account, _in_flight(live, holder))
        if (lack := _lack(budget, released, call, most, price)) is not None:
            by_option = holder.path == ROOT and lack.limit == "max_cost_usd" and price is not None
            return Exceeds(_failure(live, holder, lack), budget.on_exhausted == "pause", by_option)
        waits = True
    if waits:
        return Waits()
    return Fits(most if found else None)


class _Lack(msgspec.Struct, frozen=True):
    """Why a budget does not hold a call."""

    words: str
    limit: str = ""
    most: float | None = None
    left: float | None = None
    needed: float | None = None


def _lack(budget: Budget, account: Account, call: ModelCall, most: Reservation, price: Price | None) -> _Lack | None:
    if account.closed:
        words = "a provider counted more for a call than was reserved for it, so that nothing bounds the next"
        return _Lack(words, "max_tokens" if budget.max_cost_usd is None else "max_cost_usd")
    if budget.max_tokens is not None and account.tokens + most.tokens > budget.max_tokens:
        left = max(0, budget.max_tokens - account.tokens)
        words = f"the call may use {most.tokens} tokens, and {left} are left of max_tokens {budget.max_tokens}"
        return _Lack(words, "max_tokens", budget.max_tokens, left, most.tokens)
    if budget.max_cost_usd is None:
        return None
    if price is None:
        hint = "give its alias under models: `price: {input: …, output: …}`, in USD per million tokens"
        return _Lack(f"what {call.model} costs is not known: {hint}", "max_cost_usd", budget.max_cost_usd)
    if account.picos + most.picos > picos(budget.max_cost_usd):
        left_usd = max(0.0, budget.max_cost_usd - account.cost_usd)
        words = f"the call may cost {_usd(most.cost_usd)}, and {_usd(left_usd)} is left"
        words += f" of max_cost_usd {budget.max_cost_usd:g}"
        return _Lack(words, "max_cost_usd", budget.max_cost_usd, left_usd, most.cost_usd)
    return None


def _usd(money: float) -> str:
    """Money with as many digits as tell it."""
    return f"${money:.{4 if not money else max(4, 2 - floor(log10(money)))}f}"


def _failure(live: Live, holder: Step, lack: _Lack) -> Failure:
    whose = "the run" if holder.path == ROOT else f"'{holder.node}'"
    told = {name: value for name in ("limit", "most", "left", "needed") if (value := getattr(lack, name)) is not None}
    details: dict[str, Json] = {"source": "budget", "of": holder.path, **told}
    return Failure("credit_exhausted", f"the budget of {whose} does not hold this call: {lack.words}", details)


def _around(live: Live, step: Step) -> Iterator[tuple[Step, Budget]]:
    """The budgets that a call stands under, innermost first, each with the step whose account it is."""
    for holder in live.state.around(step):
        own = [live.budget] if holder.path == ROOT else [_own(live, holder)]
        if holder.invocation is not None and holder.path != ROOT:
            own.append(live.callee(holder).limits)
        yield from ((holder, budget) for budget in own if budget is not None and budget.is_set)


def _own(live: Live, holder: Step) -> Budget | None:
    """What a node, its agent or a delegate says of its step's budget; a call that is checked has none of its own."""
    if holder.verb == CALL:
        return None
    return live.kind(holder).budget(live.node(holder), StepView.as_begun(live, holder))


def _in_flight(live: Live, holder: Step) -> Account:
    """What is reserved for the calls in flight inside a step."""
    found = Account()
    for path in live.state.running:
        running = live.state.steps[path]
        if running.reserved is not None and any(outer is holder for outer in live.state.around(running)):
            found.tokens += running.reserved.tokens
            found.picos += running.reserved.picos
    return found


def _without(account: Account, reserved: Account) -> Account:
    return Account(account.tokens - reserved.tokens, account.picos - reserved.picos, account.closed)


def _price(live: Live, call: ModelCall) -> Price | None:
    """What a model costs: as its alias says, else as the price list said when that was recorded."""
    listed = live.options.get("prices", {}).get(call.model)
    return call.price or (None if listed is None else Price(*listed))


def _reservation(live: Live, step: Step, call: ModelCall, price: Price | None) -> Reservation:
    """The most that a call may use: no token is shorter than a byte."""
    if step.path not in live.prompt_bounds:
        sent = msgspec.json.encode((call.messages, call.tools, call.output_schema))
        live.prompt_bounds[step.path] = len(sent) + FRAMING
    prompt, reply = live.prompt_bounds[step.path], call.max_reply_tokens
    if price is None:
        return Reservation(prompt + reply)
    return Reservation(prompt + reply, prompt * _per_token(price.input) + reply * _per_token(price.output))


def _per_token(per_million: float) -> int:
    """The price of one token in `picos`, never less than it is."""
    return ceil(round(per_million * 1e6, 3))
