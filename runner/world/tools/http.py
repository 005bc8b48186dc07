"""Sends an HTTP request, to a permitted host alone."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from runner.ground.json_value import Json
from runner.workflow.policies import CALL_TIMEOUT
from runner.world.calls import Attempt, Context, HttpCall, Outcome
from runner.world.http_answers import Answer, judged_answer
from runner.world.large import beside
from runner.world.tools.addresses import NetworkGate
from runner.world.tools.refusal import Refusal

KEY = "Idempotency-Key"
"""The header by which a server can tell that a request is sent again."""

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


async def perform_http(call: HttpCall, attempt: Attempt, context: Context) -> Outcome:
    """Send a request; the output is `{status, headers, body, json}`. Raises Refusal.

    Without a timeout of its own, an attempt may take as long as a model's call.
    """
    if attempt.timeout is not None:
        answer = await _answered(call, attempt, context)
    else:
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                answer = await _answered(call, attempt, context)
        except TimeoutError as error:
            raise Refusal("timeout", f"no end after {CALL_TIMEOUT:g} s; `timeout:` may give it longer") from error
    return await beside(len(answer.body), judged_answer, call, answer, context.mask)


async def _answered(call: HttpCall, attempt: Attempt, context: Context) -> Answer:
    content, type_ = _content(call)
    headers = _headers(call.headers, {**type_, KEY: attempt.idempotency_key})
    exchange = await asyncio.to_thread(_exchange)
    gate = NetworkGate(attempt.permissions, context.passed)
    return await exchange(call.method, _address(call), headers, content, gate, context.clock.now())


def _exchange() -> Callable[..., Awaitable[Answer]]:
    from runner.world.tools import connections  # noqa: PLC0415 - loads httpx, which takes a tenth of a second

    return connections.exchange


def _address(call: HttpCall) -> str:
    """The address with what `query` adds to it."""
    if not call.query:
        return call.url
    address = call.url.partition("#")[0]
    return f"{address}{'&' if '?' in address else '?'}{urlencode(call.query)}"


def _content(call: HttpCall) -> tuple[bytes | None, Mapping[str, str]]:
    """What is sent, and the header that says what it is."""
    if call.json:
        return _written(call.json[0]), {"Content-Type": "application/json"}
    if call.body is None:
        return None, {}
    return _encoded(call.body), {"Content-Type": "text/plain; charset=utf-8"}


def _written(value: Json) -> bytes:
    return _encoded(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Refusal("input_invalid", "the body holds half a surrogate pair, which is no text") from error


def _headers(given: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """What the file says, and of ours what it does not."""
    for name, value in given.items():
        if _CONTROLS.search(value):
            raise Refusal("input_invalid", f"header '{name}' holds a line break, or another control character")
    said = {name.lower() for name in given}
    return {**{name: value for name, value in ours.items() if name.lower() not in said}, **given}
