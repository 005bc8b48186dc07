"""Large output is read beside the event loop."""

from __future__ import annotations

import asyncio
import threading

from runner.world.large import LARGE, beside


def test_only_what_is_large_takes_a_thread() -> None:
    async def names() -> list[str]:
        return [await beside(size, lambda: threading.current_thread().name) for size in (LARGE, LARGE + 1)]

    small, large = asyncio.run(names())
    assert small == "MainThread"
    assert large != "MainThread"


def test_the_loop_goes_on_meanwhile_and_may_give_up() -> None:
    goes_on = threading.Event()

    async def given_up() -> str:
        try:
            async with asyncio.timeout(0.01):
                await beside(LARGE + 1, goes_on.wait)
        except TimeoutError:
            return "given up"
        finally:
            goes_on.set()
        return "waited for"

    assert asyncio.run(given_up()) == "given up"
