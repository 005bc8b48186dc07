"""What tells one call of a run from every other, so that an approval of it is one of nothing else. Pure."""

from __future__ import annotations

import hashlib

import msgspec

from runner.engine.scheduler.live import Live
from runner.world.calls import AnyCall


def seal(live: Live, step: str, call: AnyCall) -> str:
    """The SHA-256 of a call as it would be recorded, with its code, its step, its run and the run's definition."""
    written = live.on_paper(msgspec.to_builtins(call))
    told = [live.run, live.state.definition, step, written]
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()
