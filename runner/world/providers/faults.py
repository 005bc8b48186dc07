"""What goes wrong with a provider, as the failure it is for a workflow: by what the server said, never by a class."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from runner.ground.errors import ErrorType, Failure
from runner.ground.plain import head
from runner.record.usage import Usage
from runner.world.providers.answers import Trouble, read_answer
from runner.world.providers.endpoints import OFFLINE, Endpoint
from runner.world.providers.exchange import Unusable
from runner.world.providers.prices import listed, usage_of

LONGEST_RETRY_AFTER = 3600.0
_LONGEST_SAID = 300

# 409 and 425: the provider asks to come again.
_BY_STATUS: dict[int, ErrorType] = {
    401: "authentication",
    402: "credit_exhausted",
    403: "authentication",
    408: "timeout",
    409: "provider_unavailable",
    425: "provider_unavailable",
    429: "rate_limit",
    503: "provider_unavailable",
}
_REDIRECTED, _REFUSED, _BROKEN = 3, 4, 5
_BY_FAMILY: dict[int, ErrorType] = {_REDIRECTED: "unknown", _REFUSED: "request_refused", _BROKEN: "llm_down"}

_CODES: dict[ErrorType, tuple[str, ...]] = {
    "credit_exhausted": (
        *("insufficient_quota", "insufficient_balance", "insufficient_credits", "credit_balance_too_low"),
        *("billing_error", "billing_not_active", "billing_hard_limit_reached", "payment_required"),
    ),
    "rate_limit": ("rate_limit_exceeded", "rate_limit_error", "too_many_requests", "resource_exhausted"),
    "provider_unavailable": ("unavailable", "service_unavailable", "provider_unavailable"),
    "timeout": ("timeout", "timeout_error", "deadline_exceeded", "request_timeout"),
    "authentication": (
        *("invalid_api_key", "authentication_error", "unauthenticated", "permission_error", "permission_denied"),
    ),
    "request_refused": (
        *("invalid_request_error", "invalid_argument", "badrequesterror", "failed_precondition", "request_too_large"),
        *("not_found", "not_found_error", "model_not_found", "context_length_exceeded"),
    ),
}
_BY_CODE = {word: kind for kind, words in _CODES.items() for word in words}
"""Words that servers send as an error's `code`, `type` or `status` where no HTTP status tells it."""

_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"})


def failure_of(error: BaseException, endpoint: Endpoint, environment: Mapping[str, str], now: float) -> Failure:
    """The failure that an exception of litellm's means. `now` in epoch seconds, for a Retry-After that is a date."""
    causes = list(_causes(error))
    if any(isinstance(cause, ImportError) for cause in causes):
        return _failure("unknown", f"{endpoint.model}: litellm lacks a package for it: {causes[-1]}")
    if (answered := _answered(causes)) is not None:
        trouble = answered.trouble
        kind = error_type_of(trouble)
        message = f"{endpoint.model}: {_words(kind, trouble, endpoint, _shown(trouble.said, environment))}"
        return _failure(kind, message, trouble.status, retry_after(answered.headers, now))
    if unreached := _transport(causes):
        return _failure(unreached, _unreached(unreached, endpoint, causes[-1], environment))
    return _unsent(error, endpoint, environment)


def used_by(error: BaseException, endpoint: Endpoint) -> Usage | None:
    """What a call that failed has used: None where no reply can have been generated; unknown where one may have."""
    causes = list(_causes(error))
    if (answered := _answered(causes)) is not None:
        entry = listed(endpoint.model) if endpoint.has_list_price else {}
        return usage_of(endpoint.model, entry, answered.trouble.usage) if answered.trouble.wrong else None
    if _transport(causes) is None or any(_bases(cause) & _NEVER_SENT for cause in causes):
        return None
    return Usage(endpoint.model, counted=False)


