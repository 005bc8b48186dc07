"""HTTP requests as YAML describes them, for nodes and for tools, and the calls that send them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

import msgspec

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.language.secret_text import OWN
from runner.language.template import Template, ValueTemplate, compile_template
from runner.nodes.contract import StepFailed
from runner.workflow.compiler import NodeReader
from runner.workflow.hosts import PORTS, Authority, authority_of, is_of_the_connection
from runner.workflow.reach import Reached
from runner.world.calls import HttpCall

KEY = "http"
"""What a request stands under, at a node and at a tool."""

_SIGNS = "/?#&=%+;,:@!$'()*[]~"
_MARKS = {ord(sign): chr(0xD800 + number) for number, sign in enumerate(_SIGNS)}
"""Stand for the signs of the file's own text while templates fill it in: half characters, which no text has."""

_UNMARKED = {ord(mark): chr(sign) for sign, mark in _MARKS.items()}
_KEPT = re.compile(rf"([\ud800-{chr(0xD800 + len(_SIGNS) - 1)}]+|{OWN.pattern})")
_OPENING = re.compile(r"\{[{%#]")
_ENCODED = re.compile(r"\|\s*urlencode\b")
_UPWARDS = frozenset({".", ".."})


class Request(msgspec.Struct, frozen=True):
    """A request. `filled`: the address with its own signs marked, where the file itself names the host."""

    url: Template
    method: str
    headers: Mapping[str, Template]
    query: Mapping[str, ValueTemplate]
    body: Template | None
    json: ValueTemplate | None
    ok_status: tuple[int, ...]
    output_schema: Mapping[str, Json] | None
    filled: Template | None

    @property
    def reached(self) -> Reached | None:
        """The host that is asked, where the file itself names it."""
        authority = _authority(self.url) if self.filled is not None else None
        return Reached((KEY, "url"), authority.host) if authority is not None else None


def request(reader: NodeReader, role: str = "") -> Request:
    """The request under the key of a node or a tool."""
    given = reader.get(KEY)
    has_content = "body" in given or "json" in given
    url = reader.template(KEY, "url", role=role)
    _check_headers(reader)
    return Request(
        url,
        given.get("method", "POST" if has_content else "GET"),
        {name: reader.template(KEY, "headers", name, role=role) for name in given.get("headers", {})},
        {name: reader.value(KEY, "query", name, role=role) for name in given.get("query", {})},
        reader.template(KEY, "body", role=role) if "body" in given else None,
        reader.value(KEY, "json", role=role) if "json" in given else None,
        tuple(given.get("ok_status", ())),
        reader.schema(KEY, "output_schema"),
        _marked(url) if _is_fit(url, reader) else None,
    )


def _authority(url: Template) -> Authority | None:
    """What an address says of its host in the file's own text; None where a template says it, or a part of it."""
    start = url.source if url.literal else _OPENING.split(url.source, maxsplit=1)[0]
    return authority_of(start, goes_on=not url.literal)


def _is_fit(url: Template, reader: NodeReader) -> bool:
    """Whether the file itself names a host in an address, and nothing is wrong with that; what is, is noted."""
    authority = _authority(url)
    if authority is None:
        if url.literal:
            hint = "write it in full: https://HOST/PATH"
            reader.error("an address begins with http:// or https://", KEY, "url", hint=hint, rule="url")
        return False
    if authority.scheme not in PORTS:
        words = f"'{authority.scheme}' is not spoken here"
        reader.error(words, KEY, "url", hint="an address begins with http:// or https://", rule="url")
    elif "@" in authority.written:
        hint = 'give them by a header: headers: {Authorization: "…"}'
        reader.error("a name and password in an address are not sent", KEY, "url", hint=hint, rule="url")
    elif not authority.host.name:
        reader.error("the address names no host", KEY, "url", hint="write https://HOST/PATH", rule="url")
    elif any(map(_ENCODED.search, url.pieces[1::2])):
        words = "what is filled into an address is encoded already"
        reader.error(words, KEY, "url", hint="remove `| urlencode`", rule="url")
    else:
        return True
    return False


def _marked(url: Template) -> Template:
    parts = (part if number % 2 else part.translate(_MARKS) for number, part in enumerate(url.pieces))
    return compile_template("".join(parts))


def _check_headers(reader: NodeReader) -> None:
    for name in reader.get(KEY, "headers", default={}):
        if is_of_the_connection(name):
            words = f"header '{name}' says how a request is sent, and is wf's own"
            reader.error(words, KEY, "headers", name, key=True, hint="remove it", rule="header")


def request_call(spec: Request, text: Callable[[Template], str], value: Callable[[ValueTemplate], Json]) -> HttpCall:
    """The call that sends a request; `text` and `value` render it. Raises StepFailed."""
    return HttpCall(
        text(spec.url) if spec.filled is None else _filled(text(spec.filled)),
        spec.method,
        {name: text(header) for name, header in spec.headers.items()},
        tuple(pair for name, entry in spec.query.items() for pair in _pairs(name, value(entry))),
        None if spec.body is None else text(spec.body),
        () if spec.json is None else (value(spec.json),),
        spec.ok_status,
        None if spec.output_schema is None else dict(spec.output_schema),
    )


def _filled(marked: str) -> str:
    """An address as it is asked: what was filled in is one part of its path or query, whatever signs it has."""
    parts, end = [], 0
    for kept in _KEPT.finditer(marked):
        parts += [quote(marked[end : kept.start()], safe=""), kept[0].translate(_UNMARKED)]
        end = kept.end()
    whole = "".join([*parts, quote(marked[end:], safe="")])
    path = whole.partition("?")[0].partition("#")[0]
    if not _UPWARDS.isdisjoint(path.split("/")):
        raise StepFailed(Failure("input_invalid", f"'{whole}' would lead upwards: a part of its path is '.' or '..'"))
    return whole


def _pairs(name: str, given: Json) -> Iterator[tuple[str, str]]:
    """What a query says of a name: a list several times, null not at all. Raises StepFailed."""
    for item in given if isinstance(given, list) else [given]:
        if isinstance(item, dict | list):
            words = f"query '{name}' is a text, a number, a bool, or a list of these"
            raise StepFailed(Failure("input_invalid", words))
        if item is not None:
            yield name, item if isinstance(item, str) else json.dumps(item)
