"""Which programs may be run: a list of names, each resolved through PATH, and of paths. Nothing is run here."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from runner.ground.errors import did_you_mean


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
    folders = [folder for folder in search.split(os.pathsep) if folder.startswith("/")]
    return next((found for folder in folders if (found := _executable(f"{folder}/{program}"))), None)


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
    place = _place(program, search, cwd)
    return place is not None and any(place == _place(entry, search, "") for entry in allowed)


def _place(program: str, search: str, cwd: str) -> str | None:
    found = os.path.join(cwd, program) if "/" in program else find_program(program, search, cwd)  # noqa: PTH118 - as above
    if found is None or not found.startswith("/") or "\0" in found:
        return None
    folder, name = os.path.split(found)
    return f"{os.path.realpath(folder)}/{name}"


def not_permitted(program: str, allowed: Collection[str]) -> str:
    """Why a program may not be run, and the line that would allow it."""
    line = f"commands: [{', '.join([*sorted(allowed), program])}]"
    near = did_you_mean(program, sorted(allowed))
    return f"program '{program}' is not permitted{near}; to allow it, add it under permissions: {line}"
