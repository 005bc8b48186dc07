"""Which scripted reply a call is given: the next of its step's path, else of its node, else of its agent."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from runner.record.address import any_visit, first_visit, owner_of, without_attempts


class Cue(msgspec.Struct, frozen=True):
    """The key of a mock file whose reply a call is given, and how many of that key's were given before."""

    key: str
    number: int


def cue_keys(step: str, node: str, agent: str, *, is_own: bool) -> tuple[str, ...]:
    """The keys that a step's call may have replies under, the nearest first.

    A path with `#2` stands for that visit alone, one without for all that have no key of their own. A call that is no
    node's `own` belongs to its agent's step (`review#2`, of `review#2/call#3`); a tool that an agent calls has only
    its own path, since the others name what the model says.
    """
    path = without_attempts(step)
    if not is_own and not agent:
        return (path,)
    place = path if is_own else owner_of(path)
    return tuple(dict.fromkeys(key for key in (place, first_visit(place), any_visit(place), node, agent) if key))


def next_cue(keys: tuple[str, ...], known: Container[str], given: dict[str, int]) -> Cue | None:
    """The turn of a call, of the keys that a mock file has and what each has `given`: only the nearest counts."""
    key = next((key for key in keys if key in known), None)
    return None if key is None else Cue(key, given.get(key, 0))
