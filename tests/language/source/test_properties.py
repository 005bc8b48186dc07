"""What holds for every text: it is read, or refused in words; places point at what was read."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    FoldedScalarString,
    LiteralScalarString,
    SingleQuotedScalarString,
)

from runner.ground.errors import InvalidWorkflow, Problem
from runner.language.source import parse
from runner.language.source.events import Events

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
PIECES = (
    "a|b: |- |\n|\n  |\n    | |{|}|[|]|, |: |? |#| # x|!x |&a |*a |'|\"|>|\\|\\n|---\n|...\n|%YAML 1.2\n|<<: "
    "|1|1.5|true|~|\t|when: |{{ x }}| == |é|😀|@|`|%|\r\n|\ufeff|\x85|\x00|\\ud83d"
)
STYLES = (SingleQuotedScalarString, DoubleQuotedScalarString, LiteralScalarString, FoldedScalarString)
YAML_LIKE = st.lists(st.sampled_from([*PIECES.split("|"), "|", "|2-"]), max_size=25).map("".join)


def spelled(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield from spelled(item, (*path, step))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(InvalidWorkflow):
        parse(content, "f.yaml")


@given(st.text(max_size=200) | YAML_LIKE)
def test_any_text_is_read_or_refused_at_a_place(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        source = parse(text, "f.yaml")
    except InvalidWorkflow as refused:
        problems = refused.problems
    else:
        json.dumps(source.data, allow_nan=False).encode()
        for path, value in spelled(source.data):
            source.place(path)
            source.place(path, key=True)
            if isinstance(value, str):
                source.place(path, offset=len(value) // 2)
    assert all(problem.place and problem.message and str(problem) for problem in problems)


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_json_reads_back_equal(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps({"a": value}, ensure_ascii=ascii_only, indent=indent)
    if ascii_only:
        assert parse(text, "f.json").data == {"a": value}
        return
    with contextlib.suppress(InvalidWorkflow):  # some characters must be escaped
        assert parse(text, "f.json").data == {"a": value}


@given(st.lists(st.text(st.sampled_from("ab'\" \\é😀#:{}-"), min_size=1, max_size=12), min_size=1, max_size=5))
def test_a_place_points_at_the_value(texts: list[str]) -> None:
    source = parse(json.dumps(texts, ensure_ascii=False), "f.json")
    for position, text in enumerate(texts):
        place = source.place((position,))
        assert json.loads(place.token) == text


@given(st.text(st.sampled_from("ab'\" #:{}\n"), min_size=1, max_size=40), st.sampled_from(STYLES), st.data())
def test_an_offset_points_at_its_character(text: str, style: Any, data: st.DataObject) -> None:
    stream = io.StringIO()
    dumper = YAML(typ="rt", pure=True)
    dumper.width = 20
    dumper.dump({"key": style(text)}, stream)
    try:
        source = parse(stream.getvalue(), "f.yaml")
    except InvalidWorkflow:
        return  # ruamel.yaml writes some texts in ways that it does not read
    read = source.data["key"]
    if not isinstance(read, str) or not read.strip():
        return
    offset = data.draw(st.sampled_from([i for i, character in enumerate(read) if not character.isspace()]))
    place = source.place(("key",), offset=offset)
    assert place.token in (read[offset], "\\")  # an escape begins with a backslash


@given(YAML_LIKE)
def test_events_are_those_of_ruamel_yaml(text: str) -> None:
    text = text.replace("\r\n", "\n").replace("\x00", "").replace("\x85", "").replace("\ufeff", "")

    def told(events: Any) -> list[object]:
        found: list[object] = []
        with contextlib.suppress(YAMLError, ValueError):
            found.extend(
                (type(event), event.start_mark.index, event.end_mark.index, getattr(event, "value", None))
                for event in events
            )
        return found

    if "!" not in text:
        assert told(Events(text)) == told(YAML(typ="safe", pure=True).parse(text))
