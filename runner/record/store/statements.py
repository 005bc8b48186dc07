"""Every SQL statement of the SQLite store, by name. Values are always parameters, never part of the text."""

from __future__ import annotations

from functools import lru_cache

from runner.record.store.tables import Table

# The hot path, in one statement: `epoch` comes out NULL, which the table refuses and IGNORE passes over, unless the
# run's lease is still the commit's and its last event the one before. (A SELECT from `events` would be copied first.)
APPEND_EVENTS = """
INSERT OR IGNORE INTO events (id, run, first, at, epoch, format, checksum, payload) VALUES (
    (?1 << 32) + ?3, ?1, ?2, ?4,
    (SELECT epoch FROM runs WHERE number = ?1 AND epoch = ?5 AND (?1 << 32) + ?2 - 1 =
        (SELECT id FROM events WHERE id < (?1 + 1) << 32 ORDER BY id DESC LIMIT 1)),
    ?6, ?7, ?8
)
"""

# A run's first events, which have none before them to follow, or those of a run that nobody can own yet.
INSERT_EVENTS = """
INSERT INTO events (id, run, first, at, epoch, format, checksum, payload)
VALUES ((?1 << 32) + ?3, ?1, ?2, ?4, ?5, ?6, ?7, ?8)
"""

# A run, unless its id is taken.
INSERT_RUN = """
INSERT INTO runs (id, workflow, version, definition, status, created_at, epoch,
                  owner_host, owner_pid, owner_started, owner_boot, owner_lease, heartbeat, parent, fork)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""

# The status that a commit brought.
SET_STATUS = "UPDATE runs SET status = ? WHERE number = ?"

# The version that a run goes by from now on.
SET_VERSION = "UPDATE runs SET definition = ?, version = ? WHERE number = ?"
INSERT_RUN_VERSION = "INSERT INTO run_versions (run, definition) VALUES (?, ?) ON CONFLICT DO NOTHING"

# How a run stands that was recorded elsewhere.
SET_STANDING = """
UPDATE runs SET workflow = ?, version = ?, definition = ?, status = ?, epoch = ? WHERE number = ?
"""

# The versions of workflows, newest first: when runs first and last began with each, and how many runs have gone by it.
VERSIONS = """
SELECT hash, name, workflows.version, file, count(number), min(created_at), max(created_at)
FROM workflows LEFT JOIN run_versions ON run_versions.definition = hash LEFT JOIN runs ON number = run
WHERE ?1 IS NULL OR name = ?1
GROUP BY hash ORDER BY max(created_at) DESC, hash
"""

# The number that stands for a run in `events`.
RUN_NUMBER = "SELECT number FROM runs WHERE id = ?"

_RUN_COLUMNS = """
SELECT runs.id, workflow, version, definition, status, created_at, newest.at, newest.last,
       runs.epoch, owner_host, owner_pid, owner_started, owner_boot, owner_lease, heartbeat,
       (SELECT parents.id FROM runs AS parents WHERE parents.number = runs.parent), fork
FROM runs LEFT JOIN events AS newest ON newest.id = (
    SELECT max(id) FROM events WHERE id > number << 32 AND id < (number + 1) << 32
)
"""

# One run as the list of runs shows it.
RUN = _RUN_COLUMNS + " WHERE runs.id = ?"

# The list of runs, newest first, all or those of a status or workflow.
RUNS = (
    _RUN_COLUMNS
    + """
WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR workflow = ?2)
ORDER BY created_at DESC, number DESC LIMIT ?3
"""
)

# The run whose past a fork shares, and up to which event.
ORIGIN = """
SELECT parents.id, runs.fork FROM runs JOIN runs AS parents ON parents.number = runs.parent WHERE runs.id = ?
"""

# Whether an event is the last of a commit.
ENDS_COMMIT = "SELECT 1 FROM events WHERE id = (?1 << 32) + ?2"

# The ids that an unknown one may have been meant for.
RUN_IDS = "SELECT id FROM runs ORDER BY created_at DESC LIMIT 1000"

# Names in order, a page at a time.
RUNS_AFTER = "SELECT id FROM runs WHERE id > ? ORDER BY id LIMIT 1000"
VERSIONS_AFTER = "SELECT hash FROM workflows WHERE hash > ? ORDER BY hash LIMIT 1000"
BLOBS_AFTER = "SELECT hash FROM blobs WHERE hash > ? ORDER BY hash LIMIT 1000"

# The number of a run's last event.
LAST_EVENT = "SELECT last FROM events WHERE id > ?1 << 32 AND id < (?1 + 1) << 32 ORDER BY id DESC LIMIT 1"

# A run's commits between two events.
COMMITS = """
SELECT first, last, at, epoch, format, checksum, CAST(payload AS BLOB)
FROM events WHERE id > (?1 << 32) + ?2 AND id <= (?1 << 32) + ?3 ORDER BY id
"""

# Take the lease, if it is still the one that was looked at.
CLAIM = """
UPDATE runs SET epoch = epoch + 1,
    owner_host = ?, owner_pid = ?, owner_started = ?, owner_boot = ?, owner_lease = ?, heartbeat = ?
