"""Ctrl-C ends a command while SQLite reads."""

from __future__ import annotations

import signal

import pytest

from runner.record.store.connection import in_memory
from runner.record.store.session import Session

ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r WHERE n < 0"


def test_an_interrupt_ends_a_statement_that_would_go_on() -> None:
    session = Session(in_memory(), None)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            session.read(ENDLESS)
    finally:
        signal.signal(signal.SIGALRM, before)
        session.close()
