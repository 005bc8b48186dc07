"""Removing from a SQLite file what is not needed any more, while other processes read and write it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from runner.record.store import rules, statements
from runner.record.store.blobs import Blobs
from runner.record.store.contract import RunRow, Space, Swept, Upkeep
from runner.record.store.form import JSON, needed
from runner.record.store.large import MARK
from runner.record.store.session import Session
from runner.record.store.tables import PROJECTED

BATCH = 64
"""How many blobs are removed in one transaction: not all, so that others get their turns to write."""

_BY_NUMBER = (statements.DELETE_EVENTS, statements.DELETE_RUN_VERSIONS, statements.DELETE_RUN_BLOBS)
_BY_ID = (statements.DELETE_SIGNALS, statements.DELETE_SNAPSHOTS, *map(statements.delete, PROJECTED.values()))
_ROW_BYTES = (statements.SNAPSHOT_BYTES, *map(statements.row_bytes, PROJECTED.values()))
_MARKED = tuple(map(statements.marked, PROJECTED.values()))


class SqliteUpkeep(Upkeep):
    """What removes from one database. `run` reads how a run stands, and raises RunUnknown; `numbers` are remembered."""

    def __init__(self, session: Session, blobs: Blobs, run: Callable[[str], RunRow], numbers: dict[str, int]) -> None:
        self._session = session
        self._blobs = blobs
        self._run = run
        self._numbers = numbers

    def weight(self, runs: Sequence[str]) -> int:
        numbers = [self._number(run) for run in runs]
        events = sum(self._count(statements.EVENT_BYTES, number) for number in numbers)
        rows = sum(self._count(statement, run) for run in runs for statement in _ROW_BYTES)
        return events + rows + self._count(statements.BLOB_BYTES, _listed(numbers))

    def delete(self, run: str, epoch: int) -> None:
        number = self._number(run)
        with self._without_cascades(), self._session.transaction():
            if not self._session.write(statements.DELETE_RUN, (number, epoch)):
                forks = [id_ for (id_,) in self._session.read(statements.FORKS, (number,))]
                raise rules.not_deleted(self._run(run), epoch, forks)
            for statement in _BY_NUMBER:
                self._session.write(statement, (number,))
            for statement in _BY_ID:
                self._session.write(statement, (run,))
        self._numbers.pop(run, None)

    def snapshots(self, run: str) -> list[int]:
        self._number(run)
        return [seq for (seq,) in self._session.read(statements.SNAPSHOTS, (run,))]

    def thin(self, run: str, kept: Collection[int]) -> int:
        number, listed = self._number(run), _listed(kept)
        if not set(self.snapshots(run)) - set(kept):
            return 0
        blobs = _listed(self._needed(run, number, listed))
        with self._session.transaction():
            removed = self._session.write(statements.THIN, (run, listed))
            self._session.write(statements.THIN_BLOBS, (number, blobs))
        return removed

    def _needed(self, run: str, number: int, kept: str) -> set[str]:
        """The large values that a run needs if it has these snapshots alone."""
        found: set[str] = set()
        with self._session.sound(f"run '{run}'"):
            for format_, data in self._rows(run, number, kept):
                found |= needed(format_, data, self._blobs.fetch)
        return found

    def _rows(self, run: str, number: int, kept: str) -> Iterator[tuple[int, bytes]]:
        """All that may refer to large values, each with its format."""
        for *_, format_, _, payload in self._session.stream(statements.COMMITS, (number, 0, 2**32 - 1)):
            yield format_, payload
        for format_, state in self._session.stream(statements.KEPT_SNAPSHOTS, (run, kept)):
            yield format_, state
        for statement in _MARKED:
            for (text,) in self._session.stream(statement, (run, MARK.decode())):
                yield JSON, text.encode()

    def sweep(self, at: float, grace: float) -> Swept:
        with self._session.transaction():
            self._session.write(statements.UNMARK)
            self._session.write(statements.MARK, (at,))
            versions = self._session.write(statements.SWEEP_VERSIONS, (at - grace,))
        unused = [hash_ for (hash_,) in self._session.read(statements.UNUSED_BLOBS)]
        batches = (unused[start : start + BATCH] for start in range(0, len(unused), BATCH))
        return Swept(versions, sum(self._session.write(statements.SWEEP_BLOBS, (_listed(some),)) for some in batches))

    def space(self) -> Space:
        size, pages, free = (self._count(f"PRAGMA {name}") for name in ("page_size", "page_count", "freelist_count"))
        return Space(size * pages, size * free)

    def compact(self) -> None:
        self._session.execute("VACUUM")
        self._session.read("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _without_cascades(self) -> Iterator[None]:
        self._session.execute("PRAGMA foreign_keys=OFF")
        try:
            yield
        finally:
            self._session.execute("PRAGMA foreign_keys=ON")

    def _number(self, run: str) -> int:
        if run not in self._numbers:
            self._run(run)
            self._numbers[run] = self._count(statements.RUN_NUMBER, run)
        return self._numbers[run]

    def _count(self, statement: str, *values: object) -> int:
        return int(self._session.read(statement, values)[0][0])


def _listed(values: Collection[object]) -> str:
    return msgspec.json.encode(sorted(values)).decode()
