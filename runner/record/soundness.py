"""Whether a run's record is sound: its events can be read and folded, and all that is kept beside them agrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runner.ground.errors import StoreError
from runner.ground.json_value import Json
from runner.record.definitions import texts_of
from runner.record.events import Commit
from runner.record.fold import IMPOSSIBLE, fold
from runner.record.projection import Projector
from runner.record.run_state import RunState
from runner.record.snapshot import decode_state, is_complete, same
from runner.record.store.contract import RunRow, Store
from runner.record.store.rules import Standing
from runner.record.store.tables import PROJECTED, Row, merge_rows
from runner.workflow.compiler.files import content_hash

ANEW = "its events are whole: `wf export` and `wf import` make all else anew from them"
FROM_A_COPY = "only a copy of the database from before can have what is missing"


def version_faults(store: Store, hash_: str) -> list[StoreError]:
    """What is wrong with a version of a workflow."""
    return _faults(lambda: _check_version(store, hash_))


def run_faults(store: Store, run: str) -> list[StoreError]:
    """What is wrong with a run, as of one moment: others may go on with it meanwhile."""
    found: list[StoreError] = []

    def check() -> None:
        with store.moment():
            found.extend(_faults(lambda: store.inbox(run)))
            history = _History(store, run)
            found.extend(_faults(history.follow) or history.contradictions())

    unread = _faults(check)
    return found + unread


def _faults(check: Callable[[], object]) -> list[StoreError]:
    """What keeps a check from its end."""
    try:
        check()
    except StoreError as error:
        return [StoreError(error.message, FROM_A_COPY)]
    except IMPOSSIBLE as error:
        return [StoreError(f"it can't be made out: {type(error).__name__}: {error}", FROM_A_COPY)]
    return []


def _check_version(store: Store, hash_: str) -> None:
    definition = store.definition(hash_)
    file, texts = texts_of(definition)
    if content_hash(texts, file) != hash_:
        raise StoreError("its files are not those that it was made of")


class _History:
    """A run's events, folded one commit after another, and what they say must stand beside them.

    What is held is the run's state, and the rows of its tables as of its newest snapshot.
    """

    def __init__(self, store: Store, run: str) -> None:
        self._store = store
        self._run = run
        self._state = RunState()
        self._projector = Projector(self._state)
        self._rows: dict[str, dict[tuple[Json, ...], dict[str, Json]]] = {name: {} for name in PROJECTED}
        self._standing = Standing()
        self._began = 0.0
        self._snapshots: set[int] = set()
        self._newest = 0
        self._wrong: list[str] = []

    def follow(self) -> None:
        """Read and fold all events. Raises StoreError where that can't be done, or what IMPOSSIBLE lists."""
        self._snapshots = set(self._store.upkeep.snapshots(self._run))
        self._newest = max(self._snapshots, default=0)
        for commit in self._store.commits(self._run):
            self._add(commit)
        if self._newest > self._state.seq:
            raise StoreError(f"events {self._state.seq + 1}–{self._newest} are missing, of which it has a snapshot")

    def _add(self, commit: Commit) -> None:
        self._standing.add(commit)
        if commit.run == self._run:
            self._began = self._began or commit.at
        fold(self._state, commit)
        if commit.last <= self._newest:
            self._projector.add(commit, self._state)
        if commit.last in self._snapshots:
            self._snapshots.remove(commit.last)
            self._look_at_snapshot(commit.last)

    def _look_at_snapshot(self, seq: int) -> None:
        for name, rows in self._projector.take().items():
            merge_rows(PROJECTED[name], self._rows[name], rows)
        try:
            snapshot = self._store.snapshot(self._run, seq)
            if snapshot is not None and not is_complete(snapshot.state):
                return
            kept = None if snapshot is None or snapshot.seq != seq else decode_state(snapshot.state)
        except StoreError:
            kept = None
        if kept is None or not same(kept, self._state):
            self._wrong.append(f"its snapshot after event {seq} is not the state that its events make")

    def contradictions(self) -> list[StoreError]:
        """What says something else than the events do."""
        self._wrong += [f"it has a snapshot after event {seq}, which ends no commit" for seq in sorted(self._snapshots)]
        self._wrong += self._of_the_list(self._store.run(self._run))
        self._wrong += filter(None, map(self._of_table, PROJECTED))
        return [StoreError(words, ANEW) for words in self._wrong]

    def _of_the_list(self, row: RunRow) -> Iterator[str]:
        standing = self._standing
        assert standing.last, "a history that was read has a beginning"
        told = (standing.workflow, standing.version, standing.definition, standing.status, standing.last)
        listed = (row.workflow, row.version, row.definition, row.status, row.events)
        names = ("workflow", "version", "definition", "status", "number of events")
        for name, here, there in zip(names, listed, told, strict=True):
            if here != there:
                yield f"the list of runs says {name} '{here}', its events say '{there}'"
        if row.created_at != self._began:
            yield "the list of runs says that it began at another time than its events do"
        if row.epoch < standing.epoch:
            yield f"the list of runs says epoch {row.epoch}, its events say {standing.epoch}"

    def _of_table(self, name: str) -> str:
        table = PROJECTED[name]
        told = table.sorted({**row, "run_id": self._run} for row in self._rows[name].values())
        try:
            kept: list[Row] = list(self._store.projected(self._run, name))
        except StoreError as error:
            return error.message
        return "" if kept == told else f"the table {name} does not hold what its events say"
