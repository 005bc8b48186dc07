"""Orphans: processes whose parent has ended become children of `wf`, in the place of the system's first process."""

from __future__ import annotations

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """Become the parent of all orphans among this process's descendants; whether the system knows that (Linux does)."""
    import ctypes  # noqa: PLC0415 - slow to load; only a run that starts a program needs it

    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
