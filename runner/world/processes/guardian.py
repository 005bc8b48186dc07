"""The guardian's own program: waits until `wf` says goodbye, or has been killed; then ends what that had started.

It runs apart, with nothing but the standard library, and holds nothing of the one it guards but one end of a wire.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))

from runner.world.processes.process_tree import (
    Marks,
    Process,
    ProcessTree,
    alive,
    signal_all,
)

GRACE = 1.0
"""Seconds in which programs may end by themselves."""

PATIENCE = 30.0
"""Seconds after which what can't be killed is let be."""

_ROUND = 0.02
_LOOKS = 2
"""How often none must be found: one may just have been started as the last was killed."""


def main(wire: str, bits: str, value: str, variable: str) -> None:
    """Guard the processes that bear these marks. `wire` is the number of a descriptor; `wf` holds its other end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    has_said_goodbye = os.read(int(wire), 1)  # nothing comes once that end is closed, as the system does after a kill
    if not has_said_goodbye:
        end(ProcessTree(Marks(int(bits), int(value), (variable,))))


def end(tree: ProcessTree) -> None:
    """Ask all to end; make them, in rounds, until none is left. What was seen to belong to it stays known."""
    began = time.monotonic()  # noqa: TID251 - a process of its own, which has no clock object
    asked: set[Process] = set()
    looks = _LOOKS
    while looks:
        left = alive(asked) | tree.members()
        passed = time.monotonic() - began  # noqa: TID251 - as above
        if passed > PATIENCE:
            return
        if passed > GRACE:
            signal_all(left, signal.SIGKILL)
        else:
            signal_all(left - asked, signal.SIGTERM)
        asked |= left
        looks = _LOOKS if left else looks - 1
        time.sleep(_ROUND)  # noqa: TID251 - as above


if __name__ == "__main__":
    main(*sys.argv[1:])
