"""Secrets in a text: masked in every form that gives them away, and put back as they were."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.ground.errors import UsageError
from runner.world.secrets import Secrets

KEY = "-----BEGIN KEY-----\nMIIEow==/+?1234567\nx\n-----END KEY-----\n"


def secrets(**values: str) -> Secrets:
    return Secrets("n", values)


WRITTEN = {
    "itself": KEY,
    "trimmed": KEY.strip(),
    "one of its lines": KEY.splitlines()[1],
    "JSON": json.dumps({"a": [KEY]}),
    "JSON as it is": json.dumps(KEY, ensure_ascii=False),
    "Python": repr(KEY),
    "part of an address": quote(KEY, safe=""),
    "path of an address": quote(KEY),
    "form": quote_plus(KEY),
    **{f"Base64 after {n} bytes": b64encode(b"123"[:n] + KEY.encode() + b"!").decode() for n in range(3)},
    **{f"Base64 of addresses after {n}": urlsafe_b64encode(b"123"[:n] + KEY.encode()).decode() for n in range(3)},
}

PARTS = ("MIIEow", *(b64encode(bytes(n) + b"MIIEow").decode()[4 if n else 0 : -4] for n in range(3)))


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_secret_is_masked_however_it_is_written_down(written: str) -> None:
    masked = secrets(key=KEY).mask(f"before {written} after")
    assert [any(part in text for part in PARTS) for text in (written, masked)] == [True, False]
    assert secrets(key=KEY).reveal(masked) == f"before {written} after"


def test_a_secret_that_holds_another_is_masked_whole() -> None:
    both = secrets(short="abcdefgh", long="abcdefgh-and-more")
    assert both.mask(["abcdefgh-and-more", {"abcdefgh": 1}]) == ["⟦secret:long:n⟧", {"⟦secret:short:n⟧": 1}]


def test_a_reference_is_not_masked_again() -> None:
    one = secrets(word="secret:word")
    assert one.mask("⟦secret:word:n⟧ secret:word") == "⟦secret:word:n⟧ ⟦secret:word:n⟧"


def test_what_is_too_short_would_mask_ordinary_text() -> None:
    with pytest.raises(UsageError, match="secret input 'pin' is shorter than 8 characters"):
        secrets(pin="1234567")
    assert secrets(pin="").mask("text") == "text"
    assert secrets(lines="one\ntwo\nthree").mask("one two") == "one two"


@given(some.text('aß+/=\\"\n ', min_size=8, max_size=20), some.text('aß+/=\\"\n ', max_size=60))
def test_masked_text_holds_no_secret_and_can_be_put_back(secret: str, text: str) -> None:
    one = secrets(token=secret)
    masked = one.mask(f"{text}{secret}{text}")
    assert secret not in masked
    assert one.reveal(masked) == f"{text}{secret}{text}"
