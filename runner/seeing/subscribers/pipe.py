"""Where a run's lines go. A reader that has gone away takes nothing from the run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO


class Pipe:
    """A stream of lines. Once it can't be written to, what is told to it is lost, and nobody is told so."""

    def __init__(self, out: IO[str] | None) -> None:
        self._out = out

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, at once."""
        if self._out is None:
            return
        try:
            self._out.writelines(f"{line}\n" for line in lines)
            self._out.flush()
        except (OSError, ValueError):
            self._out = None