def error_type_of(trouble: Trouble) -> ErrorType:
    """The type of failure that a server's answer is: by its status, else by the words of its error's code."""
    named = [_BY_CODE[code.lower()] for code in trouble.codes if code.lower() in _BY_CODE]
    if "credit_exhausted" in named:
        return "credit_exhausted"
    if trouble.status is not None:
        return _BY_STATUS.get(trouble.status) or _BY_FAMILY.get(trouble.status // 100, "unknown")
    return next(iter(named), "llm_down")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The delay that a server asks for, in seconds, an hour at most: a number, or an HTTP date."""
    text = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    try:
        seconds: float | None = float(text)
    except ValueError:
        seconds = _seconds_until(text, now)
    return None if seconds is None or math.isnan(seconds) else min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _seconds_until(text: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _failure(kind: ErrorType, message: str, status: int | None = None, delay: float | None = None) -> Failure:
    details: dict[str, Any] = {} if status is None else {"status": status}
    if kind == "credit_exhausted":
        details["source"] = "provider"
    return Failure(kind, message, details, delay)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first. litellm wraps what happened up to seven deep."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _bases(error: BaseException) -> set[str]:
    return {base.__name__ for base in type(error).__mro__}


def _answered(causes: list[BaseException]) -> Unusable | None:
    """What a server answered, if it did: heard on its way, or of a client that litellm made without a word."""
    heard = next((cause for cause in causes if isinstance(cause, Unusable)), None)
    if heard is not None:
        return heard
    answers = [cause for cause in causes if "HTTPStatusError" in _bases(cause)]
    if not answers:
        return None
    response: Any = getattr(answers[-1], "response")  # noqa: B009 - httpx is not imported for its type: it is slow
    trouble = read_answer(response.status_code, _body(response), is_completion=False)
    return Unusable(trouble if isinstance(trouble, Trouble) else Trouble(response.status_code), response.headers)


def _transport(causes: list[BaseException]) -> ErrorType | None:
    """`timeout` or `network`, if the connection failed. litellm calls all of these InternalServerError, 500."""
    for cause in causes:
        bases = _bases(cause)
        if "TimeoutException" in bases or "TimeoutError" in bases:
            return "timeout"
        if bases & {"TransportError", "OSError"}:
            return "network"
    return None


def _unsent(error: BaseException, endpoint: Endpoint, environment: Mapping[str, str]) -> Failure:
    """litellm's own refusal, before anything is sent; what went wrong within it; what a server said that it asked."""
    said = _shown(str(error), environment)
    status = getattr(error, "status_code", None)
    if status == _OWN_REFUSAL:
        return _failure("input_invalid", f"{endpoint.model} can't be asked like this, and nothing was sent: {said}")
    told = Trouble(status if isinstance(status, int) and status not in _MADE_UP else None)
    kind = error_type_of(told)
    return _failure(kind, f"{endpoint.model}: {_words(kind, told, endpoint, said)}", told.status)


_OWN_REFUSAL, _MADE_UP = 400, frozenset({500})
"""What litellm says itself, also where no server has said anything."""


def _body(response: Any) -> bytes:
    try:
        return bytes(response.content)
    except RuntimeError:  # it was never read to its end
        return b""


def _said(text: str) -> str:
    """What is told in a text, on one line: a traceback is nobody's business."""
    said = text.partition("\nTraceback")[0].partition("Traceback (most recent call last)")[0]
    printable = "".join(character if character.isprintable() else " " for character in said)
    return " ".join(printable.split())


def _shown(text: str, environment: Mapping[str, str]) -> str:
    return head(mask(_said(text), environment), _LONGEST_SAID)


def _unreached(kind: ErrorType, endpoint: Endpoint, cause: BaseException, environment: Mapping[str, str]) -> str:
    where = f" at {endpoint.host}" if endpoint.host else ""
    if kind == "timeout":
        return f"{endpoint.model} sent nothing for the time of its idle_timeout{where}"
    reason = _shown(str(cause), environment) or type(cause).__name__
    return f"{endpoint.model} can't be reached{where}: {reason}"


def _words(kind: ErrorType, trouble: Trouble, endpoint: Endpoint, said: str) -> str:
    if trouble.wrong:
        return trouble.wrong
    status = f" ({trouble.status})" if trouble.status else ""
    key = endpoint.key_name or "the provider's key"
    what = {
        "authentication": f"access was refused{status}: check {key}, {OFFLINE}",
        "credit_exhausted": f"the account has no credit left{status}",
        "rate_limit": f"asked too often{status}",
        "timeout": f"the provider timed out{status}",
        "request_refused": f"the provider refused the request{status}",
        "llm_down": f"the provider failed{status}",
        "provider_unavailable": f"the provider is not available now{status}",
    }.get(kind, f"the provider gave an answer that can't be used{status}")
    if (trouble.status or 0) // 100 == _REDIRECTED:
        what = f"the provider points to another address{status}, where the key does not go: correct its base URL"
    return f"{what}: {said}" if said else what


_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_KEY_SHAPE = re.compile(r"\b(?:sk|gsk|csk|xai|hf|r8)[-_][A-Za-z0-9*_-]{8,}|\bAIza[A-Za-z0-9*_-]{8,}|(?<=Bearer )\S+")
_SHORTEST_SECRET = 8
MASK = "***"


def mask(text: str, environment: Mapping[str, str]) -> str:
    """`text` without the environment's keys, and without what looks like one (providers quote keys in part)."""
    values = {value for name, value in environment.items() if _SECRET_NAME.search(name)}
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, MASK).replace(quote(value, safe=""), MASK)
    return _KEY_SHAPE.sub(MASK, text)
