"""Retry policies: from what stands under `retry:`, a number, a policy or a list of them, to policies in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.ground.json_value import Json
from runner.workflow.compiler.reader import NodeReader
from runner.workflow.policies import Retry

ALL = "all"
"""In `errors`: every type that may pass."""


def read_retry(reader: NodeReader, usual: frozenset[str]) -> tuple[Retry, ...]:
    """The policies under `retry`, in order; `usual` are the errors of one that names none."""
    written = reader.get("retry")
    if written is None:
        return ()
    if isinstance(written, int):
        return (Retry(written, errors=usual),)
    if isinstance(written, list):
        return tuple(_policy(reader, entry, usual, "retry", place) for place, entry in enumerate(written))
    return (_policy(reader, written, usual, "retry"),)


def _policy(reader: NodeReader, entry: Mapping[str, Json], usual: frozenset[str], *at: str | int) -> Retry:
    """The policy at a path. What it leaves out is built in."""
    _warn_of_nothing(reader, entry, *at)
    keys: dict[str, Any] = {**entry, "errors": _errors(entry, usual)}
    keys["exit_codes"] = frozenset(entry.get("exit_codes", ()))
    intervals = {key: reader.duration(*at, key) for key in ("initial_interval", "max_interval") if key in entry}
    return Retry(**{**keys, **intervals})


def _errors(entry: Mapping[str, Json], usual: frozenset[str]) -> frozenset[str] | None:
    if "errors" not in entry:
        return frozenset() if "exit_codes" in entry else usual
    return None if ALL in entry["errors"] else frozenset(entry["errors"])


def _warn_of_nothing(reader: NodeReader, entry: Mapping[str, Json], *at: str | int) -> None:
    """Tell of a policy that takes nothing: without errors, or with exit codes that are none."""
    if entry.get("errors") == [] and "exit_codes" not in entry:
        hint = "name the errors that it takes, or leave `errors` out for the usual ones"
        reader.warn("this policy takes no error: nothing is tried again", *at, "errors", hint=hint, rule="retry")
    has_others = any("ok_exit" in tool for tool in reader.file.section("tools").values())
    ok = reader.get("ok_exit") or ([] if has_others else [0])
    if codes := [code for code in entry.get("exit_codes", ()) if code in ok]:
        words = f"exit code {codes[0]} is no failure here: nothing is tried again after it"
        reader.warn(words, *at, "exit_codes", hint="name the codes of failures, such as 75", rule="retry")
