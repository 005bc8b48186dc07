"""Whether a database has the shape that our migrations make, object by object: views and triggers are code."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlite_utils import Database

from runner.ground.plain import one_line
from runner.record.store.driver import sqlite3

SHAPES = (
    "c9f145a388e3b9281a937e8e069eac86e3cf1e30ae628c8e1d0d8371a214ee7f",
    "a146adcb7b911578934ca9605be25f25c66b69eab2a9525b1b4ca661c2b7036b",
    "34c6f3ad5cf5544d2505f4cec9c606de98a44d6329c453c2430f512cb7a50943",
    "2649638d79d80b68143f58f071fb1127eaeea875f46eb35bab6ce9662ce1f63b",
    "904c96f7c7b3eedc4210b1ff3d5e7fc855d606bf7517b6a3b86f1675ba72348d",
)
"""The hash of each version's shape, from version 1 on: to make one, for comparing, takes longer."""

MOST_OBJECTS = 1000

_OBJECTS = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY 1, 2, 3 LIMIT ?"

_LONGEST_NAME = 60

Objects = list[tuple[str, ...]]


def objects_of(database: Database) -> Objects:
    """What a database is made of. To read it runs nothing of it."""
    return [tuple(map(str, row)) for row in database.execute(_OBJECTS, (MOST_OBJECTS,)).fetchall()]


def misfit(database: Database, version: int, migrations: Sequence[Sequence[str]]) -> str:
    """What is not as the migrations up to a version make it, in words; nothing if all is."""
    found = objects_of(database)
    if version <= len(SHAPES) and shape_hash(found) == SHAPES[version - 1]:
        return ""
    return _difference(found, _made(migrations[:version]))


def shape_hash(objects: Objects) -> str:
    """A hash over all objects and their SQL."""
    return hashlib.sha256("\0".join(part for row in objects for part in row).encode()).hexdigest()


def _made(migrations: Sequence[Sequence[str]]) -> Objects:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for step in migrations:
            for statement in step:
                connection.execute(statement)
        return objects_of(Database(connection, recursive_triggers=False, execute_plugins=False))
    finally:
        connection.close()


def _difference(found: Objects, wanted: Objects) -> str:
    foreign, missing = _first(found, wanted), _first(wanted, found)
    if foreign is not None:
        is_changed = any(row[:2] == foreign[:2] for row in wanted)
        return f"its {_named(foreign)} was changed" if is_changed else f"it has a foreign {_named(foreign)}"
    return "" if missing is None else f"it lacks the {_named(missing)}"


def _first(some: Objects, others: Objects) -> tuple[str, ...] | None:
    """The first that is not among the others; an index, which comes and goes with its table, last."""
    rest = [row for row in some if row not in others]
    return min(rest, key=lambda row: row[0] == "index", default=None)


def _named(row: tuple[str, ...]) -> str:
    return f"{one_line(row[0], _LONGEST_NAME)} {one_line(row[1], _LONGEST_NAME)}"
