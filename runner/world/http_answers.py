"""What a server answered to an HTTP request, as the outcome of the call."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from runner.ground.errors import ErrorType, Failure
from runner.ground.json_text import NotJson, TooManyValues, parse_json
from runner.ground.json_value import Json
from runner.ground.plain import head
from runner.language.schema import compile_schema
from runner.world.calls import CallDone, CallFailed, HttpCall, Outcome
from runner.world.program_exits import KEPT, LONGEST_QUOTED, MARGIN, begins

_FAILED = 400

# What asks to come again. All other statuses are `tool_failed`.
_AGAIN: Mapping[int, ErrorType] = {
    408: "timeout",
    425: "provider_unavailable",
    429: "rate_limit",
    502: "provider_unavailable",
    503: "provider_unavailable",
    504: "provider_unavailable",
}

_JSON = re.compile(r"\s*application/(?:[\w.-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_CHARSETS = re.compile(
    r"utf-8|utf-(?:16|32)(?:-[bl]e)?|ascii|iso8859-\d+|cp125\d|cp874|koi8-[ru]|mac-\w+|"
    r"shift_jis|euc_jp|iso2022_jp|gb2312|gbk|gb18030|big5|euc_kr"
)
"""The codecs that make text of bytes in a time in proportion to those: Python has others under such names."""


class Answer(msgspec.Struct, frozen=True):
    """What came back: the status, the headers by their names in small letters, and the bytes, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    retry_after: float | None = None

    @property
    def text(self) -> str:
        """The body by the charset that it has, or else UTF-8; bytes that are no such text become U+FFFD."""
        return self.body.decode(_charset(self._type), "replace")

    @property
    def says_json(self) -> bool:
        """Whether it is said to be JSON."""
        return _JSON.match(self._type) is not None

    @property
    def _type(self) -> str:
        return self.headers.get("content-type", "")


def _charset(type_: str) -> str:
    named = _CHARSET.search(type_)
    try:
        name = codecs.lookup(named[1]).name if named else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"
    return name if _CHARSETS.fullmatch(name) else "utf-8"


def judged_answer(call: HttpCall, answer: Answer, mask: Callable[[str], str] = str) -> Outcome:
    """The outcome of a request, by its `ok_status` and `output_schema`."""
    text = answer.text
    output: dict[str, Any] = {"status": answer.status, "headers": dict(answer.headers), "body": text, "json": None}
    name = f"{call.method} {call.url.partition('?')[0]}"
    failed = _Failing(name, answer, mask(text[: KEPT + MARGIN])[:KEPT])
    if answer.status >= _FAILED and answer.status not in call.ok_status:
        return failed.by_status()
    is_good = answer.status < _FAILED
    if not answer.body or not (answer.says_json or (is_good and call.output_schema is not None)):
        return failed.because("no JSON was sent") if is_good and call.output_schema is not None else CallDone(output)
    try:
        output["json"] = parse_json(text)
    except TooManyValues as error:
        return failed.because(f"what was sent is too large: {error}", "tool_failed")
    except NotJson as error:
        said = f"what was sent is not JSON: {error}{begins(failed.body, 'nothing was sent')}"
        return failed.because(said) if is_good else CallDone(output)
    if is_good and call.output_schema is not None:
        return _fitted(output, call.output_schema, failed)
    return CallDone(output)


def _fitted(output: dict[str, Json], given: Mapping[str, Json], failed: _Failing) -> Outcome:
    schema = compile_schema(given)
    value = schema.received(output["json"])
    if errors := schema.errors(value):
        return failed.because(f"what was sent does not fit `output_schema`: {errors[0].message}")
    return CallDone({**output, "json": schema.normalise(value)})


class _Failing(msgspec.Struct, frozen=True):
    """How the call called `name` fails by an answer; `body` is what is kept of it."""

    name: str
    answer: Answer
    body: str

    def by_status(self) -> CallFailed:
        status = self.answer.status
        line = " ".join(self.body.split("\n", 1)[0].split())
        said = f": {head(line, LONGEST_QUOTED)}" if line and not line.startswith("<") else ""
        message = f"{self.name} was answered with {status}{_phrase(status)}{said}"
        return CallFailed(Failure(_AGAIN.get(status, "tool_failed"), message, self._details, self.answer.retry_after))

    def because(self, said: str, type_: ErrorType = "output_invalid") -> CallFailed:
        return CallFailed(Failure(type_, f"{self.name}: {said}", self._details))

    @property
    def _details(self) -> dict[str, Any]:
        return {"status": self.answer.status, "headers": dict(self.answer.headers), "body": self.body}


def _phrase(status: int) -> str:
    return f" ({HTTPStatus(status).phrase})" if status in set(HTTPStatus) else ""
