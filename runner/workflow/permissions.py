"""What a workflow lets its leaves reach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

import msgspec

from runner.workflow.hosts import common_hosts


class Permissions(msgspec.Struct, frozen=True):
    """What leaves may reach. Paths are absolute and resolved; nothing else is allowed.

    `file` is the key of the workflow that lists it. What several workflows allow together has no file, and is `made_of`
    the lists of each. What `denied` has is not allowed, whatever the lists say.
    """

    commands: frozenset[str] = frozenset()
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    network: frozenset[str] = frozenset()
    env: frozenset[str] = frozenset()
    python: tuple[str, ...] = ()
    file: str = ""
    made_of: tuple[Permissions, ...] = ()
    denied: Permissions | None = None

    @property
    def lists(self) -> tuple[Permissions, ...]:
        """The list of each workflow that has a say, the outermost caller's first."""
        return self.made_of or (self,)

    def permit(self, allows: Callable[[Permissions], bool]) -> bool:
        """Whether something is allowed, and not denied: `allows` says whether lists have it."""
        return allows(self) and not self.deny(allows)

    def deny(self, allows: Callable[[Permissions], bool]) -> bool:
        """Whether something was denied as the run began, whatever the files permit."""
        return self.denied is not None and allows(self.denied)

    def shared_with(self, other: Permissions) -> Permissions:
        """What both allow; of two nested roots, the inner one. `other` is the caller's."""
        return Permissions(
            self.commands & other.commands,
            _common_roots(self.read, other.read),
            _common_roots(self.write, other.write),
            common_hosts(self.network, other.network),
            self.env & other.env,
            _common_roots(self.python, other.python),
            made_of=tuple(dict.fromkeys((*other.lists, *self.lists))),
            denied=other.denied,
        )


def _common_roots(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    inner = [root for root in first if any(PurePath(root).is_relative_to(other) for other in second)]
    inner += [root for root in second if any(PurePath(root).is_relative_to(other) for other in first)]
    return tuple(dict.fromkeys(inner))
