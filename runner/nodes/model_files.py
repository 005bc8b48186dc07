"""Files that a model is given beside a prompt: each read by a recorded call, the first ones of a conversation. Pure.

In a memory a message has the paths of its files; what they hold is in the calls that have read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.nodes.context import Message
from runner.nodes.contract import Failed, SubCall
from runner.record.address import numbered
from runner.record.events import CALL
from runner.record.run_state import Child
from runner.world.calls import FileCall

MAX_FILES = 50
"""How many files a model is given beside a prompt."""

MAX_SIZE = 20 << 20
"""Bytes that they have together."""


def paths_in(messages: Iterable[Message]) -> Sequence[str]:
    """The paths of the files that a conversation begins with."""
    found: Sequence[str] = next((said["files"] for said in messages if said.get("files")), ())
    return found


def readings(paths: Sequence[str], folder: str) -> tuple[SubCall, ...]:
    """The calls that read them."""
    calls = (FileCall(path, folder) for path in paths)
    return tuple(SubCall(_key(number), call, {"file": call.path}) for number, call in enumerate(calls, 1))


def are_read(paths: Sequence[str], children: Mapping[str, Child]) -> bool:
    """Whether the calls that read them have ended."""
    return all(_key(number) in children for number in range(1, len(paths) + 1))


def refused(paths: Sequence[str], children: Mapping[str, Child]) -> Failed | None:
    """Why a model can't be given the files that were read; None if it can."""
    read = [children[_key(number)] for number in range(1, len(paths) + 1)]
    for child in read:
        if child.status != "completed":
            error = child.error or {}
            return Failed(Failure(error["type"], error["message"], error["details"]))
    if (size := sum(child.output["size"] for child in read)) > MAX_SIZE:
        words = f"the files have {size >> 20} MiB together, and a model is given at most {MAX_SIZE >> 20}"
        return Failed(Failure("input_invalid", words))
    return None


def with_files(message: Message, children: Mapping[str, Child]) -> Message:
    """A message with what was read in the place of paths."""
    if not message.get("files"):
        return message
    read: list[Json] = [children[_key(number)].output for number in range(1, len(message["files"]) + 1)]
    return {**message, "files": read}


def with_paths(message: Message) -> Message:
    """A message with the paths in the place of what was read."""
    if not message.get("files"):
        return message
    return {**message, "files": [file["path"] for file in message["files"]]}


def _key(number: int) -> str:
    return numbered(CALL, number)
