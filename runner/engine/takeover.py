"""What a run takes over of its past where a person has changed something: each step, and what becomes of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from runner.ground.json_value import Json

Verdict = Literal["reuse", "changed", "open", "again"]


class Visit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step, and what becomes of it under another version.

    Taken over as it is; changed there, and what it gave is kept; still open, and gone on with; open, and begun anew.

    `at` is the checkpoint from which it can begin anew; 0 if only the run's own start comes before it. `differs` are
    the keys of its node that are others there.
    """

    step: str
    verdict: Verdict
    at: int
    differs: tuple[str, ...] = ()


class Takeover(msgspec.Struct, frozen=True):
    """What a run takes over of its past, where a person has changed something.

    With another version: every step, the inputs and state keys that are `added` or `dropped`, by place
    (`inputs.n`, `each[2].state.n`). `warnings` say what may surprise.
    """

    steps: tuple[Visit, ...] = ()
    added: dict[str, Json] = msgspec.field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
