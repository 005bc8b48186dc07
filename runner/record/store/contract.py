"""The store protocol: what a place that keeps runs must do. One shared test suite holds every implementation to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol

import msgspec

from runner.ground.errors import EXIT_USAGE, StoreError
from runner.ground.json_value import Json
from runner.record.events import Commit
from runner.record.tool_lists import ToolLists


class Fenced(StoreError):
    """The run's lease has passed to another process; this one may not write any more."""


class HistoryMoved(StoreError):
    """The run's record has other events where this commit would go: it was decided from an old state."""


class Needed(StoreError):
    """A run can't be removed: it has not ended, or a fork shares its past."""


class RunUnknown(StoreError):
    """No run bears that id."""

    exit_code = EXIT_USAGE


class NodeRow(NamedTuple):
    """A node as readers of the graph see it; `path` is its place in the file."""

    path: str
    id: str
    verb: str
    title: str


class EdgeRow(NamedTuple):
    """A route from one node to another, by their paths; `condition` is empty where there is none."""

    source: str
    target: str
    condition: str


class Definition(msgspec.Struct, frozen=True):
    """One version of a workflow: its files' texts by path (relative to `folder`), root file first, hashed as a whole.

    `nodes` and `edges` are its graph, for readers.
    """

    hash: str
    name: str
    version: str
    file: str
    folder: str
    files: Mapping[str, str]
    nodes: Sequence[NodeRow] = ()
    edges: Sequence[EdgeRow] = ()


class VersionRow(msgspec.Struct, frozen=True):
    """A version of a workflow as the list shows it. Times in epoch seconds: when its first and last runs began."""

    hash: str
    name: str
    version: str
    file: str
    runs: int
    first_at: float | None
    last_at: float | None


LEASE_SECONDS = 30.0
"""The length of a lease, unless its owner says another."""


class Owner(msgspec.Struct, frozen=True):
    """A process that runs a run: enough to tell whether it still lives, on this host or not.

    After `lease` seconds without a heartbeat the run may be taken from it. It is the owner who says how long that is:
    it goes by it too, and beats in time.
    """

    host: str
    pid: int
    started: float
    boot: str
    lease: float = LEASE_SECONDS

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class RunRow(msgspec.Struct, frozen=True):
    """A run as the list of runs shows it. Times in epoch seconds; `events` counts what is recorded.

    A fork shares the events of its `parent` up to number `fork`; its own follow those.
    """

    id: str
    workflow: str
    version: str
    definition: str
    status: str
    created_at: float
    updated_at: float
    events: int = 0
    epoch: int = 0
    owner: Owner | None = None
    heartbeat: float | None = None
    parent: str | None = None
    fork: int | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """A run's whole state after event `seq`, as JSON of `record.snapshot`. A fork's may be its parent's: see `run`."""

    run: str
    seq: int
    at: float
    state: Json


MessageKind = Literal["answer", "signal", "cancel", "pause"]


class Message(msgspec.Struct, frozen=True):
    """Something sent to a run from any process, kept until the run takes it. `id` is given by the store."""

    run: str
    kind: MessageKind
    at: float
    target: str = ""
    value: Json = None
    id: int = 0


Rows = dict[str, Sequence[Mapping[str, Json]]]
"""What a projector derived from events, by table: each row a mapping with its table's key columns.

`runner.record.store.tables` lists tables and columns. A column that a row leaves out keeps the value it had;
so does one that is None, unless it holds JSON.
"""


class Space(msgspec.Struct, frozen=True):
    """How large a store is, and how much of that is free for new rows, in bytes."""

    whole: int
    free: int


class Swept(msgspec.Struct, frozen=True):
    """How many versions of workflows, and how many files and large values, a sweep removed."""

    versions: int
    blobs: int


class AuditRow(msgspec.Struct, frozen=True):
    """One row: when (epoch s), in which run, what a gate of which kind did. `hash` covers all of it and `previous`."""

    id: int
    run: str
    at: float
    kind: str
    detail: dict[str, Json]
    previous: str
    hash: str


class AuditTrail(Protocol):
    """The rows of what gates did. A store adds them as it records the commits that tell of it."""

    def rows(self, run: str | None = None) -> Iterator[AuditRow]:
        """All rows, or those of a run, oldest first. Raises StoreError for what can't be read."""

    def problem(self) -> str:
        """What is wrong with the chain: a row that was changed, removed, put in or moved; or nothing."""

    def head(self) -> tuple[int, str]:
        """The number and the hash of the last row; 0 where there is none."""

    def hash_of(self, number: int) -> str:
        """The hash of a row; empty where there is none."""


