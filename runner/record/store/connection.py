"""Opening a database file: refused if it is not ours, made private, brought to today's shape, set for durability."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from sqlite_utils import Database

from runner.ground.advice import command_line
from runner.ground.errors import StoreError
from runner.record.store.driver import sqlite3
from runner.record.store.faults import explained
from runner.record.store.migrations import APPLICATION_ID, MIGRATIONS
from runner.record.store.shape import misfit

Durability = Literal["full", "normal"]

OLDEST_SQLITE = (3, 51, 3)
"""Older ones may damage a database that several processes write (sqlite.org/wal.html#walresetbug)."""

BUSY_SECONDS = 10.0
"""How long a statement waits for another process's write to end."""

OPERATIONS = 1_000_000
"""SQLite's own steps between two moments at which Python looks for signals: some hundredths of a second."""

STILL = "mode=ro&immutable=1"
"""How a file is opened that nobody can be writing."""

SMALLEST = 512
"""Bytes of the smallest database that there can be."""

_SYNCHRONOUS = {"full": "PRAGMA synchronous=FULL", "normal": "PRAGMA synchronous=NORMAL"}

LOG_PAGES = 4000
"""Pages of 4 kB that the log may hold before it is written into the database: 16 MB.

With SQLite's own 1,000 every thousandth step waits for some milliseconds, a tenth of what the thousand take.
"""

_SETTINGS = (
    f"PRAGMA wal_autocheckpoint={LOG_PAGES}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA secure_delete=ON",  # an answer may be a secret until a run has taken it, on pages that are free then
    "PRAGMA fullfsync=ON",
    "PRAGMA checkpoint_fullfsync=ON",
)
"""What every connection is set to: settings of SQLite last no longer than the connection."""


def connect(path: Path, durability: Durability, *, create: bool) -> Database:
    """A database that is ours and up to date. Raises StoreError otherwise; a file that is not ours stays as it is."""
    require_sqlite()
    with explained(str(path)):
        _refuse_odd_file(path, create=create)
        if create:
            _make_private(path)
        still = _stands_still(path)
        with _opened(_address(path, STILL if still else "mode=rw")) as database:
            _set_up(database, durability)
            _migrate(database, path, create=create)
            if not still:
                _use_wal(database, path)
    return database


def in_memory() -> Database:
    """A new database, which is gone when its connection is closed."""
    with _opened(":memory:") as database:
        _set_up(database, "normal")
        with immediately(database):
            _apply(database, 0)
    return database


def look_into(path: Path) -> tuple[Database, int]:
    """A database that is ours, and its version, opened so that neither it nor its log is changed. Raises StoreError.

    Where a log or a journal is left of a process that was killed, SQLite must not be able to do what these are for:
    to write them into the database when it is opened or closed. Without one it makes files of its own, which go again
    only if it could have written.
    """
    require_sqlite()
    with explained(str(path)):
        _refuse_odd_file(path, create=False)
        left = [suffix for suffix in ("-journal", "-wal") if _size(Path(f"{path}{suffix}"))]
        how = STILL if _stands_still(path) else f"mode={'ro' if left else 'rw'}"
        with _opened(_address(path, how)) as database, _reading(path, cut_off="-journal" in left):
            _set_up(database, "full")
            database.execute("PRAGMA query_only=ON")
            return database, _version(database, path, create=False)


@contextmanager
def _reading(path: Path, *, cut_off: bool) -> Iterator[None]:
    """Say why a database can't be read where that takes writing."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if not cut_off or getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_READONLY:
            raise
        hint = f"`{command_line('runs')}`, like any command that may write to the file, takes it back"
        raise StoreError(f"{path} holds half of a write that was cut off", hint) from error


def require_sqlite() -> None:
    """Refuse a SQLite library that is too old. Raises StoreError."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(str(part) for part in OLDEST_SQLITE)
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} may damage a database that several processes use; wf needs {oldest}",
            "install it for this Python: pip install 'pysqlite3>=0.6.1'",
        )


