"""Programs that a run could have overwritten: known by their content as the run begins, and refused if they are others.

What is not there as the run begins is not known, and not compared.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from runner.workflow.permissions import Permissions
from runner.workflow.programs import find_program, place_of, places_of
from runner.workflow.python_files import is_below
from runner.world.tools.refusal import Refusal


def program_hashes(permissions: Permissions, search: str) -> dict[str, str]:
    """The SHA-256 of programs by their entry in `permissions.commands`: of those that may lie where one may write."""
    found = {}
    for entry in sorted(permissions.commands):
        program = find_program(entry, search, "")
        writable = (is_below(os.path.realpath(place), permissions.write) for place in places_of(entry, search))
        if program is not None and any(writable):
            found[entry] = _hash(program)
    return found


def refuse_another(program: str, executable: str, search: str, cwd: str, known: Mapping[str, str]) -> None:
    """Raises Refusal (`permission_denied`) if a program is another than when the run began."""
    place = place_of(program, search, cwd)
    for entry, hash_ in known.items():
        if place_of(entry, search, "") == place and _hash(executable) != hash_:
            message = (
                f"program '{program}' ({executable}) is another than when the run began: it lies where the run may "
                "write; if that is as it should be, `wf retry` and `wf fork` begin runs that take it as it is now"
            )
            raise Refusal("permission_denied", message, program=program)


def _hash(path: str) -> str:
    try:
        status = Path(path).stat()
        return _content_hash(path, status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=256)
def _content_hash(path: str, *_status: int) -> str:
    """A file's hash, as long as its status is the same."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
