"""What no run may write, wherever its permissions let it write: what is code, now or the next time."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.machinery import all_suffixes
from pathlib import Path

from runner.workflow.compiler.files import PATTERN, pattern_path
from runner.workflow.model import Workflow
from runner.workflow.programs import places_of
from runner.workflow.python_files import is_below, is_installed
from runner.world.calls import Protected
from runner.world.kept_outputs import kept_beside

_HIDDEN: Mapping[str, str] = {
    ".git": "nothing may be written to .git: git runs what stands there",
    ".wf": "nothing may be written to .wf: wf keeps its settings and runs there",
}
"""Folders, and files, in which nothing is written: their names, in any case."""

_DATABASE = ("", "-wal", "-shm", "-journal", "-turn")
_PACKAGE = str(Path(__file__).resolve().parents[2])
_FIRST_LINE = 256
"""The bytes in which a system looks for the interpreter of a script."""

_DEEPEST = 5
"""Scripts that may be each other's interpreter: more than a system follows."""

_OPTION = re.compile(r"^-\w*S|^--[\w-]+=|^\w+=")
"""What may stand before a program in one word of env: `-S`, `--split-string=`, `NAME=`."""


_UPWARD = re.compile(r"^(?:\.\./)+")


def protected(root: Workflow, database: str, search: str, replies: tuple[str, ...] = ()) -> Protected:
    """What is protected in a run of a workflow. Its children may reach nothing that it may not reach itself."""
    files = sorted(str(pattern_path(key)) if key.startswith(PATTERN) else key for key in root.texts)
    own = root.granted
    return Protected(tuple(files), database, own.python, tuple(sorted(own.commands)), search, replies)


def why_protected(real: str, protected: Protected) -> str:
    """Why a resolved path may not be written; empty when it may be."""
    for part in Path(real).parts:
        if reason := _HIDDEN.get(part.casefold()):
            return reason
    if is_installed(real) or is_below(real, (_PACKAGE,)):
        return "it belongs to wf, or to the Python that runs it"
    if _is_kept(real, protected.database):
        return "wf keeps there what was too long to be told"
    if why := _why_as_code(real, protected.python):
        return why
    if Path(real).name == "HEAD" or any(_makes_repository(folder, real) for folder in Path(real).parents):
        return "it is one of a git repository's own files, and git runs what stands there"
    return next((why for why, paths in _kept(protected).items() if _is_one_of(real, paths)), "")


def is_of_store(real: str, protected: Protected) -> bool:
    """Whether a resolved path is where runs are kept: in a folder `.wf`, or of the open database elsewhere."""
    if any(part.casefold() == ".wf" for part in Path(real).parts):
        return True
    database = protected.database and str(Path(protected.database).absolute())
    return bool(database) and (_is_kept(real, database) or real in _database_files(database))


@lru_cache(maxsize=8)
def _database_files(database: str) -> frozenset[str]:
    return frozenset(f"{os.path.realpath(database)}{ending}" for ending in _DATABASE)


def _is_kept(real: str, database: str) -> bool:
    return bool(database) and is_below(real, (os.path.realpath(kept_beside(database)),))


def _why_as_code(real: str, listed: tuple[str, ...]) -> str:
    if is_below(real, listed) and _is_code(real):
        return "it is code: permissions.python lists it"
    if any(_shadows(real, entry) for entry in listed):
        return "Python would load it in the place of a file that permissions.python lists"
    return ""


def _shadows(real: str, listed: str) -> bool:
    """Whether a new file would be taken for a listed module: `t/__init__.py`, or `t.so`, beside `t.py`."""
    stem, _, ending = listed.rpartition(".")
    return ending == "py" and real.lower().startswith((f"{stem}/".lower(), f"{stem}.".lower())) and _is_code(real)


def _is_code(real: str) -> bool:
    return real.lower().endswith(tuple(all_suffixes()))


def _makes_repository(folder: Path, real: str) -> bool:
    """Whether a folder is what git takes for a repository, once there is a file at `real` below it."""
    made = Path(real).relative_to(folder).parts[0].casefold()

    def has(name: str) -> bool:
        return made == name.casefold() or (folder / name).exists()

    return has("HEAD") and (has("commondir") or (has("objects") and has("refs")))


@lru_cache(maxsize=8)
def _kept(protected: Protected) -> Mapping[str, frozenset[str]]:
    """Single files that are never written, resolved, by the reason why."""
    programs = [place for entry in protected.commands for place in places_of(entry, protected.search)]
    interpreters = [found for place in programs for found in _interpreters(place, protected.search)]
    database = [f"{protected.database}{ending}" for ending in _DATABASE if protected.database]
    return {
        "it is part of the workflow's own definition": _resolved(protected.files),
        "it is the open database": _resolved(database),
        "it is this run's mock file or cassette": _resolved(protected.replies),
        "it is a program that permissions.commands lists, or would be taken for one": _resolved(programs),
        "it runs the programs, or the tools, that the workflow calls": _resolved([*interpreters, sys.executable]),
    }


def _resolved(paths: Iterable[str]) -> frozenset[str]:
    return frozenset(_tail(path) if _is_relative(path) else os.path.realpath(path) for path in paths)


def _tail(path: str) -> str:
    """The end of a relative path, by which it is known wherever it is looked for."""
    return _UPWARD.sub("", os.path.normpath(path).casefold())


def _interpreters(program: str, search: str, depth: int = _DEEPEST) -> Iterator[str]:
    """Where what a script's first line names lies, and all places where it would be looked for; so of scripts there.

    Which of its words are programs depends on the first of them (`env`, a shell): all may be.
    """
    for word in filter(None, _words_of_first_line(program)):
        for place in places_of(word, search):
            yield place
            if depth:
                yield from _interpreters(place, search, depth - 1)


def _words_of_first_line(program: str) -> list[str]:
    try:
        with Path(program).open("rb") as file:
            line = file.read(_FIRST_LINE).split(b"\n", 1)[0]
    except OSError:
        return []
    first, *others = os.fsdecode(line[2:]).split() if line.startswith(b"#!") else [""]
    if not first.endswith("/env"):  # it may run a script of its own, by its place
        return [first, *(word for word in others if "/" in word)]
    return [first, *(part for word in others for part in (word, _OPTION.sub("", word)))]


def _is_relative(word: str) -> bool:
    return "/" in word and not word.startswith("/")


def _is_one_of(real: str, paths: frozenset[str]) -> bool:
    """Whether a path is one of these: by its name in any case, or by its file, whatever that is called there.

    A relative one is looked for in the folder of whoever starts it: any place that ends so may be meant.
    """
    if real in paths or any(not path.startswith("/") and real.casefold().endswith(f"/{path}") for path in paths):
        return True
    try:
        status = Path(real).stat()
    except OSError:
        return any(real.casefold() == path.casefold() for path in paths)
    return any(_is_file(path, status) for path in paths)


def _is_file(path: str, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(Path(path).stat(), status)
    except OSError:
        return False