WHERE number = ? AND epoch = ?
"""

# Say that the owner lives.
HEARTBEAT = "UPDATE runs SET heartbeat = ? WHERE number = ? AND epoch = ?"

# Give the lease back.
RELEASE = """
UPDATE runs SET owner_host = NULL, owner_pid = NULL, owner_started = NULL, owner_boot = NULL, owner_lease = NULL,
    heartbeat = NULL
WHERE number = ? AND epoch = ?
"""

# A message, if its run is there.
POST = "INSERT INTO signals (run_id, kind, target, value, at) SELECT id, ?, ?, ?, ? FROM runs WHERE number = ?"

# A run's messages, oldest first.
INBOX = "SELECT kind, at, target, value, id FROM signals WHERE run_id = ? ORDER BY id"

# Remove the messages that a commit takes; `?2` is a JSON list of their ids.
TAKE = "DELETE FROM signals WHERE run_id = ?1 AND id IN (SELECT value FROM json_each(?2))"

# A snapshot, if the lease still holds and the event is the last of a commit.
INSERT_SNAPSHOT = """
INSERT INTO workflow_checkpoints (run_id, seq, at, checksum, format, state)
SELECT runs.id, ?2, ?3, ?4, ?5, ?6 FROM runs JOIN events ON events.id = (runs.number << 32) + ?2
WHERE runs.number = ?1 AND runs.epoch = ?7
ON CONFLICT (run_id, seq) DO UPDATE
SET at = excluded.at, checksum = excluded.checksum, format = excluded.format, state = excluded.state
"""

# The newest snapshot at or before an event.
SNAPSHOT = """
SELECT seq, at, checksum, format, state
FROM workflow_checkpoints WHERE run_id = ? AND seq <= ? ORDER BY seq DESC LIMIT 1
"""

# A definition's parts: the same hash again changes nothing.
INSERT_DEFINITION = """
INSERT INTO workflows (hash, name, version, file, folder, files) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING
"""
USE_DEFINITION = "UPDATE workflows SET unused_since = NULL WHERE hash = ? AND unused_since IS NOT NULL"
INSERT_NODE = "INSERT INTO workflow_nodes (workflow, position, path, id, verb, title) VALUES (?, ?, ?, ?, ?, ?)"
INSERT_EDGE = "INSERT INTO workflow_edges (workflow, position, source, target, condition) VALUES (?, ?, ?, ?, ?)"

# A definition, read back.
DEFINITION = "SELECT name, version, file, folder, files FROM workflows WHERE hash = ?"
NODES = "SELECT path, id, verb, title FROM workflow_nodes WHERE workflow = ? ORDER BY position"
EDGES = "SELECT source, target, condition FROM workflow_edges WHERE workflow = ? ORDER BY position"

# What is kept once by its hash: files of definitions, and large values of runs.
BLOB = "SELECT format, content FROM blobs WHERE hash = ?"
HAS_BLOB = "SELECT 1 FROM blobs WHERE hash = ?"
INSERT_BLOB = "INSERT INTO blobs (hash, format, content) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING"

# That a run needs a large value.
INSERT_RUN_BLOB = "INSERT INTO run_blobs (run, hash) VALUES (?, ?) ON CONFLICT DO NOTHING"

# A run that has ended, if its epoch is still the one that was looked at, and no fork shares its past.
DELETE_RUN = """
DELETE FROM runs WHERE number = ?1 AND epoch = ?2 AND status IN ('completed', 'failed', 'cancelled')
AND NOT EXISTS (SELECT 1 FROM runs AS forks WHERE forks.parent = ?1)
"""
FORKS = "SELECT id FROM runs WHERE parent = ?"

# What belonged to it. (The cascade of `events` would look through the whole table: it has no index by run.)
DELETE_EVENTS = "DELETE FROM events WHERE id > ?1 << 32 AND id < (?1 + 1) << 32"
DELETE_RUN_VERSIONS = "DELETE FROM run_versions WHERE run = ?1"
DELETE_RUN_BLOBS = "DELETE FROM run_blobs WHERE run = ?1"
DELETE_SIGNALS = "DELETE FROM signals WHERE run_id = ?"
DELETE_SNAPSHOTS = "DELETE FROM workflow_checkpoints WHERE run_id = ?"

# The events after which a run has snapshots.
SNAPSHOTS = "SELECT seq FROM workflow_checkpoints WHERE run_id = ? ORDER BY seq"

# The snapshots that are not kept; `?2` is a JSON list of those that are.
THIN = "DELETE FROM workflow_checkpoints WHERE run_id = ?1 AND seq NOT IN (SELECT value FROM json_each(?2))"
KEPT_SNAPSHOTS = """
SELECT format, state FROM workflow_checkpoints
WHERE run_id = ?1 AND seq IN (SELECT value FROM json_each(?2))
"""

# The large values that a run does not need any more; `?2` is a JSON list of those that it does.
THIN_BLOBS = "DELETE FROM run_blobs WHERE run = ?1 AND hash NOT IN (SELECT value FROM json_each(?2))"

# Versions that no run goes by: forget that they were unused, mark those that are, remove those that have long been.
UNMARK = "UPDATE workflows SET unused_since = NULL WHERE hash IN (SELECT definition FROM run_versions)"
MARK = """
UPDATE workflows SET unused_since = ?
WHERE unused_since IS NULL AND hash NOT IN (SELECT definition FROM run_versions)
"""
SWEEP_VERSIONS = "DELETE FROM workflows WHERE unused_since <= ?"

# The blobs that nothing refers to.
_UNUSED = """
NOT EXISTS (SELECT 1 FROM run_blobs WHERE run_blobs.hash = blobs.hash)
AND hash NOT IN (SELECT value FROM workflows, json_each(files))
"""
UNUSED_BLOBS = f"SELECT hash FROM blobs WHERE {_UNUSED}"  # noqa: S608 - the text is our own

# Of a JSON list of those, the ones that are still unused.
SWEEP_BLOBS = f"DELETE FROM blobs WHERE hash IN (SELECT value FROM json_each(?)) AND {_UNUSED}"  # noqa: S608 - as above

# The bytes of a run's events and snapshots.
EVENT_BYTES = "SELECT total(octet_length(payload)) FROM events WHERE id > ?1 << 32 AND id < (?1 + 1) << 32"
SNAPSHOT_BYTES = "SELECT total(octet_length(state)) FROM workflow_checkpoints WHERE run_id = ?"

# The bytes of large values that runs need, and no other run does; `?1` is a JSON list of their numbers.
BLOB_BYTES = """
WITH these AS (SELECT value AS number FROM json_each(?1))
SELECT total(octet_length(content)) FROM blobs
WHERE hash IN (SELECT hash FROM run_blobs WHERE run IN these)
AND NOT EXISTS (SELECT 1 FROM run_blobs WHERE run_blobs.hash = blobs.hash AND run NOT IN these)
"""


@lru_cache
def upsert(table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    """Write these columns of a projected row, and leave the others as they are. Every name in the text is our own."""
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return (
        f"INSERT INTO {table} (run_id, {', '.join(columns)}) VALUES (?{', ?' * len(columns)}) "  # noqa: S608 - names are constants
        f"ON CONFLICT (run_id, {', '.join(key)}) DO {f'UPDATE SET {updates}' if updates else 'NOTHING'}"
    )


@lru_cache
def select(table: Table) -> str:
    """A run's rows of a projected table. Every name in the text is our own."""
    return f"SELECT {', '.join(('run_id', *table.columns))} FROM {table.name} WHERE run_id = ?"  # noqa: S608 - names are constants


