"""What is written as YAML is read as the very same values, and is fit to be read and compared."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from runner.ground.json_value import Json
from runner.language.source import parse
from runner.language.yaml_writer import DEEPEST, is_writable, written

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text("ab: #-'\"\\\n\t |>%@`&*!?{}[],", max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=12)


def read(value: Json) -> Json:
    return parse(written({"value": value}), "x.yaml").data["value"]


@given(VALUES)
@example("a\n")
@example("a\n\n")
@example("a\n\n\nb\n  c")
@example("\na")
@example("a\n ")
@example("a\n\t\n")
@example("1e5")
@example("0x1F")
@example("~")
@example("\x85\u2028\ufeff\x7f")
@example({"null": [[], {}, [[1]], [{"a": []}]]})
@example({"": "", "<<": "", "~": 1, "k" * 101: 0})
@example([2**63, -(2**63), 1.0, 1e300, -0.0])
def test_what_is_writable_is_read_as_the_same(value: Json) -> None:
    if is_writable(value):
        assert repr(read(value)) == repr(value)


def test_what_is_too_deep_or_too_large_a_number_is_not_writable() -> None:
    deep: Json = 1
    for _ in range(DEEPEST):
        deep = [deep]
    assert is_writable(deep[0])
    assert not is_writable(deep)
    assert not is_writable({"n": 2**63})
    assert not is_writable({"k" * 101: 1})
    assert is_writable({"n": 2**63 - 1, "yes": True})


def test_it_looks_as_a_person_would_write_it() -> None:
    value = {"name": "tea", "is it": "no: wine", "lines": "one\n  two\n", "list": [{"a": 1, "b": [2]}, [], "x"]}
    shown = written(value)
    assert shown == (
        "name: tea\n"
        "\"is it\": 'no: wine'\n"
        "lines: |\n"
        "  one\n"
        "    two\n"
        "list:\n"
        "  - a: 1\n"
        "    b:\n"
        "      - 2\n"
        "  - []\n"
        "  - x\n"
    )
