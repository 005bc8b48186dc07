"""What libraries raise that ask a server by a way of their own: by the status that they tell, never by their words."""

from __future__ import annotations

import pytest

from runner.world.providers.endpoints import Endpoint
from runner.world.providers.faults import failure_of

BEDROCK = Endpoint("bedrock/anthropic.claude-v2")


class Told(Exception):
    """As litellm raises it for a server that its own HTTP clients have not asked."""

    def __init__(self, status: object) -> None:
        super().__init__("rate limit, timeout, authentication: the model is retired")
        self.status_code = status


@pytest.mark.parametrize(
    ("status", "type_"),
    [
        (400, "input_invalid"),
        (401, "authentication"),
        (402, "credit_exhausted"),
        (403, "authentication"),
        (404, "request_refused"),
        (408, "timeout"),
        (413, "request_refused"),
        (422, "request_refused"),
        (429, "rate_limit"),
        (500, "llm_down"),
        (503, "provider_unavailable"),
        (None, "llm_down"),
        ("404", "llm_down"),
    ],
)
def test_the_status_says_what_has_failed(status: object, type_: str) -> None:
    failure = failure_of(Told(status), BEDROCK, {}, 0.0)

    assert failure.type == type_, failure.message
    assert failure.message.startswith("bedrock/anthropic.claude-v2")
