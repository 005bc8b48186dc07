"""Which Python files may be run as tools: those that a workflow lists, and nothing that is installed."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePath

_NAMES = frozenset({"site-packages", "dist-packages"})
"""What the folders of installed packages are called, those of another Python too."""

_ENVIRONMENT = ("bin", "lib", "lib64", "include", "pyvenv.cfg")
"""What a virtual environment consists of."""


def is_below(path: str, roots: Sequence[str]) -> bool:
    """Whether a resolved path is one of the roots or lies below one."""
    return any(path == root or path.startswith(f"{root.rstrip('/')}/") for root in roots)


@cache
def installed_folders() -> tuple[str, ...]:
    """Where this Python keeps its own library and what is installed, resolved.

    Of a virtual environment it is what that consists of: its folder may be the project's own.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [str(Path(os.__file__).parent), f"{sys.base_exec_prefix}/{sys.platlibdir}/{version}"]
    found += [*site.getsitepackages(), site.getusersitepackages()]
    if sys.prefix != sys.base_prefix:
        found += [f"{sys.prefix}/{name}" for name in _ENVIRONMENT]
    return tuple(dict.fromkeys(map(os.path.realpath, found)))


def is_installed(path: str) -> bool:
    """Whether a file is part of the interpreter's library, or of an installed package."""
    real = os.path.realpath(path)
    return is_below(real, installed_folders()) or not _NAMES.isdisjoint(PurePath(real).parts)


def may_run(path: str, roots: Sequence[str]) -> bool:
    """Whether a tool may be made of a file, given the entries of `permissions.python`: absolute and resolved."""
    return not is_installed(path) and is_below(os.path.realpath(path), roots)