def _refuse_odd_file(path: Path, *, create: bool) -> None:
    """A missing or empty file is a new database, but only where one is to be made and no log of an older one is left.

    By its size alone: to open and close the file here would drop the locks that SQLite holds on it in this process.
    """
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is no file", "name a file by --db; nothing was changed")
    for beside in (Path(f"{os.path.realpath(path)}{suffix}") for suffix in ("-wal", "-shm", "-journal")):
        if os.path.lexists(beside) and not stat.S_ISREG(beside.lstat().st_mode):  # a pipe would make SQLite wait
            raise StoreError(f"{beside} is no file of its own", "remove it; nothing was changed")
    log = Path(f"{path}-wal")
    if _size(log) and not _size(path):
        raise StoreError(f"{path} is empty or missing, but {log.name} is not", f"put both back, or remove {log.name}")
    if not create and not _size(path):
        raise _emptied(path)
    if 0 < _size(path) < SMALLEST:  # SQLite would take a single byte for nothing, and write over it
        raise StoreError(f"{path} is not a wf database", "name another file by --db; nothing was changed")


def _emptied(path: Path) -> StoreError:
    return StoreError(f"{path} is empty: if it held runs, they are gone", "put it back from a copy, or remove it")


def _size(path: Path) -> int:
    """A file's size; 0 where there is none any more: the last process that uses a database removes its log."""
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _refuse_foreign(path: Path, application_id: int) -> None:
    if application_id != APPLICATION_ID:
        raise StoreError(f"{path} is another program's database", "name another file by --db")


def _refuse_newer(path: Path, version: int) -> None:
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} was written by a newer wf (its version is {version}, this wf knows {len(MIGRATIONS)})",
            "update wf",
        )


def _refuse_changed(database: Database, path: Path, version: int) -> None:
    """Views, triggers and the like would be run by what we read and write: nothing of foreign make may be there."""
    if why := misfit(database, version, MIGRATIONS):
        hint = "who changed it may make it do anything: put it back from a copy, or go on with another by --db"
        raise StoreError(f"{path} is not as wf made it: {why}", hint)


def _make_private(path: Path) -> None:
    """Make the file, and the folders it still needs, readable for their owner alone, whatever the umask."""
    for folder in reversed([path.parent, *path.parent.parents]):
        if not folder.exists():
            folder.mkdir(0o700, exist_ok=True)
            folder.chmod(0o700)
            _keep_names(folder.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


def _keep_names(folder: Path) -> None:
    """Make durable what has been given a name in a folder: SQLite does so for its own files, and not further up."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stands_still(path: Path) -> bool:
    """Whether nobody can be writing the file: its folder can't be written, and no log is there.

    SQLite then has to be told so, since it could not even make the lock file that reading a log takes.
    """
    return not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()


def _address(path: Path, how: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{how}"


@contextmanager
def _opened(address: str) -> Iterator[Database]:
    """The database, which stays open unless what is done inside fails."""
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.set_progress_handler(lambda: 0, OPERATIONS)
    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    try:
        yield database
    except BaseException:
        database.close()
        raise


def _set_up(database: Database, durability: Durability) -> None:
    for setting in (*_SETTINGS, _SYNCHRONOUS[durability]):
        database.execute(setting)


def _migrate(database: Database, path: Path, *, create: bool) -> None:
    """Bring the database to today's shape, in one transaction."""
    version = _version(database, path, create=create)
    if version < len(MIGRATIONS):
        with immediately(database):
            _apply(database, _version(database, path, create=create))


def _version(database: Database, path: Path, *, create: bool) -> int:
    """The database's version, 0 for a new one."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (application_id,) = database.execute("PRAGMA application_id").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not (version or application_id or tables):
        if not create:
            raise _emptied(path)
        return 0
    _refuse_foreign(path, application_id)
    _refuse_newer(path, version)
    _refuse_changed(database, path, version)
    return int(version)


def _apply(database: Database, version: int) -> None:
    for step in MIGRATIONS[version:]:
        for statement in step:
            database.execute(statement)
    database.execute(f"PRAGMA application_id={APPLICATION_ID}")
    database.execute(f"PRAGMA user_version={len(MIGRATIONS)}")


def _use_wal(database: Database, path: Path) -> None:
    """Set the journal mode, which lasts. Whoever changes it needs the file alone: wait for others, then try again."""
    for _ in range(10):
        mode = _try_wal(database)
        if mode == "wal":
            return
        if mode:
            break
        with immediately(database):
            pass
    raise StoreError(f"{path} can't keep a write-ahead log", "put the database on a local disk, by --db or WF_DB")


def _try_wal(database: Database) -> str:
    """The mode that the database is in now; empty when another process was in the way."""
    try:
        return str(database.execute("PRAGMA journal_mode=WAL").fetchone()[0])
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        return ""


@contextmanager
def immediately(database: Database) -> Iterator[None]:
    """A transaction that holds the right to write from its start, so that what it reads stays true until it writes."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.rollback()
        raise
    database.commit()
