"""What takes long with much that was written is done beside the event loop: timeouts and signals act meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

LARGE = 256 * 1024
"""Bytes from which on it is worth a thread."""

P = ParamSpec("P")
Result = TypeVar("Result")


async def beside(size: int, work: Callable[P, Result], *given: P.args, **named: P.kwargs) -> Result:
    """What `work` gives; where it has to do with `size` bytes that are many, in a thread."""
    if size <= LARGE:
        return work(*given, **named)
    return await asyncio.to_thread(partial(work, *given, **named))
