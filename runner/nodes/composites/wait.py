"""`wait`: for a time, or until one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runner.compiler import NodeReader
from runner.errors import Failure
from runner.model import Duration, Node
from runner.nodes.contract import Answer, Ask, Done, Kind, Opened, StepFailed, View, Woken
from runner.template import Template


class WaitSpec(msgspec.Struct, frozen=True):
    """How long, or until when (RFC 3339)."""

    by: Literal["for", "until"]
    duration: Duration
    until: Template


def build(reader: NodeReader) -> WaitSpec:
    by: Literal["for", "until"] = "for" if "for" in reader.get("wait") else "until"
    spec = WaitSpec(by, reader.duration("wait", "for") or Duration(0.0), reader.template("wait", "until"))
    if by == "until" and spec.until.literal and parse_time(spec.until.source) is None:
        reader.error(
            f"'{spec.until.source}' is no time",
            "wait",
            "until",
            hint="write it as RFC 3339: 2026-11-22T18:00:00Z",
            rule="schema",
        )
    return spec


def parse_time(text: str) -> float | None:
    """Epoch seconds of an RFC 3339 time; None when it is none, or bears no offset."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def open_(node: Node, view: View) -> Opened:
    spec: WaitSpec = node.spec
    if spec.by == "for":
        return Ask("timer", view.now + view.seconds(spec.duration))
    text = view.text(spec.until)
    until = parse_time(text)
    if until is None:
        raise StepFailed(Failure("input_invalid", f"'{text[:80]}' is no RFC 3339 time such as 2026-11-22T18:00:00Z"))
    return Ask("timer", until)


def wake(node: Node, _view: View, _woken: Woken) -> Answer:
    spec: WaitSpec = node.spec
    return Done({"by": spec.by, "data": None})


KIND = Kind("wait", build, open_, wake=wake)
