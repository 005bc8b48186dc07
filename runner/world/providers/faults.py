"""What goes wrong with a provider, as the failure it is for a workflow: by what the server said, never by a class."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import msgspec

from runner.ground.errors import ErrorType, Failure
from runner.ground.plain import head
from runner.world.providers.endpoints import OFFLINE, Endpoint, near_provider

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
_BY_FAMILY: dict[int, ErrorType] = {_REFUSED: "input_invalid", _BROKEN: "llm_down"}
# Without an answer that says so, litellm's other statuses mean that it could not read the answer (gemini: 422).
_OWN_CHECKS = frozenset({400, 401, 403, 404, 408})
_NO_SENSE = 500
_NO_CREDIT = re.compile(
    r"insufficient[_ ](quota|balance|credit)|credit balance is too low|billing_hard_limit", re.IGNORECASE
)


class Told(msgspec.Struct, frozen=True):
    """What a server answered, or what litellm makes of no answer: then there is no `body`, and no `headers`."""

    status: int | None
    text: str
    body: str
    headers: Mapping[str, str]


def failure_of(error: BaseException, endpoint: Endpoint, environment: Mapping[str, str], now: float) -> Failure:
    """The failure that an exception of litellm's means. `now` in epoch seconds, for a Retry-After that is a date."""
    causes = list(_causes(error))
    if any(isinstance(cause, ImportError) for cause in causes):
        return _failure("unknown", f"{endpoint.model}: litellm lacks a package for it: {causes[-1]}")
    if not _answered(causes) and (kind := _transport(causes)):
        return _failure(kind, _unreached(kind, endpoint, causes[-1], environment))
    told = _told(error, causes)
    if "LLM Provider NOT provided" in told.text:
        message = f"litellm knows no provider of '{endpoint.model}'{near_provider(endpoint.model)}"
        return _failure("provider_unavailable", message)
    kind = error_type_of(told.status, f"{told.text} {told.body}")
    message = _words(kind, told, endpoint, _shown(told.text, environment))
    return _failure(kind, message, told.status, retry_after(told.headers, now))


def error_type_of(status: int | None, text: str) -> ErrorType:
    """The type of failure that an HTTP status means, with what was said where the status alone does not tell."""
    family = (status or 0) // 100
    if family == _REFUSED and _NO_CREDIT.search(text):
        return "credit_exhausted"
    return _BY_STATUS.get(status or 0) or _BY_FAMILY.get(family, "unknown")


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


def _answered(causes: list[BaseException]) -> Any:
    """The HTTP response behind the causes, if a server gave one. httpx is not imported for it: it is slow."""
    answers = [cause for cause in causes if "HTTPStatusError" in _bases(cause)]
    return getattr(answers[-1], "response", None) if answers else None


def _transport(causes: list[BaseException]) -> ErrorType | None:
    """`timeout` or `network`, if the connection failed. litellm calls all of these InternalServerError, 500."""
    for cause in causes:
        bases = _bases(cause)
        if "TimeoutException" in bases or "TimeoutError" in bases:
            return "timeout"
        if bases & {"TransportError", "OSError"}:
            return "network"
    return None


def _told(error: BaseException, causes: list[BaseException]) -> Told:
    response = _answered(causes)
    if response is not None:
        return Told(response.status_code, str(error), _body(response), response.headers)
    status = getattr(error, "status_code", None)
    return Told(status if status in _OWN_CHECKS else _NO_SENSE, str(error), "", {})


def _body(response: Any) -> str:
    try:
        return str(response.text)
    except RuntimeError:  # it was never read to its end
        return ""


def _said(text: str) -> str:
    """What the provider itself said, out of litellm's words around it."""
    said = text.partition("\nTraceback")[0]
    _, exception, after = said.partition("Exception - ")
    said = (after if exception else said).strip()
    try:
        body = json.loads(said)
        said = str(body["error"]["message"])
    except (ValueError, LookupError, TypeError, RecursionError):
        pass  # most of them are no JSON
    printable = "".join(character if character.isprintable() else " " for character in said)
    return " ".join(printable.split())


def _shown(text: str, environment: Mapping[str, str]) -> str:
    return head(mask(_said(text), environment), _LONGEST_SAID)


def _unreached(kind: ErrorType, endpoint: Endpoint, cause: BaseException, environment: Mapping[str, str]) -> str:
    where = f" at {endpoint.host}" if endpoint.host else ""
    if kind == "timeout":
        return f"{endpoint.model} did not answer in time{where}"
    reason = _shown(str(cause), environment) or type(cause).__name__
    return f"{endpoint.model} can't be reached{where}: {reason}"


def _words(kind: ErrorType, told: Told, endpoint: Endpoint, said: str) -> str:
    status = f" ({told.status})" if told.status else ""
    key = endpoint.key_name or "the provider's key"
    what = {
        "authentication": f"access was refused{status}: check {key}, {OFFLINE}",
        "credit_exhausted": f"the account has no credit left{status}",
        "rate_limit": f"asked too often{status}",
        "timeout": f"the provider timed out{status}",
        "input_invalid": f"the provider refused the request{status}",
        "llm_down": f"the provider failed{status}",
        "provider_unavailable": f"the provider is not available now{status}",
    }.get(kind, f"the provider gave an answer that can't be used{status}")
    if (told.status or 0) // 100 == _REDIRECTED:
        what = f"the provider points to another address{status}, where the key does not go: correct its base URL"
    return f"{endpoint.model}: {what}: {said}" if said else f"{endpoint.model}: {what}"


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
