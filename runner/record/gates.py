"""What is recorded where something is allowed or refused: calls that people approve, and what each gate let through."""

from __future__ import annotations

import msgspec

from runner.ground.json_value import Json


class ToApprove(msgspec.Struct, frozen=True, omit_defaults=True):
    """The call that a person is to approve. `seal` tells this very call from every other.

    `frees` is the tool, by hash, whose later calls in the run an approval frees too.
    """

    tool: str
    arguments: dict[str, Json]
    seal: str = ""
    frees: str = ""


class Gate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one gate let through, or refused, and why.

    `kind` is `command`, `python`, `read`, `write`, `http`, `variable`, `secret`, `model`, `tool` or `approval`; `what`
    the program or file by its resolved path, a name, a host or a model. `host` is where a model is asked, empty for the
    provider's own, or the address that a host led to; `hash` that of a tool's code, or the seal of a call; `variables`
    are those that a program was passed.
    """

    kind: str
    what: str
    allowed: bool = True
    why: str = ""
    host: str = ""
    hash: str = ""
    variables: tuple[str, ...] = ()
