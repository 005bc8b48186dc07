"""The database's shape, as numbered steps. A step that has been released is never edited: a later one changes it."""

from __future__ import annotations

APPLICATION_ID = 0x77662D31
"""`wf-1`: what the header of every wf database says it is."""

CREATE_TABLES = (
    # File texts of definitions, and later other large values, each once, by the SHA-256 of its content.
    """
    CREATE TABLE blobs (
        hash TEXT PRIMARY KEY,
        content BLOB NOT NULL
    ) STRICT
    """,
    # Each version of a workflow, by the hash of all its files. `files` maps each path to its blob, the root file first.
    """
    CREATE TABLE workflows (
        hash TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        file TEXT NOT NULL,
        folder TEXT NOT NULL,
        files TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE workflow_nodes (
        workflow TEXT NOT NULL REFERENCES workflows (hash) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        path TEXT NOT NULL,
        id TEXT NOT NULL,
        verb TEXT NOT NULL,
        title TEXT NOT NULL,
        PRIMARY KEY (workflow, position)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE workflow_edges (
        workflow TEXT NOT NULL REFERENCES workflows (hash) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        source TEXT NOT NULL,
        target TEXT NOT NULL,
        condition TEXT NOT NULL,
        PRIMARY KEY (workflow, position)
    ) STRICT, WITHOUT ROWID
    """,
    # `number` is what events refer to; AUTOINCREMENT, so that a deleted run's number never comes to mean another run.
    """
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        workflow TEXT NOT NULL,
        version TEXT NOT NULL,
        definition TEXT NOT NULL REFERENCES workflows (hash),
        status TEXT NOT NULL,
        created_at REAL NOT NULL,
        epoch INTEGER NOT NULL,
        owner_host TEXT,
        owner_pid INTEGER,
        owner_started REAL,
        owner_boot TEXT,
        heartbeat REAL
    ) STRICT
    """,
    "CREATE INDEX runs_by_age ON runs (created_at DESC, number DESC)",
    # One row a commit. `id` is run * 2^32 + its last event: a plain integer key costs half of what (run, last) does.
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
        first INTEGER NOT NULL,
        last INTEGER AS (id & 4294967295) VIRTUAL,
        at REAL NOT NULL,
        epoch INTEGER NOT NULL,
        format INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        payload ANY NOT NULL
    ) STRICT
    """,
    # Snapshots: a run's whole state after an event.
    """
    CREATE TABLE workflow_checkpoints (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        at REAL NOT NULL,
        checksum INTEGER NOT NULL,
        state BLOB NOT NULL,
        PRIMARY KEY (run_id, seq)
    ) STRICT
    """,
    # The inbox: messages that a run has not taken yet. An id is never given twice, so that none is taken by mistake.
    """
    CREATE TABLE signals (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        target TEXT NOT NULL,
        value TEXT NOT NULL,
        at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX signals_by_run ON signals (run_id, id)",
    # From here on: projections of the events, as of the newest snapshot.
    """
    CREATE TABLE workflow_state (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT,
        seq INTEGER,
        at REAL,
        PRIMARY KEY (run_id, key)
    ) STRICT
    """,
    """
    CREATE TABLE steps (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        step TEXT NOT NULL,
        node TEXT,
        verb TEXT,
        frame TEXT,
        visit INTEGER,
        status TEXT,
        attempt INTEGER,
        agent TEXT,
        request TEXT,
        output TEXT,
        error TEXT,
        route TEXT,
        started_at REAL,
        ended_at REAL,
        started_seq INTEGER,
        ended_seq INTEGER,
        PRIMARY KEY (run_id, step)
    ) STRICT
    """,
    """
    CREATE TABLE attempts (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        step TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        status TEXT,
        error TEXT,
        retry_at REAL,
        started_at REAL,
        ended_at REAL,
        started_seq INTEGER,
        ended_seq INTEGER,
        PRIMARY KEY (run_id, step, attempt)
    ) STRICT
    """,
    """
    CREATE TABLE messages (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        step TEXT NOT NULL,
        reply INTEGER NOT NULL,
        position INTEGER NOT NULL,
        role TEXT,
        agent TEXT,
        content TEXT,
        at REAL,
        seq INTEGER,
        PRIMARY KEY (run_id, step, reply, position)
    ) STRICT
    """,
    """
    CREATE TABLE model_calls (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        step TEXT NOT NULL,
        agent TEXT,
        model TEXT,
        status TEXT,
        prompt_tokens INTEGER,
        reply_tokens INTEGER,
        cost_usd REAL,
        error TEXT,
        started_at REAL,
        ended_at REAL,
        started_seq INTEGER,
        ended_seq INTEGER,
        PRIMARY KEY (run_id, step)
    ) STRICT
    """,
    # The trail of security events: each row's hash covers the one before.
    """
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT,
        at REAL NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        previous TEXT NOT NULL,
        hash TEXT NOT NULL
    ) STRICT
    """,
)

FORKS = (
    # The run whose past a fork shares, and the number of the last event of it that it does. No such run may be deleted.
    "ALTER TABLE runs ADD COLUMN parent INTEGER REFERENCES runs (number)",
    "ALTER TABLE runs ADD COLUMN fork INTEGER",
    "CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL",
    # Every version that a run has gone by; a resumption may bring a further one.
    """
    CREATE TABLE run_versions (
        run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
        definition TEXT NOT NULL REFERENCES workflows (hash),
        PRIMARY KEY (run, definition)
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO run_versions (run, definition) SELECT number, definition FROM runs",
)

LARGE_VALUES = (
    # How content is written: 1 as it is, 3 compressed. The hash is that of the content as it is.
    "ALTER TABLE blobs ADD COLUMN format INTEGER NOT NULL DEFAULT 1",
    # How a snapshot is written, in the numbers that events have.
    "ALTER TABLE workflow_checkpoints ADD COLUMN format INTEGER NOT NULL DEFAULT 1",
    # The large values that a run's events, snapshots and projected rows refer to. None of them may be deleted.
    """
    CREATE TABLE run_blobs (
        run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
        hash TEXT NOT NULL REFERENCES blobs (hash),
        PRIMARY KEY (run, hash)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX run_blobs_by_hash ON run_blobs (hash)",
    # Since when it has been known that no run goes by a version; a process may be about to begin one.
    "ALTER TABLE workflows ADD COLUMN unused_since REAL",
)

OWN_LEASES = (
    # For how many seconds an owner may be silent, as it says itself; an older wf's does not.
    "ALTER TABLE runs ADD COLUMN owner_lease REAL",
)

TOOL_LISTS = (
    # The tools of MCP servers as people know them, by how a server is reached, for all runs. `offered` are those
    # that it had later and nobody has accepted.
    """
    CREATE TABLE tool_lists (
        server TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        at REAL NOT NULL,
        hash TEXT NOT NULL,
        tools TEXT NOT NULL,
        offered TEXT
    ) STRICT, WITHOUT ROWID
    """,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (CREATE_TABLES, FORKS, LARGE_VALUES, OWN_LEASES, TOOL_LISTS)
"""Step n, a row of statements, brings a database from version n to n + 1; `user_version` counts those it has had."""
