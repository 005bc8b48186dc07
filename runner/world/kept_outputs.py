"""What tools and programs gave that is too long to be told: kept whole in a file beside the run's store.

A file is called by the hash of its content, so that the same output is kept once, and is called the same in every run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import msgspec

from runner.ground.json_value import Json
from runner.language.secret_text import OPENING
from runner.world.calls import CallDone, CommandCall, HttpCall, Outcome, PythonCall

LONGEST_TOLD = 64 * 1024
"""Characters of what a tool gave that a model is told."""

_BOUNDED = (CommandCall, HttpCall, PythonCall)
"""The calls whose outputs may have any length: what else a model calls has bounds of its own."""


def kept_beside(database: str) -> str:
    """The folder for it, beside a database."""
    return str(Path(database).absolute().parent / "kept")


class Kept(msgspec.Struct, frozen=True):
    """The folder in which a run keeps what is too long. `shown` is a text as people may see it, without secrets.

    `root` is the folder of the run's root file, where the paths begin that are told.
    """

    folder: str
    root: str
    shown: Callable[[str], str]

    def keep(self, text: str) -> str:
        """Keep a text, durably; the path of its file, as it is told. Raises OSError."""
        content = self.shown(text).encode("utf-8", "replace")
        part, descriptor = self.begin()
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path = part.with_name(f"{hashlib.sha256(content).hexdigest()[:32]}.txt")
        part.replace(path)
        return os.path.relpath(path, self.root)

    def begin(self) -> tuple[Path, int]:
        """A new file in the folder, and a descriptor to write it by. Raises OSError."""
        Path(self.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, path = mkstemp(suffix=".part", dir=self.folder)
        return Path(path), descriptor

    def holds(self, real: str) -> bool:
        """Whether a resolved path is that of a file that may be kept here."""
        return os.path.dirname(real) == os.path.realpath(self.folder) and real.endswith(".txt")  # noqa: PTH120 - lexical


def kept_before(database: str, moment: float) -> list[Path]:
    """The files beside a database that nobody has kept since a moment (epoch s): no run that began later knows them."""
    folder = Path(kept_beside(database))
    return [path for path in folder.glob("*") if path.stat().st_mtime < moment] if database else []


def told(call: object, outcome: Outcome, kept: Kept | None) -> Outcome:
    """The outcome of a tool's call as a model is told it: of a long one the beginning, and where the whole is."""
    if kept is None or not isinstance(call, _BOUNDED) or not isinstance(outcome, CallDone):
        return outcome
    text, path = _text_of(outcome.output), _kept_already(outcome.output)
    if len(text) <= LONGEST_TOLD and not path:
        return outcome
    try:
        path = path or kept.keep(text)
    except OSError:  # it stays whole in the record then
        return outcome
    begin = beginning(text)
    where = f"the whole is in {path}, which files/read and files/search take"
    return CallDone(
        f"{begin}\n[cut: the first {len(begin)} of {len(text)} characters; {where}]", outcome.usage, outcome.left
    )


def beginning(text: str, most: int = LONGEST_TOLD) -> str:
    """The beginning of a text: whole lines where there are such, and no part of what stands for a secret."""
    begin = text[:most]
    begin = begin[: begin.rfind("\n") + 1] or begin
    opened = begin.rfind(OPENING)
    return begin[:opened] if opened >= 0 and "⟧" not in begin[opened:] else begin


def cut_stream(text: str, size: int, path: str) -> str:
    """The beginning of a stream of so many bytes as its output: with the place of the whole."""
    return f"{text}\n[cut: it has {size} bytes; the whole is in {path}]"


def _kept_already(output: Any) -> str:
    """The file that a program's output is in by now, if it is; that of its stdout first."""
    files = output.get("kept", {}) if isinstance(output, dict) and "stdout" in output else {}
    return str(files.get("stdout") or files.get("stderr") or "")


def _text_of(output: Json) -> str:
    """What a tool gave as text: of a program what it printed, with what it printed as errors at the end."""
    if isinstance(output, dict) and "stdout" in output:
        errors = f"\n[stderr]\n{output['stderr']}" if output["stderr"] else ""
        return f"{output['stdout']}{errors}"
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
