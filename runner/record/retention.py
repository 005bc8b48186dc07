"""What a store need not keep: which ended runs may go, which snapshots are needless; and removing all of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from runner.ground.errors import RunBusy
from runner.record.store.contract import Needed, RunRow, Space, Store, Swept
from runner.record.store.lease import may_take_over
from runner.record.store.rules import ENDED

SPACING = 1000
"""Events between two snapshots of an ended run that are both kept: reading its past folds no more than these."""

GRACE = 3600.0
"""Seconds that a version stays after it was found unused: a process may be about to begin a run with it."""

WORTHWHILE = 0.1
"""The part of a store that has to be free before it is made smaller, which rewrites the whole of it."""


class Rule(msgspec.Struct, frozen=True):
    """Which ended runs may go: those of these statuses, but the `keep` newest, that ended `older_than` seconds ago.

    What a rule leaves out does not hold a run back; but one that says nothing lets none go.
    """

    older_than: float | None = None
    keep: int | None = None
    statuses: frozenset[str] = frozenset()

    @property
    def says_nothing(self) -> bool:
        return self == Rule()


class Collected(msgspec.Struct, frozen=True):
    """What was removed, or would be: runs, snapshots of others, and what nothing needs then.

    `weight` is about how many bytes the runs take, `held` how many more could go but for their forks. `kept_size` says
    why the store was not made smaller. `outputs` are files beside it that no run knows which is left.
    """

    runs: tuple[RunRow, ...]
    weight: int
    snapshots: int
    swept: Swept
    before: Space
    after: Space
    kept_size: str = ""
    held: int = 0
    outputs: int = 0


def removable(rows: Sequence[RunRow], rule: Rule, now: float) -> list[RunRow]:
    """The runs that may go, in an order in which they can: a run whose past a fork shares comes after all its forks.

    Runs with a live owner stay, and so do those with a fork that stays.
    """
    return _children_first(rows, _let_go(rows, rule, now))


def _let_go(rows: Sequence[RunRow], rule: Rule, now: float) -> set[str]:
    """The runs that a rule itself lets go."""
    counted = [row for row in rows if _is_free(row, now) and (not rule.statuses or row.status in rule.statuses)]
    newest = sorted(counted, key=lambda row: row.created_at, reverse=True)[: rule.keep or 0]
    kept = {row.id for row in newest}
    return {
        row.id
        for row in counted
        if not rule.says_nothing and row.id not in kept and now - row.updated_at >= (rule.older_than or 0.0)
    }


def _is_free(row: RunRow, now: float) -> bool:
    return row.status in ENDED and may_take_over(row, now)


def _children_first(rows: Sequence[RunRow], going: set[str]) -> list[RunRow]:
    forks = Counter(row.parent for row in rows if row.parent is not None)
    by_id = {row.id: row for row in rows}
    order: list[RunRow] = []
    next_ones = [row.id for row in rows if row.id in going and not forks[row.id]]
    for run in next_ones:
        order.append(by_id[run])
        parent = by_id[run].parent
        if parent is not None:
            forks[parent] -= 1
            if parent in going and not forks[parent]:
                next_ones.append(parent)
    return order


def needed_snapshots(seqs: Sequence[int]) -> list[int]:
    """Of an ended run's snapshots the last, and before it so many that no gap gets longer than SPACING by what goes."""
    kept: list[int] = []
    for seq, following in zip(seqs, [*seqs[1:], None], strict=False):
        if following is None or following - (kept[-1] if kept else 0) > SPACING:
            kept.append(seq)
    return kept


def plan(store: Store, rule: Rule, now: float) -> Collected:
    """What `collect` would remove. It only reads."""
    rows = store.runs(limit=-1)
    runs = removable(rows, rule, now)
    space = store.upkeep.space()
    weight = store.upkeep.weight([row.id for row in runs])
    going = {row.id for row in runs}
    snapshots = 0
    for row in rows:
        if _is_free(row, now) and row.id not in going:
            seqs = store.upkeep.snapshots(row.id)
            snapshots += len(seqs) - len(needed_snapshots(seqs))
    held = len(_let_go(rows, rule, now)) - len(runs)
    return Collected(tuple(runs), weight, snapshots, Swept(0, 0), space, space, held=held)


def collect(store: Store, rule: Rule, now: float) -> Collected:
    """Remove the runs that a rule lets go, then all that nothing needs, then give the free space back.

    Others may go on meanwhile: while another process owns a run, the store keeps its size. Raises StoreError.
    """
    upkeep = store.upkeep
    before = upkeep.space()
    rows = store.runs(limit=-1)
    going = removable(rows, rule, now)
    held = len(_let_go(rows, rule, now)) - len(going)
    weight = upkeep.weight([row.id for row in going])
    removed = tuple(row for row in going if _delete(store, row))
    ended = [row.id for row in store.runs(limit=-1) if _is_free(row, now)]
    snapshots = sum(upkeep.thin(run, needed_snapshots(upkeep.snapshots(run))) for run in ended)
    swept = upkeep.sweep(now, GRACE)
    kept_size = _compact(store, now)
    return Collected(removed, weight, snapshots, swept, before, upkeep.space(), kept_size, held)


def _delete(store: Store, row: RunRow) -> bool:
    """Whether the run is gone; not if another process has just taken it up, or forked it."""
    try:
        store.upkeep.delete(row.id, row.epoch)
    except (RunBusy, Needed):
        return False
    return True


def _compact(store: Store, now: float) -> str:
    """Make the store smaller; why not, if not."""
    space = store.upkeep.space()
    if space.free < space.whole * WORTHWHILE:
        return ""
    busy = next((row for row in store.runs(limit=-1) if row.owner and not may_take_over(row, now)), None)
    if busy is not None:
        return f"run {busy.id} is under way"
    store.upkeep.compact()
    return ""
