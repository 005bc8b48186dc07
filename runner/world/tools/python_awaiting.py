"""Awaits what an async tool returned; `python_host.py` loads it for such tools alone, since asyncio takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any


def wait_for(result: Awaitable[Any]) -> Any:
    """What an awaitable gives."""
    return asyncio.run(_wait(result))


async def _wait(result: Awaitable[Any]) -> Any:
    return await result
