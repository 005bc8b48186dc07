"""A called workflow may do what both it and its caller allow, whichever of the two allows less."""

from __future__ import annotations

import pytest

from runner.workflow.permissions import Permissions

BOTH = frozenset({"b"})
NONE: frozenset[str] = frozenset()


def lists(*names: str) -> Permissions:
    same = frozenset(names)
    return Permissions(commands=same, network=same, env=same)


def roots(*paths: str) -> Permissions:
    return Permissions(read=paths, write=paths, python=paths)


@pytest.mark.parametrize(("one", "other"), [(lists("a", "b"), lists("b", "c")), (lists("b", "c"), lists("a", "b"))])
def test_of_two_lists_what_stands_in_both_is_allowed(one: Permissions, other: Permissions) -> None:
    shared = one.shared_with(other)
    assert (shared.commands, shared.network, shared.env) == (BOTH, BOTH, BOTH)
    nothing = one.shared_with(Permissions())
    assert (nothing.commands, nothing.network, nothing.env) == (NONE, NONE, NONE)


FIRST, SECOND = roots("/a/in", "/b", "/own"), roots("/a", "/b/in", "/other")


@pytest.mark.parametrize(("one", "other"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_of_two_roots_the_inner_one_is_allowed(one: Permissions, other: Permissions) -> None:
    shared = one.shared_with(other)
    assert [set(roots) for roots in (shared.read, shared.write, shared.python)] == [{"/a/in", "/b/in"}] * 3
    nothing = one.shared_with(Permissions())
    assert (nothing.read, nothing.write, nothing.python) == ((), (), ())
