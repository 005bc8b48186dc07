"""The SQLite library that sqlite-utils has chosen: pysqlite3 where it is installed, else Python's own."""

from __future__ import annotations

from sqlite_utils.utils import sqlite3  # type: ignore[attr-defined]  # it is sqlite-utils' choice that counts

__all__ = ["sqlite3"]
