"""The workflows that are measured, and running them in this process."""

from __future__ import annotations

import asyncio
import tracemalloc
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import NamedTuple

from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import prepare, start
from runner.engine.surroundings import Audience, Surroundings
from runner.record.events import Commit
from runner.record.run_state import RunState
from runner.record.store.connection import Durability
from runner.record.store.sqlite import open_store

RUN = "bench"


def loop(steps: int, big: int = 0) -> str:
    """A node that counts, and routes to itself; the state also holds `big` characters that no step changes."""
    return f"""\
wf: 1
name: loop
state:
  i: {{type: integer, default: 0}}
  big: {{type: string, default: ""}}
limits: {{max_steps: {steps + 10}}}
nodes:
  fill:
    set: {{big: "{{{{ 'x' * {big} }}}}"}}
    next: count
  count:
    set: {{i: "{{{{ state.i + 1 }}}}"}}
    next: [{{when: 'state.i < {steps}', to: count}}, {{to: exit}}]
"""


def chain(steps: int, *, choice: bool = True) -> str:
    """As many nodes as steps, each doing what the loop's does; without the `choice` of routes a file holds more."""
    route = "[{{when: 'state.i < 1000000', to: {there}}}, {{to: exit}}]" if choice else "{there}"
    node = f"""\
  n{{here}}:
    set: {{{{i: "{{{{{{{{ state.i + 1 }}}}}}}}"}}}}
    next: {route}
"""
    nodes = "".join(node.format(here=n, there=f"n{n + 1}" if n + 1 < steps else "last") for n in range(steps))
    head = f"wf: 1\nname: chain\nstate: {{i: {{type: integer, default: 0}}}}\nlimits: {{max_steps: {steps + 10}}}\n"
    return f"{head}nodes:\n{nodes}  last: {{}}\n"


def items(branches: int, how: str = "cancel_rest: true", reducer: str = "append", gives: str = '"{{ item }}"') -> str:
    """A branch per item of a list, each adding to a list in the state; `how` is a line more of the node."""
    return f"""\
wf: 1
name: items
state: {{found: {{type: array, default: [], reducer: {reducer}}}}}
limits: {{max_steps: {branches + 10}}}
nodes:
  each:
    for_each: {list(range(branches))}
    {how}
    do:
      set: {{found: {gives}}}
"""


def union(steps: int) -> str:
    """A node that routes to itself, and adds something new to a union each time."""
    return f"""\
wf: 1
name: union
state: {{found: {{type: array, default: [], reducer: union}}}}
limits: {{max_steps: {steps + 10}}}
nodes:
  find:
    set: {{found: ["{{{{ visits }}}}"]}}
    next: [{{when: 'visits < {steps}', to: find}}, {{to: exit}}]
"""


def commands(steps: int, program: str) -> str:
    """A node that runs a program, so many times."""
    return f"""\
wf: 1
name: commands
permissions: {{commands: [{program}]}}
limits: {{max_steps: {steps + 10}}}
nodes:
  work:
    command: [{program}]
    next: [{{when: 'visits < {steps}', to: work}}, {{to: exit}}]
"""


def named(branches: int, how: str = "cancel_rest: true") -> str:
    """As many named branches, each adding to a list in the state; `how` is a line more of the node."""
    branch = "      b{n}: {{set: {{found: {n}}}}}\n"
    head = f"""\
wf: 1
name: named
state: {{found: {{type: array, default: [], reducer: append}}}}
limits: {{max_steps: {branches + 10}}}
nodes:
  all:
    {how}
    parallel:
"""
    return head + "".join(branch.format(n=n) for n in range(branches))


class Watch:
    """A listener that notes when the first commit was made, and breaks a run off after `until`, as a kill would."""

    def __init__(self, until: int | None) -> None:
        self.first = 0.0
        self._commits = 0
        self._until = until

    def heard(self, _commit: Commit, _state: RunState) -> None:
        self.first = self.first or perf_counter()
        self._commits += 1
        if self._commits == self._until:
            raise KeyboardInterrupt

    def close(self) -> None:
        """Nothing is held open."""


class Taken(NamedTuple):
    """Seconds that a run took, those of them after its first commit, with the definition saved, and those of CPU."""

    whole: float
    steps: float
    cpu: float


def taken(text: str, durability: Durability, folder: Path | None = None, until: int | None = None) -> Taken:
    """How long a new run takes, until it ends or `until` commits are made. Reading the file is not part of it."""
    with TemporaryDirectory() as temporary:
        here = folder or Path(temporary)
        (here / "flow.yaml").write_text(text, encoding="utf-8")
        loaded = load_workflow(str(here / "flow.yaml"))
        store = open_store(here / "wf.db", durability=durability)
        watch = Watch(until)
        around = Surroundings(store, Audience(listeners=[watch]))
        prepared = prepare(loaded, {}, RunOptions(run=RUN), around.environment, around.clock)
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()  # what the reading of the file took is no part of the run
        began, began_cpu = perf_counter(), process_time()
        with suppress(KeyboardInterrupt):
            asyncio.run(start(prepared, around))
        ended, ended_cpu = perf_counter(), process_time()
        store.close()
    return Taken(ended - began, ended - watch.first, ended_cpu - began_cpu)


def seconds(text: str, durability: Durability, folder: Path | None = None, until: int | None = None) -> float:
    """The whole of `taken`."""
    return taken(text, durability, folder, until).whole


def cpu_seconds(text: str) -> float:
    """The CPU time of `taken`, with the safety that leaves the disk the least to do."""
    return taken(text, "normal").cpu


def large_items(items: int, size: int) -> str:
    """A branch per item, each of which gives a text of so many bytes."""
    return f"""\
wf: 1
name: large
limits: {{max_steps: {items + 10}}}
state: {{given: {{type: array, default: [], reducer: append}}}}
nodes:
  each:
    for_each: {list(range(items))}
    do:
      set: {{given: "{{{{ index }}}} {{{{ 'x' * {size} }}}}"}}
"""


def most_memory(text: str) -> int:
    """The most bytes that Python's objects take while a run goes on, beyond what they took before it."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        seconds(text, "normal")
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