class Upkeep(Protocol):
    """Removes what is not needed any more, while others go on reading and writing. Raises as `Store` does."""

    def weight(self, runs: Sequence[str]) -> int:
        """About how many bytes these runs take: their own, and those of large values that no other run needs."""

    def delete(self, run: str, epoch: int) -> None:
        """Remove a run and all that is its own.

        Raises RunUnknown; Needed if it has not ended, or a fork shares its past; RunBusy if its epoch is another.
        """

    def snapshots(self, run: str) -> list[int]:
        """The events after which a run has snapshots of its own, in order."""

    def thin(self, run: str, kept: Collection[int]) -> int:
        """Remove a run's snapshots but those `kept`; how many went. The run must be nobody's."""

    def sweep(self, at: float, grace: float) -> Swept:
        """Remove versions that no run has gone by since a sweep of `grace` seconds before `at`, and blobs not needed.

        A version that is found unused is only marked: a process may have saved it to begin a run.
        """

    def space(self) -> Space:
        """How large the store is."""

    def compact(self) -> None:
        """Give free space back. Others wait meanwhile, and may give up waiting."""


class Store(Protocol):
    """Keeps definitions, runs, events, snapshots, and an inbox. All times are epoch seconds given by the caller.

    Large values are kept once, by their hash, however many events, snapshots and rows hold them; the bytes that a
    method returns are nevertheless those of the whole, before compression.

    Every method raises StoreError (with a hint) on a disk or database fault, and nothing is then half written.
    """

    tool_lists: ToolLists
    """The tools of MCP servers, as they were when they were first used, or were last accepted."""

    def save_definition(self, definition: Definition) -> None:
        """Keep a definition; the same hash again changes nothing."""

    def definition(self, hash: str) -> Definition:
        """Raises StoreError when it is not there."""

    def versions(self, name: str | None = None) -> list[VersionRow]:
        """The versions of all workflows, or of that name, newest first."""

    def create(self, commit: Commit, owner: Owner) -> int:
        """Begin a run with its first commit (it starts with a RunStarted), owned under epoch 1; the bytes recorded.

        UsageError if the id is taken; its definition must have been saved. A fork starts with a RunForked in that
        place, and its parent must have the checkpoint.
        """

    def adopt(self, commits: Iterable[Commit]) -> None:
        """Take in a whole run that was recorded elsewhere, in one transaction. Nobody owns it.

        Its first commit starts with a RunStarted; a RunForked further on is only a change. UsageError if the id is
        taken; StoreError if commits don't follow each other, or a definition that they name has not been saved.
        """

    def append(self, commit: Commit, taken: Sequence[int] = ()) -> int:
        """Record a commit in one transaction, and remove the inbox messages `taken`; the bytes recorded.

        Raises Fenced if its epoch is old, HistoryMoved if it does not follow the last event.
        """

    def append_together(self, commits: Sequence[Commit]) -> int:
        """Record commits of one run in one transaction, all or none; the bytes recorded.

        For steps that touch nothing outside: none changes the run's status or takes a message. Raises as `append` does.
        """

    def save_snapshot(self, snapshot: Snapshot, rows: Rows, epoch: int) -> int:
        """Keep a snapshot and bring the projected tables up to date with it, in one transaction; the snapshot's bytes.

        `snapshot.seq` is the last event of a commit. The same snapshot again changes nothing. Raises Fenced, and
        StoreError if the store has gone away: a run that stands still keeps one, and has not been recorded without.
        """

    def snapshot(self, run: str, upto: int | None = None) -> Snapshot | None:
        """The newest snapshot at or before event `upto`; of the past that a fork shares if it has none of its own."""

    def commits(self, run: str, after: int = 0, upto: int | None = None) -> Iterator[Commit]:
        """Commits whose events come after `after` and whose last is at most `upto`, in order.

        Those of the past that a fork shares name the run that recorded them.
        """

    def projected(self, run: str, table: str) -> list[dict[str, Json]]:
        """A run's rows of one projected table, as of the newest snapshot."""

    def run(self, run: str) -> RunRow:
        """Raises RunUnknown (with near ids)."""

    def runs(self, *, status: str | None = None, workflow: str | None = None, limit: int = 50) -> list[RunRow]:
        """Newest first."""

    def claim(self, run: str, owner: Owner, at: float, expected_epoch: int) -> int:
        """Take the lease: the new epoch. Raises RunBusy if the epoch is no longer `expected_epoch`."""

    def heartbeat(self, run: str, epoch: int, at: float) -> None:
        """Say that the owner lives. Raises Fenced."""

    def apart(self) -> Store | None:
        """The same store on a connection of its own, for another thread; None where no other process can reach it."""

    def release(self, run: str, epoch: int) -> None:
        """Give the lease back; no effect if it has passed on."""

    def post(self, message: Message) -> int:
        """Put a message into a run's inbox; its id."""

    def inbox(self, run: str) -> list[Message]:
        """A run's messages, oldest first. A live run asks often: here it learns, too, if the store has gone away."""

    def moment(self) -> AbstractContextManager[None]:
        """What is read inside is of one moment, whatever others write meanwhile."""

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else writes meanwhile: what is read and written inside is of one moment, all or nothing."""

    @property
    def file(self) -> str:
        """The path of the file that it keeps open; empty where it keeps none."""

    @property
    def trail(self) -> AuditTrail:
        """What the gates of all runs have let through and refused; it outlives the runs."""

    @property
    def upkeep(self) -> Upkeep:
        """What removes runs, and all that is not needed any more."""

    def close(self) -> None:
        """Let go of all that is held open."""
