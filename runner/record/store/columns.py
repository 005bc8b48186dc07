"""Projected rows as SQLite keeps them: JSON as text, with the large values in it kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runner.ground.json_value import Json
from runner.record.store import statements
from runner.record.store.form import JSON
from runner.record.store.large import Fetch
from runner.record.store.payload import damaged, pack_column, unpack_value
from runner.record.store.tables import NUMBERS, PROJECTED, Table

SELECTS = {name: statements.select(table) for name, table in PROJECTED.items()}


def written(
    table: Table, run: str, rows: Iterable[Mapping[str, Json]], apart: dict[str, bytes]
) -> dict[str, list[list[Json]]]:
    """The statements that write rows, each with its parameters; the large values in them go to `apart`, by hash.

    A statement names the columns that its rows give, and no other: a parameter that is NULL takes as long as ten.
    """
    found: dict[str, list[list[Json]]] = {}
    for row in rows:
        given = [name for name, value in row.items() if value is not None or name in table.json]
        values = [
            pack_column(row[name], f"a row of {table.name}", apart) if name in table.json else row[name]
            for name in given
        ]
        found.setdefault(statements.upsert(table.name, table.key, tuple(given)), []).append([run, *values])
    return found


def read(table: Table, values: Sequence[Json], what: str, where: str, fetch: Fetch) -> dict[str, Json]:
    """A row of a statement's result. Raises StoreError when `what` is damaged."""
    row = dict(zip(("run_id", *table.columns), values, strict=True))
    for name, value in row.items():
        if value is not None and not isinstance(value, (int, float) if name in NUMBERS else str):
            raise damaged(what, where)
    for name in table.json:
        if row[name] is not None:
            row[name] = unpack_value(JSON, row[name].encode(), what, where, fetch)
    return row
