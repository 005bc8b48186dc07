"""`wait`: for a time, until one, for a signal, or for the first of several of these."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.language.template import Template
from runner.nodes.contract import Ask, Done, Failed, Kind, Opened, Shape, Stay, StepFailed, View, Woke, Woken
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node
from runner.workflow.policies import Duration

FORMS = ("for", "until", "signal")
DEADLINE = ""
"""What the node's own timeout is called among the times that a step waits for."""


class Awaited(msgspec.Struct, frozen=True):
    """One thing to wait for: a duration, a time (RFC 3339), or a signal that `match` holds for."""

    duration: Duration | None
    until: Template | None
    signal: Template | None
    match: Expression | None


Spec = Mapping[str, Awaited]
"""What is waited for, by the name that `by` gets."""


def build(reader: NodeReader) -> Spec:
    content = reader.get("wait")
    if "any" in content:
        return {key: _awaited(reader, "wait", "any", key) for key in content["any"]}
    return {next(form for form in FORMS if form in content): _awaited(reader, "wait")}


def _awaited(reader: NodeReader, *place: str) -> Awaited:
    content = reader.get(*place)
    until = reader.template(*place, "until") if "until" in content else None
    if until is not None and until.literal and parse_time(until.source) is None:
        hint = "write it as RFC 3339: 2026-11-22T18:00:00Z"
        reader.error(f"'{until.source}' is no time", *place, "until", hint=hint, rule="schema")
    return Awaited(
        reader.duration(*place, "for"),
        until,
        reader.template(*place, "signal") if "signal" in content else None,
        reader.expression(*place, "match", extra=("data",), role="match"),
    )


def parse_time(text: str) -> float | None:
    """Epoch seconds of an RFC 3339 time; None when it is none, or bears no offset."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def open_(node: Node, view: View) -> Opened:
    spec: Spec = node.spec
    times = {key: time for key, awaited in spec.items() if (time := _time(awaited, view)) is not None}
    if node.timeout is not None:
        times[DEADLINE] = view.now + view.seconds(node.timeout)
    signals = {key: view.text(awaited.signal) for key, awaited in spec.items() if awaited.signal is not None}
    return Ask("signal" if signals else "timer", min(times.values(), default=None), times=times, signals=signals)


def _time(awaited: Awaited, view: View) -> float | None:
    if awaited.duration is not None:
        return view.now + view.seconds(awaited.duration)
    if awaited.until is None:
        return None
    text = view.text(awaited.until)
    until = parse_time(text)
    if until is None:
        raise StepFailed(Failure("input_invalid", f"'{text[:80]}' is no RFC 3339 time such as 2026-11-22T18:00:00Z"))
    return until


def wake(node: Node, view: View, woken: Woken) -> Woke:
    if woken.by == "time":
        return _in_time(view)
    for key, name in view.signals.items():
        if name == woken.name and not why_kept(node, view, key, woken.value):
            return Done({"by": key, "data": woken.value})
    return Stay()


def why_kept(node: Node, view: View, key: str, data: Json) -> str:
    """Why a signal with such data is not what is waited for under a key; empty where it is.

    What others send can't fail a step: data that `match` can't be asked of do not match.
    """
    match = node.spec[key].match
    try:
        return "" if match is None or view.holds(match, data=data) else "match does not hold"
    except StepFailed as error:
        return f"match can't be asked of it: {error.message}"


def _in_time(view: View) -> Woke:
    by = min(view.times, key=lambda key: view.times[key])
    if by != DEADLINE:
        return Done({"by": by, "data": None})
    if not view.signals:
        return Failed(Failure("timeout", "the wait did not end in time"))
    awaited = ", ".join(f"'{name}'" for name in view.signals.values())
    return Failed(Failure("signal_timeout", f"no signal {awaited} came in time"))


KIND = Kind(verb="wait", build=build, open=open_, wake=wake, shape=Shape(("{{", "}}")))
