"""The audit trail: what each gate let through or refused, in rows of which each one's hash covers the one before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256

import msgspec

from runner.ground.json_value import Json
from runner.record.events import AttemptFailed, Commit, StepEnded
from runner.record.gates import Gate
from runner.record.store import statements
from runner.record.store.contract import AuditRow
from runner.record.store.session import Session

START = ""
"""What stands for the hash of the row before the first."""


class Trail:
    """The trail of one store. Rows are only added, within the transaction that records what they tell of."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, commit: Commit) -> None:
        """Add what the gates of a commit did."""
        for event in commit.events:
            if isinstance(event, StepEnded | AttemptFailed):
                for gate in event.gates:
                    self.add(commit.run, commit.at, gate.kind, _detail(event.step, gate))

    def add(self, run: str, at: float, kind: str, detail: dict[str, Json]) -> None:
        """Add a row; within a transaction that has written."""
        rows = self._session.read(statements.AUDIT_HEAD)
        last, previous = rows[0] if rows else (0, START)
        text = json.dumps(detail, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        text = text.encode("utf-8", "backslashreplace").decode()
        digest = _hash(last + 1, run, at, kind, text, previous)
        self._session.execute(statements.INSERT_AUDIT, (last + 1, run, at, kind, text, previous, digest))

    def rows(self, run: str | None = None) -> Iterator[AuditRow]:
        for number, of, at, kind, text, previous, digest in self._session.stream(statements.AUDIT, (run,)):
            with self._session.sound(f"row {number} of the audit trail"):
                yield AuditRow(number, of or "", at, kind, json.loads(text), previous, digest)

    def problem(self) -> str:
        last, before = 0, START
        for number, run, at, kind, text, previous, digest in self._session.stream(statements.AUDIT, (None,)):
            if number != last + 1:
                return f"row {last + 1} is missing"
            if digest != _hash(number, run, at, kind, text, previous):
                return f"row {number} is not as it was written"
            if previous != before:
                return f"row {number} does not follow row {last}" if last else "row 1 is not the first that was written"
            last, before = number, digest
        counted = self._session.read(statements.AUDIT_COUNT)
        written = counted[0][0] if counted else 0
        return f"row {last + 1} is missing" if written > last else ""

    def head(self) -> tuple[int, str]:
        rows = self._session.read(statements.AUDIT_HEAD)
        return (rows[0][0], rows[0][1]) if rows else (0, START)

    def hash_of(self, number: int) -> str:
        rows = self._session.read(statements.AUDIT_HASH, (number,))
        return str(rows[0][0]) if rows else ""


def is_on_trail(commit: Commit) -> bool:
    """Whether a gate did anything in a commit: most touch nothing outside."""
    return any(isinstance(event, StepEnded | AttemptFailed) and event.gates for event in commit.events)


def _detail(step: str, gate: Gate) -> dict[str, Json]:
    told: dict[str, Json] = msgspec.to_builtins(gate)
    del told["kind"]
    return {"step": step, "allowed": gate.allowed, **told}


def _hash(number: int, run: str, at: float, kind: str, text: str, previous: str) -> str:
    told = json.dumps([previous, number, run, at, kind, text], ensure_ascii=False)
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
