"""What a program writes that is too long to be held: it goes to a file as it comes, without secrets."""

from __future__ import annotations

import codecs
import hashlib
import os
from pathlib import Path

from runner.world.kept_outputs import Kept

LONGEST_HELD = 8 * 1024 * 1024
"""Bytes of a stream that are held, and are its output then."""

LONGEST_KEPT = 1024 * 1024 * 1024
"""Bytes of a stream that are kept in a file; who writes more is ended."""

BEGINNING = 1024 * 1024
"""Bytes of a stream in a file that are its output."""

_PIECE = 1024 * 1024
_MARGIN = 65_536
_CUTS = 8


class LongStream:
    """A stream from the moment on when it is too long to be held. Without `kept` there is no place for it."""

    def __init__(self, kept: Kept | None) -> None:
        self.most = LONGEST_HELD if kept is None else LONGEST_KEPT
        self.size = 0
        self.beginning = b""
        self._kept = kept
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._digest = hashlib.sha256()
        self._part: Path | None = None
        self._file = -1

    def take(self, part: bytes) -> bool:
        """Take what comes next; false once it is too much, or can't be kept."""
        self.size += len(part)
        if self._kept is None or self.size > self.most:
            return False
        self.beginning += part[: BEGINNING + _MARGIN - len(self.beginning)]
        try:
            self._pass_on(self._kept, part)
        except OSError:
            self.most = LONGEST_HELD
            self._kept = None
        return self._kept is not None

    def close(self) -> str:
        """The path of the file, as it is told, once all of it is on the disk. Raises OSError."""
        assert self._kept is not None, "what has no place was refused"
        assert self._part is not None, "what was taken has a file"
        self._write(self._kept.shown(self._held + self._decoder.decode(b"", final=True)))
        os.fsync(self._file)
        path = self._part.with_name(f"{self._digest.hexdigest()[:32]}.txt")
        self._part.replace(path)
        self._part = None
        self.discard()
        return os.path.relpath(path, self._kept.root)

    def discard(self) -> None:
        """Let go of the file; of one that was not closed nothing stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._part is not None:
            self._part.unlink(missing_ok=True)
            self._part = None

    def _pass_on(self, kept: Kept, part: bytes) -> None:
        """Write what can't be a part of a secret any more."""
        if self._file < 0:
            self._part, self._file = kept.begin()
        self._held += self._decoder.decode(part)
        if len(self._held) < _PIECE:
            return
        safe = self._cut(kept)
        self._write(kept.shown(self._held[:safe]))
        self._held = self._held[safe:]

    def _cut(self, kept: Kept) -> int:
        """Where what is held can be cut: no secret stands across."""
        whole = kept.shown(self._held)
        for number in range(1, _CUTS):
            safe = len(self._held) - number * _MARGIN
            if kept.shown(self._held[:safe]) + kept.shown(self._held[safe:]) == whole:
                return safe
        return 0

    def _write(self, text: str) -> None:
        content = text.encode("utf-8", "replace")
        self._digest.update(content)
        view = memoryview(content)
        while view:
            view = view[os.write(self._file, view) :]
