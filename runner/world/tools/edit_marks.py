"""What tells, after a crash, that an edit was made before it: beside the run's store, one mark for each edited file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from runner.world.calls import Attempt
from runner.world.kept_outputs import Kept


class Mark(msgspec.Struct, frozen=True):
    """The last edit of a file: of which step it is, by its idempotency key, and what the file was to be after it."""

    key: str
    sha256: str
    replaced: int


def made_before(kept: Kept | None, real: str, attempt: Attempt, text: str) -> Mark | None:
    """The mark of this very step's edit, if the file is as it was to be after it."""
    if kept is None:
        return None
    try:
        mark = msgspec.json.decode(_place(kept, real).read_bytes(), type=Mark)
    except (OSError, msgspec.MsgspecError):
        return None
    return mark if mark.key == attempt.idempotency_key and mark.sha256 == _hash(text) else None


def mark_edit(kept: Kept | None, real: str, attempt: Attempt, text: str, replaced: int) -> None:
    """Leave the mark of an edit that is about to be made, durably. Raises OSError."""
    if kept is None:
        return
    part, descriptor = kept.begin()
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(Mark(attempt.idempotency_key, _hash(text), replaced)))
        file.flush()
        os.fsync(file.fileno())
    part.replace(_place(kept, real))


def _place(kept: Kept, real: str) -> Path:
    return Path(kept.folder, f"edit-{hashlib.sha256(os.fsencode(real)).hexdigest()[:32]}.json")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
