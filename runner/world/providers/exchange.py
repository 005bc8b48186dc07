"""What goes between litellm and a server: each answer is read here first, and made into a form that litellm reads."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from runner.world.providers.answers import Trouble, read_answer

LONGEST_ANSWER = 64 << 20
"""How many bytes an answer may have."""

_REDIRECT = 300
_COMPLETIONS = "/chat/completions"


class Unusable(Exception):
    """A server's answer that holds no reply, with its headers. litellm lets it through, as the cause of its own."""

    def __init__(self, trouble: Trouble, headers: Mapping[str, str]) -> None:
        super().__init__(trouble.wrong or trouble.said)
        self.trouble = trouble
        self.headers = headers


class Severed(Exception):
    """The connection broke, as the cause tells. By the names that httpx has for this, litellm would ask once more."""


def listen(client: Any) -> None:
    """Have each answer to a client pass here, if it is one of httpx that waits for answers asynchronously."""
    if hasattr(client, "event_hooks") and hasattr(client, "aclose") and _read not in client.event_hooks["response"]:
        client.event_hooks = {**client.event_hooks, "response": [_read, *client.event_hooks["response"]]}
        client.send = _sending_once(client.send)


def _sending_once(send: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def once(*args: Any, **kwargs: Any) -> Any:
        try:
            return await send(*args, **kwargs)
        except Exception as error:
            if {base.__name__ for base in type(error).__mro__} & _ASKED_AGAIN:
                raise Severed(str(error)) from error
            raise

    return once


_ASKED_AGAIN = frozenset({"RemoteProtocolError", "ConnectError"})


async def _read(response: Any) -> None:
    """Read an answer, and put the plain form of it in its place. Raises Unusable."""
    if response.request.method != "POST":
        return
    body = await _body(response)
    if _REDIRECT <= response.status_code < _REDIRECT + 100:
        raise Unusable(Trouble(response.status_code), response.headers)
    asked = response.request.url.path.endswith(_COMPLETIONS)
    answer = read_answer(response.status_code, body, is_completion=asked)
    if isinstance(answer, Trouble):
        raise Unusable(answer, response.headers)
    response.stream = type(response)(200, content=json.dumps(answer).encode()).stream


async def _body(response: Any) -> bytes:
    """The whole body, decompressed. Raises Unusable where it has no end that is near."""
    sent, length = [], 0
    async for part in response.stream:
        sent.append(part)
        length += len(part)
        if length > LONGEST_ANSWER:
            words = f"the provider's answer is longer than {LONGEST_ANSWER >> 20} MB"
            raise Unusable(Trouble(wrong=words), response.headers)
    await response.stream.aclose()
    whole = type(response)(200, headers=response.headers, content=b"".join(sent))
    for name in ("content-encoding", "content-length"):
        response.headers.pop(name, None)
    return bytes(whole.content)
