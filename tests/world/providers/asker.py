"""A process that asks live models: a question per line of stdin, an answer per line of what stdout was."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from runner.ground.json_value import Json
from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, CallDone, Context, ModelCall, NoReply, Outcome
from runner.world.providers.live import Live
from tests.clock import FixedClock
from tests.world.providers.server import DATE

NOW = parsedate_to_datetime(DATE).timestamp() - 90

strayed: list[str] = []
_HOST = {"socket.connect": 1, "socket.getaddrinfo": 0}


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note each look at a host that is not loopback, and at a `.env`."""
    seen = repr(arguments[_HOST[event]]) if event in _HOST else repr(arguments[0]) if event == "open" else ""
    if (event in _HOST and "127.0.0.1" not in seen) or seen.endswith(".env'"):
        strayed.append(f"{event} {seen}")


def log_everything() -> None:
    """Log as an application may that wants to see it all; of the libraries, what litellm says."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: record.name.lower().startswith("litellm"))
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])


async def ask(question: Mapping[str, Json]) -> Json:
    call = msgspec.convert({"call": "model", **question["call"]}, ModelCall)
    timeout = question.get("timeout")
    attempt = Attempt("run", "triage/call#1", "triage", "critic", 1, call, Permissions(), timeout=timeout)
    streamed: list[Json] = []
    context = Context(FixedClock(NOW), question["environment"], lambda *piece: streamed.append(piece))
    live = Live()
    for _ in range(question.get("times", 1) - 1):
        await live.ask(attempt, context)
    asking = asyncio.create_task(live.ask(attempt, context))
    if question.get("cut"):
        await asyncio.to_thread(sys.stdin.readline)
        asking.cancel()
    try:
        told = _plain(await asking)
    except asyncio.CancelledError:
        told = {"cut": True}
    await live.close()
    return {**told, "streamed": streamed}


def _plain(outcome: Outcome) -> Json:
    assert not isinstance(outcome, NoReply), "nothing is scripted here"
    usage = msgspec.to_builtins(outcome.usage)
    if isinstance(outcome, CallDone):
        return {"output": outcome.output, "usage": usage}
    failure = outcome.failure
    fields = {"type": failure.type, "message": failure.message, "details": dict(failure.details)}
    return {"failure": fields, "retry_after": failure.retry_after, "usage": usage}


def main() -> None:
    """Answer until stdin ends. What anything else prints to stdout goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    before = dict(os.environ)
    log_everything()
    sys.addaudithook(watch)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            answer = runner.run(ask(json.loads(line)))
            needless = sorted({"litellm.proxy.proxy_server", "fastapi", "mcp"} & sys.modules.keys())
            changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
            answer |= {"strayed": strayed, "environment": sorted(changed), "modules": needless}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
