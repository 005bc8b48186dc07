"""The tables that projections fill: their columns, and what tells one row from another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from runner.ground.json_value import Json

Row = Mapping[str, Json]


class Table(msgspec.Struct, frozen=True):
    """One projected table. `key` tells its rows apart within a run; `json` columns hold any JSON value.

    `unknown` are columns of which what was known may become unknown. `order` is how a reader gets the rows. The column `run_id`, which comes first in each, is left out here.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    json: frozenset[str]
    order: tuple[str, ...]
    unknown: frozenset[str] = frozenset()

    @property
    def emptied(self) -> frozenset[str]:
        """The columns that a row empties which gives them as None; of any other that says nothing."""
        return self.json | self.unknown

    def key_of(self, row: Row) -> tuple[Json, ...]:
        """What tells this row from the run's others."""
        return tuple(row[column] for column in self.key)

    def sorted(self, rows: Iterable[Row]) -> list[dict[str, Json]]:
        """Whole rows, each column present, in the table's order."""
        complete = [{column: row.get(column) for column in ("run_id", *self.columns)} for row in rows]
        return sorted(complete, key=lambda row: tuple((row[column] is not None, row[column]) for column in self.order))


_STEPS = Table(
    name="steps",
    key=("step",),
    columns=(
        *("step", "node", "verb", "frame", "visit", "status", "attempt", "agent"),
        *("request", "output", "error", "route", "started_at", "ended_at", "started_seq", "ended_seq"),
    ),
    json=frozenset({"request", "output", "error"}),
    order=("started_seq", "step"),
)

_ATTEMPTS = Table(
    name="attempts",
    key=("step", "attempt"),
    columns=("step", "attempt", "status", "error", "retry_at", "started_at", "ended_at", "started_seq", "ended_seq"),
    json=frozenset({"error"}),
    order=("started_seq", "step", "attempt"),
)

_MESSAGES = Table(
    name="messages",
    key=("step", "reply", "position"),
    columns=("step", "reply", "position", "role", "agent", "content", "at", "seq"),
    json=frozenset({"content"}),
    order=("seq", "step", "reply", "position"),
)

_MODEL_CALLS = Table(
    name="model_calls",
    key=("step",),
    columns=(
        *("step", "agent", "model", "status", "prompt_tokens", "reply_tokens", "cost_usd", "error"),
        *("started_at", "ended_at", "started_seq", "ended_seq"),
    ),
    json=frozenset({"error"}),
    order=("started_seq", "step"),
    unknown=frozenset({"prompt_tokens", "reply_tokens", "cost_usd"}),
)

_STATE = Table(
    name="workflow_state",
    key=("key",),
    columns=("key", "value", "seq", "at"),
    json=frozenset({"value"}),
    order=("key",),
)

PROJECTED: dict[str, Table] = {table.name: table for table in (_STEPS, _ATTEMPTS, _MESSAGES, _MODEL_CALLS, _STATE)}


NUMBERS = frozenset(
    (
        *("visit", "attempt", "started_at", "ended_at", "started_seq", "ended_seq", "retry_at", "at", "seq"),
        *("reply", "position", "prompt_tokens", "reply_tokens", "cost_usd"),
    )
)
"""The columns that hold numbers; all others hold text."""


def merge_rows(table: Table, kept: dict[tuple[Json, ...], dict[str, Json]], rows: Iterable[Row]) -> None:
    """Bring `kept` (rows by key) up to date with `rows`, in place.

    A column that a row leaves out keeps its value; so does one given as None, unless that empties it.
    """
    for row in rows:
        given = {name: value for name, value in row.items() if value is not None or name in table.emptied}
        kept.setdefault(table.key_of(row), {}).update(given)
