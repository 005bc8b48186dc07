"""Where runs are kept: the protocol, SQLite, and an in-memory twin."""
