"""The checker of what model calls cost (I7) takes no books that do not agree with what the server counted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torture.models import Asked, Served, check_step

BEGUN = {"type": "step_started", "attempt": 1}
AGAIN = {"type": "attempt_started"}
REFUSED = {
    "type": "attempt_failed",
    "error": {"type": "rate_limit", "message": "asked: request 3 is refused"},
}
HUNG_UP = {"type": "attempt_failed", "error": {"type": "network", "message": "can't be reached"}}
TIMED_OUT = {"type": "attempt_failed", "error": {"type": "timeout", "message": "no end after 2 s"}}
ANSWERED = {"type": "step_ended", "usage": {"prompt_tokens": 5, "reply_tokens": 1}}

REFUSING, HANGING_UP, ANSWERING = Served("ask", "429", 3), Served("ask", "reset", 4), Served("ask", "good", 5)


def check(events: list[dict[str, Any]], served: list[Served], crashes: int = 0) -> None:
    found = Asked()
    for event in events:
        found.heed(event)
    check_step(found, served, crashes)


def test_books_that_agree_are_taken() -> None:
    check([BEGUN, REFUSED, AGAIN, HUNG_UP, AGAIN, ANSWERED], [REFUSING, HANGING_UP, ANSWERING])
    check([BEGUN, TIMED_OUT, AGAIN, ANSWERED], [ANSWERING])
    check([BEGUN, AGAIN, ANSWERED], [ANSWERING], crashes=1)
    check([BEGUN, AGAIN, ANSWERED], [Served("ask", "good", 2), ANSWERING], crashes=1)


WRONG: dict[str, tuple[list[dict[str, Any]], list[Served]]] = {
    "recorded, and never asked": ([BEGUN, REFUSED, AGAIN, ANSWERED], [ANSWERING]),
    "recorded as answered, and another was": ([BEGUN, ANSWERED], [Served("ask", "good", 6)]),
    "recorded twice": ([BEGUN, ANSWERED, AGAIN, ANSWERED], [ANSWERING, Served("ask", "good", 6)]),
    "asked behind the record's back": ([BEGUN, ANSWERED], [HANGING_UP, ANSWERING]),
    "an answer lost, and nothing was killed": ([BEGUN, HUNG_UP, AGAIN, ANSWERED], [REFUSING, ANSWERING]),
    "begun again, and nothing was killed": ([BEGUN, AGAIN, ANSWERED], [ANSWERING]),
    "ended more often than begun": ([BEGUN, REFUSED, ANSWERED], [REFUSING, ANSWERING]),
}


@pytest.mark.parametrize(("events", "served"), WRONG.values(), ids=WRONG)
def test_books_that_do_not_agree_are_not(events: list[dict[str, Any]], served: list[Served]) -> None:
    with pytest.raises(AssertionError):
        check(events, served)
