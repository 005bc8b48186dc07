"""What would allow what is refused: the line to add, in the file whose list lacks it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec.structs import fields

from runner.ground.errors import did_you_mean
from runner.language.source.scalars import plain_or_quoted
from runner.workflow.compiler.files import PATTERN, shown_as
from runner.workflow.hosts import Host, is_listed
from runner.workflow.permissions import Permissions
from runner.workflow.programs import is_permitted
from runner.workflow.python_files import is_below, may_run

Allows = Callable[[Permissions], bool]

_KINDS = tuple(one.name for one in fields(Permissions) if one.name not in ("file", "made_of", "denied"))
"""The lists of `permissions`, in the order in which they are shown."""


_DENIED = "it is denied by --deny"


def program_refused(program: str, permissions: Permissions, search: str, cwd: str) -> str:
    """Why a program may not be run, and the line that would allow it."""
    allows = _by_program(program, search, cwd)
    near = "" if permissions.deny(allows) else did_you_mean(program, sorted(permissions.commands))
    line = _to_allow(permissions, "commands", _named(program, cwd), allows)
    return f"program '{program}' is not permitted{near}; {line}"


class Lacking(msgspec.Struct, frozen=True):
    """An entry that the lists of `kind` lack: it is needed, and `allows` says which of them have it."""

    granted: Permissions
    kind: str
    entry: str
    allows: Allows


def program_lacking(program: str, granted: Permissions, search: str, cwd: str) -> Lacking:
    """What is lacking for a program to be run."""
    return Lacking(granted, "commands", _named(program, cwd), _by_program(program, search, cwd))


def variable_lacking(name: str, granted: Permissions) -> Lacking:
    """What is lacking for a variable to be taken, passed on or set."""
    return Lacking(granted, "env", name, lambda one: name in one.env)


def host_lacking(host: Host, granted: Permissions) -> Lacking:
    """What is lacking for a host to be asked."""
    return Lacking(granted, "network", host.entry, lambda one: is_listed(host, one.network))


def code_lacking(path: str, granted: Permissions) -> Lacking:
    """What is lacking for a Python file to be run as a tool."""
    return Lacking(granted, "python", path, lambda one: may_run(path, one.python))


def hint_for(lacking: Lacking, every: Iterable[Lacking], here: str) -> str:
    """What a mistake in the file `here` says to do: the whole lists, with all that the load lacks in them."""
    if lacking.granted.deny(lacking.allows):
        return _DENIED
    lists = _lacking(lacking.granted, lacking.allows)
    return f"add it{', and'.join(_in_file(one, every, here) for one in lists)}"


def _named(program: str, cwd: str) -> str:
    """A program as a list may name it: by its name alone, or by where it lies."""
    return os.path.normpath(os.path.join(cwd, program)) if "/" in program else program  # noqa: PTH118 - lexical


def _by_program(program: str, search: str, cwd: str) -> Allows:
    return lambda one: is_permitted(program, one.commands, search, cwd)


def variable_to_allow(name: str, permissions: Permissions) -> str:
    """What would allow an environment variable, as the end of a message."""
    return _to_allow(permissions, "env", name, lambda one: name in one.env)


def place_to_allow(real: str, permissions: Permissions, kind: str, folder: str) -> str:
    """What would allow the file at a resolved path, as the end of a message; `folder` is the root file's."""
    return _to_allow(permissions, kind, real, lambda one: is_below(real, getattr(one, kind)), folder)


def code_to_allow(path: str, permissions: Permissions) -> str:
    """What would let a Python file be run as a tool, as the end of a message."""
    return _to_allow(permissions, "python", path, lambda one: may_run(path, one.python))


def host_refused(host: Host, permissions: Permissions) -> str:
    """Why a host may not be asked, and the line that would allow it."""
    line = _to_allow(permissions, "network", host.entry, lambda one: is_listed(host, one.network))
    return f"host '{host.entry}' is not permitted{did_you_mean(host.entry, sorted(permissions.network))}; {line}"


def address_to_allow(address: Host, permissions: Permissions) -> str:
    """What would let an address be reached that has to be listed itself, as the end of a message."""
    return _to_allow(permissions, "network", address.name_in_brackets, lambda one: is_listed(address, one.network))


def _lacking(permissions: Permissions, allows: Allows) -> tuple[Permissions, ...]:
    """The lists that do not allow something; all where each does, and says it in its own words."""
    return tuple(one for one in permissions.lists if not allows(one)) or permissions.lists


def _to_allow(permissions: Permissions, kind: str, name: str, allows: Allows, folder: str = "") -> str:
    if permissions.deny(allows):
        return _DENIED
    lists = _lacking(permissions, allows)
    lines = [f"under permissions{_of(one)}: {_line(one, kind, [name], folder)}" for one in lists]
    return f"to allow it, add it {', and '.join(lines)}"


def _in_file(one: Permissions, every: Iterable[Lacking], here: str) -> str:
    where = "" if one.file in {"", here} else f" in {shown_as(one.file)}"
    added: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for lacking in every:
        if one in _lacking(lacking.granted, lacking.allows):
            added[lacking.kind].append(lacking.entry)
    lines = (_line(one, kind, added[kind]) for kind in _KINDS if getattr(one, kind) or added[kind])
    return f"{where}: permissions: {{{', '.join(lines)}}}"


def _of(one: Permissions) -> str:
    """Whose list it is, in words."""
    return f" of {shown_as(one.file)}" if one.file else ""


def _line(one: Permissions, kind: str, names: list[str], folder: str = "") -> str:
    """A list with further entries, as its file would say it."""
    return f"{kind}: [{', '.join(map(plain_or_quoted, dict.fromkeys(_entries(one, kind, names, folder))))}]"


def _entries(one: Permissions, kind: str, names: list[str], folder: str) -> Iterator[str]:
    listed: Iterable[str] = getattr(one, kind)
    for entry in [*(listed if isinstance(listed, tuple) else sorted(listed)), *names]:
        shown = _entry(entry, one, folder) if entry.startswith("/") else entry
        yield f"./{shown}" if kind == "commands" and entry.startswith("/") and "/" not in shown else shown


def _entry(path: str, one: Permissions, folder: str) -> str:
    """A path as a list's own file names it: relative to its folder, unless far from there."""
    own = str(Path(one.file).parent) if one.file and not one.file.startswith(PATTERN) else folder
    shown = os.path.relpath(path, os.path.realpath(own)) if own else path
    return path if shown.startswith("../..") else shown
