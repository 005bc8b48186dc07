"""Where runs are kept: the protocol, and SQLite."""
