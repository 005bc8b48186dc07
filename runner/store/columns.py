"""Projected rows as SQLite keeps them: JSON as text, with the large values in it kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from runner.store import statements
from runner.store.form import JSON
from runner.store.large import Fetch
from runner.store.payload import pack_column, unpack_value
from runner.store.tables import PROJECTED, Table

Json = Any

UPSERTS = {name: statements.upsert(table) for name, table in PROJECTED.items()}
SELECTS = {name: statements.select(table) for name, table in PROJECTED.items()}


def written(
    table: Table, run: str, rows: Iterable[Mapping[str, Json]], apart: dict[str, bytes]
) -> Iterator[list[Json]]:
    """Rows as a statement's parameters, NULL for what a row leaves out; their large values go to `apart`, by hash."""
    places = [(place, name) for place, name in enumerate(table.columns, start=1) if name in table.json]
    for row in rows:
        whole = [run, *map(row.get, table.columns)]
        for place, name in places:
            if name in row:
                whole[place] = pack_column(row[name], f"a row of {table.name}", apart)
        yield whole


def read(table: Table, values: Sequence[Json], what: str, where: str, fetch: Fetch) -> dict[str, Json]:
    """A row of a statement's result. Raises StoreError when `what` is damaged."""
    row = dict(zip(("run_id", *table.columns), values, strict=True))
    for name in table.json:
        if row[name] is not None:
            row[name] = unpack_value(JSON, row[name].encode(), what, where, fetch)
    return row
