"""A Python tool's schema from its source, which is never run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.ground.errors import SourceError
from runner.workflow.signature import signature_schema


def schema(text: str, function: str = "f") -> dict[str, Any]:
    return signature_schema("/project/tools.py", text, function)


def refused(text: str, function: str = "f") -> str:
    with pytest.raises(SourceError) as error:
        schema(text, function)
    return error.value.message


def test_a_whole_function() -> None:
    text = '''
import json

def word_count(text: str, minimum: int = 3, *, ignore: list[str] | None = None, weight: float) -> int:
    """Count the words
    of a text.

    Longer explanation.

    Args:
        text: What to count.
            In any language.
        minimum (int): Shorter words do not count.
        ignore: Words to leave out: "the", "a".

    Returns:
        weight: not a parameter.
    """
'''
    assert schema(text, "word_count") == {
        "description": "Count the words of a text.",
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What to count. In any language."},
            "minimum": {"type": "integer", "description": "Shorter words do not count.", "default": 3},
            "ignore": {
                "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
                "description": 'Words to leave out: "the", "a".',
                "default": None,
            },
            "weight": {"type": "number"},
        },
        "required": ["text", "weight"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("str", {"type": "string"}),
        ("bool", {"type": "boolean"}),
        ("None", {"type": "null"}),
        ("Any", {}),
        ("typing.Any", {}),
        ("object", {}),
        ("list", {"type": "array"}),
        ("dict", {"type": "object"}),
        ("list[Any]", {"type": "array"}),
        ("List[int]", {"type": "array", "items": {"type": "integer"}}),
        ("collections.abc.Sequence[str]", {"type": "array", "items": {"type": "string"}}),
        ("dict[str, int]", {"type": "object", "additionalProperties": {"type": "integer"}}),
        ("Mapping[str, Any]", {"type": "object"}),
        (
            "dict[str, list[dict[str, float]]]",
            {
                "type": "object",
                "additionalProperties": {
                    "type": "array",
                    "items": {"type": "object", "additionalProperties": {"type": "number"}},
                },
            },
        ),
        ("Optional[str]", {"type": ["string", "null"]}),
        ("str | int | None", {"type": ["string", "integer", "null"]}),
        ("Union[str, str]", {"type": "string"}),
        ("Union[str, list[str]]", {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
        ("Optional[Any]", {}),
        ('Literal["a", 1, None, True]', {"enum": ["a", 1, None, True]}),
        ("Literal[-1]", {"enum": [-1]}),
        ('Annotated[int, "a count"]', {"type": "integer"}),
        ('"list[str]"', {"type": "array", "items": {"type": "string"}}),
    ],
)
def test_each_annotation_has_its_schema(annotation: str, expected: dict[str, Any]) -> None:
    assert schema(f"def f(x: {annotation}): ...")["properties"] == {"x": expected}


def test_without_annotation_anything_goes() -> None:
    assert schema("def f(x): ...")["properties"] == {"x": {}}


def test_a_function_without_parameters_takes_nothing() -> None:
    assert schema("async def f(): ...") == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(("default", "expected"), [("'a'", {"default": "a"}), ("None", {"default": None}), ("[]", {})])
def test_a_default_is_shown_where_it_is_plain(default: str, expected: dict[str, Any]) -> None:
    found = schema(f"def f(x={default}): ...")
    assert (found["properties"]["x"], found["required"]) == (expected, [])


@pytest.mark.parametrize(
    "annotation",
    [
        "set[str]",
        "bytes",
        "datetime.date",
        "dict[int, str]",
        "dict[str]",
        "list[int, str]",
        "Callable[[int], str]",
        'Literal["a", b]',
        "print('x')",
        "[str]",
        '"not valid("',
        "Foo",
        "Optional[Foo]",
        "3",
    ],
)
def test_an_annotation_without_a_schema_is_refused_at_its_line(annotation: str) -> None:
    message = refused(f"\ndef f(a: str,\n      x: {annotation}): ...")
    assert message.startswith("tools.py:")
    assert "parameter 'x' has the type '" in message
    assert message.endswith("', which has no JSON Schema")


def test_the_line_of_an_annotation_is_told() -> None:
    assert (
        refused("\n\ndef f(x: bytes): ...")
        == "tools.py:3: parameter 'x' has the type 'bytes', which has no JSON Schema"
    )


@pytest.mark.parametrize(
    ("parameters", "name"), [("*args", "args"), ("a, **more", "more"), ("only, /", "only"), ("a, *rest, b", "rest")]
)
def test_what_can_not_be_given_by_name_is_refused(parameters: str, name: str) -> None:
    assert refused(f"def f({parameters}): ...") == f"tools.py:1: parameter '{name}' of 'f' can't be given by name"


def test_a_function_that_is_not_there_has_near_names() -> None:
    text = "def word_count(): ...\nclass C:\n    def inner(self): ...\nother = word_count"
    assert refused(text, "wordcount") == "tools.py has no function 'wordcount'; did you mean 'word_count'?"
    assert refused(text, "inner") == "tools.py has no function 'inner'"
    assert refused(text, "other") == "tools.py has no function 'other'"


def test_the_last_definition_counts_as_it_does_in_python() -> None:
    assert list(schema("def f(a): ...\ndef f(b): ...")["properties"]) == ["b"]


def test_a_hostile_file_is_not_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    touch = f"open({str(canary)!r}, 'w')"
    (tmp_path / "evil_neighbour.py").write_text(touch)
    text = f"""
import evil_neighbour
{touch}
@{touch}.write
def f(x: str = {touch}, y: "int" = 3) -> {touch}:
    '''Summary.'''
class C({touch}): ...
"""
    found = schema(text)
    assert found["properties"] == {"x": {"type": "string"}, "y": {"type": "integer", "default": 3}}
    refused(f"def f(x: {touch}): ...")
    assert not canary.exists()
    assert "evil_neighbour" not in sys.modules


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "tools.py:1: invalid syntax"),
        ("x = 1\n  y = 2", "tools.py:2: unexpected indent"),
        ("a\0b", "source code string cannot contain null bytes"),
        ("(" * 5000, "tools.py"),
        ("x = " + "-" * 200_000 + "1", "tools.py"),
        ("x = " + "a." * 50_000 + "b", "tools.py"),
        ("\ud800", "tools.py"),
    ],
)
def test_what_is_not_python_is_refused_without_a_crash(text: str, message: str) -> None:
    assert message.removeprefix("tools.py:") in refused(text)


def test_a_deep_annotation_is_refused_without_a_crash() -> None:
    deep = "list[" * 90 + "int" + "]" * 90
    assert schema(f"def f(x: {deep}): ...")
    assert "tools.py" in refused("def f(x: " + "int | " * 5000 + "str): ...")


def test_warnings_of_the_users_code_are_not_ours() -> None:
    assert schema('def f(x: str = "\\d"): return 1 is 1')


@given(some.text(max_size=60))
def test_any_text_gives_a_schema_or_a_refusal(text: str) -> None:
    for source in (text, f"def f(x: {text}): ...", f"def f(x):\n    '''{text}'''"):
        try:
            assert schema(source)["type"] == "object"
        except SourceError:
            continue
