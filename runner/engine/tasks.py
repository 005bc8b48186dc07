"""The asyncio tasks of a run, by step; what has been told to end is kept until it has."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class Tasks:
    """At most one task a step."""

    def __init__(self) -> None:
        self._by_step: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that have a task which was not told to end."""
        return tuple(self._by_step)

    def start(self, step: str, work: Coroutine[object, object, None]) -> None:
        """Begin a step's task."""
        self._by_step[step] = asyncio.create_task(work)  # noqa: TID251 - the one place where the engine makes tasks

    def start_ending(self, work: Coroutine[object, object, None]) -> set[asyncio.Task[None]]:
        """Begin a task that ends something: it is cancelled to hurry it."""
        task = asyncio.create_task(work)  # noqa: TID251 - as above
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return {task}

    def forget(self, step: str) -> None:
        """A step's task has done its work."""
        self._by_step.pop(step, None)

    def end(self, step: str) -> None:
        """Tell a step's task to end, if it has one: a program is asked first, and made to after a while."""
        task = self._by_step.pop(step, None)
        if task is not None:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def hurry(self) -> None:
        """Let what was told to end do so at once."""
        for task in self._ending:
            task.cancel()

    def end_all(self) -> set[asyncio.Task[None]]:
        """Tell all tasks to end; those that have not ended yet."""
        for step in self.steps:
            self.end(step)
        return set(self._ending)
