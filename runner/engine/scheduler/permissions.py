"""What a child workflow may reach: the intersection of its own permissions with its caller's."""

from __future__ import annotations

from pathlib import PurePath

from runner.workflow.model import Permissions


def intersection(own: Permissions, callers: Permissions) -> Permissions:
    """What both allow; of two nested roots, the inner one."""
    return Permissions(
        own.commands & callers.commands,
        _common_roots(own.read, callers.read),
        _common_roots(own.write, callers.write),
        own.network & callers.network,
        own.env & callers.env,
    )


def _common_roots(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    inner = [root for root in first if any(_inside(root, other) for other in second)]
    inner += [root for root in second if any(_inside(root, other) for other in first)]
    return tuple(dict.fromkeys(inner))


def _inside(path: str, root: str) -> bool:
    return PurePath(path).is_relative_to(root)
