"""Which programs may be run: a list of names, each resolved through PATH, and of paths. Nothing is run here."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable


def anchored(entries: Iterable[str], folder: str) -> frozenset[str]:
    """The entries of `permissions.commands` of a file in `folder`: names as they are, paths made absolute."""
    return frozenset(
        os.path.normpath(os.path.join(folder, entry)) if "/" in entry else entry  # noqa: PTH118 - lexical
        for entry in entries
    )


def find_program(program: str, search: str, cwd: str) -> str | None:
    """The absolute path of the executable file that a program's name or path stands for, or None.

    `search` is PATH's value. Its relative and empty entries are passed over: what a name means must not hang on a
    folder that a step can write to.
    """
    if not program or "\0" in program:
        return None
    if "/" in program:
        return _executable(os.path.join(cwd, program))  # noqa: PTH118 - a leading `./` counts
    return next((found for place in places_of(program, search) if (found := _executable(place))), None)


def places_of(entry: str, search: str) -> list[str]:
    """Where an entry of `permissions.commands` (`anchored`) may lie, whether a program stands there or not."""
    if "/" in entry:
        return [entry]
    return [f"{folder}/{entry}" for folder in search.split(os.pathsep) if folder.startswith("/")]


def _executable(path: str) -> str | None:
    return path if os.path.isfile(path) and os.access(path, os.X_OK) else None  # noqa: PTH113 - str in, str out


def is_permitted(program: str, allowed: Collection[str], search: str, cwd: str) -> bool:
    """Whether a program is on the list.

    A name is if it is listed. Otherwise the very place of the program must be that of a listed path (`anchored`), or
    the place at which PATH finds a listed name. Only the folder's symbolic links are resolved: `./git` that points at
    git is another place than git's, and a listed `cat` that is a link to busybox does not permit all of busybox.
    """
    if "/" not in program and program in allowed:
        return True
    place = place_of(program, search, cwd)
    return place is not None and any(place == place_of(entry, search, "") for entry in allowed)


def place_of(program: str, search: str, cwd: str) -> str | None:
    """The absolute path of a program by which it is permitted: the links of its folder resolved, not its own."""
    found = os.path.join(cwd, program) if "/" in program else find_program(program, search, cwd)  # noqa: PTH118 - as above
    if found is None or not found.startswith("/") or "\0" in found:
        return None
    folder, name = os.path.split(found)
    return f"{os.path.realpath(folder)}/{name}"