def delete(table: Table) -> str:
    """Remove a run's rows of a projected table. Every name in the text is our own."""
    return f"DELETE FROM {table.name} WHERE run_id = ?"  # noqa: S608 - names are constants


def row_bytes(table: Table) -> str:
    """The bytes of the JSON in a run's rows of a projected table. Every name in the text is our own."""
    lengths = " + ".join(f"total(octet_length({name}))" for name in sorted(table.json))
    return f"SELECT {lengths} FROM {table.name} WHERE run_id = ?"  # noqa: S608 - names are constants


def marked(table: Table) -> str:
    """The JSON in a run's rows of a projected table that refers to large values. Every name in the text is our own."""
    return " UNION ALL ".join(
        f"SELECT {name} FROM {table.name} WHERE run_id = ?1 AND instr({name}, ?2)"  # noqa: S608 - names are constants
        for name in sorted(table.json)
    )


AUDIT_HEAD = "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1"
"""The last row of the audit trail."""

AUDIT_HASH = "SELECT hash FROM audit WHERE id = ?"
"""One row of the audit trail."""

AUDIT_COUNT = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'"
"""How many rows the audit trail has ever had."""

INSERT_AUDIT = "INSERT INTO audit (id, run_id, at, kind, detail, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"
"""One more row of the audit trail."""

AUDIT = """
SELECT id, run_id, at, kind, detail, previous, hash FROM audit WHERE ?1 IS NULL OR run_id = ?1 ORDER BY id
"""
"""The audit trail, or what it tells of a run."""

TOOL_LISTS = (
    "SELECT server, name, at, tools, offered FROM tool_lists WHERE ?1 IS NULL OR server = ?1 ORDER BY name, server"
)
"""The tools that an MCP server is known to have, or those of all."""

KEEP_TOOL_LIST = "INSERT OR REPLACE INTO tool_lists (server, name, at, hash, tools, offered) VALUES (?, ?, ?, ?, ?, ?)"
"""The tools that an MCP server has from now on."""
